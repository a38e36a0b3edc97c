"""Reads what is live of the declared buckets and topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from embargo_butler.buckets.inventory import Inventory
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.config.config import Config
from embargo_butler.connections import Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import GatewayError, Gathering, HooksError, KubernetesError, VaultError
from embargo_butler.jobs import owner_keys
from embargo_butler.jobs.buckets import ledger_of
from embargo_butler.migration.importing import Live
from embargo_butler.model.ports import Gateway
from embargo_butler.model.resources import ObservedBucket, Topic
from embargo_butler.secret import Secret


def of_buckets(config: Config, world: Connections, report: Report) -> Live:
    """Read what `buckets import` writes down; what the cluster does not tell is a warning.

    Raises:
        Problems: Something in Vault or the object store could not be read.
    """
    declared, gathering = config.required_buckets, Gathering()
    whole = replace(_asked(declared), topics={})
    entered = owner_keys.enter(config, whole, Inventory(), world, report, gathering)
    gathering.found += [VaultError(str(lack), "path-absent") for lack in entered.lacking.values()]
    found, topics = {}, dict[str, Topic]()
    for name, bucket in declared.buckets.items():
        with gathering.catching():
            if store := entered.gateways.get(bucket.owner):
                found[name], used = _live_bucket(name, bucket.foreign, store, report, gathering)
                topics |= used
    gathering.check()
    return _with_cluster(config, Live(found, topics, {}, ""), world, report)


def as_far_as_seen(
    config: Config, declared: BucketConfig, world: Connections, report: Report
) -> Live:
    """Read what is live of some buckets and topics; of each bucket is told why it cannot be read.

    Args:
        config: The configuration.
        declared: What to look at, as if all of it were confirmed.
        world: Makes the connections.
        report: Is told what is done.

    Raises:
        Problems: There is no login to Vault.
    """
    gathering = Gathering()
    store = owner_keys.enter(config, _asked(declared), Inventory(), world, report, gathering)
    gathering.check()
    owners, unread, beside = dict[str, str](), dict[str, HooksError](), Gathering()
    for owner, gateway in store.gateways.items():
        report.step(f"listing the buckets of {owner}")
        with beside.catching():
            for name in gateway.buckets():
                spec = declared.buckets.get(name)
                if spec and owners.get(name) != spec.owner:
                    owners[name] = owner
    found, topics = {}, dict[str, Topic]()
    for name, spec in declared.buckets.items():
        owner = owners.get(name, spec.owner)
        if owner in store.lacking:
            lack = f"the keys of its owner are not there: {store.lacking[owner]}"
            unread[name] = VaultError(lack, "path-absent")
            continue
        try:
            reader = store.gateways[owner]
            found[name], used = _live_bucket(name, spec.foreign, reader, report, beside)
            topics |= used
        except GatewayError as error:
            unread[name] = error
    for name, topic in declared.topics.items():
        # Another one may stand under its name than the one that is announced to.
        if name not in topics and topic.owner in store.gateways:
            with beside.catching():
                there = store.gateways[topic.owner].topic(name)
                topics |= {name: there} if there else {}
    for problem in beside.found:
        report.warn(str(problem))
    live = Live(found, topics, {}, "", unread=unread, owners=owners)
    return _with_cluster(config, live, world, report)


def _asked(declared: BucketConfig) -> BucketConfig:
    """Return it with something to look at in each bucket, be nothing of it confirmed yet."""
    asked = {name: replace(each, manages_policy=True) for name, each in declared.buckets.items()}
    return replace(declared, buckets=asked)


def _live_bucket(
    name: str, foreign: Collection[str], store: Gateway, report: Report, gathering: Gathering
) -> tuple[ObservedBucket, dict[str, Topic]]:
    """Return what a bucket has, with the topics that it announces to, but for others' own.

    Raises:
        GatewayError: It cannot be read; that a topic cannot be read is noted.
    """
    report.step(f"reading bucket {name}")
    there = ObservedBucket(store.notifications(name), tuple(store.policy(name)))
    topics = dict[str, Topic]()
    for topic in sorted({each.topic for each in there.notifications if each.name not in foreign}):
        with gathering.catching():
            if found := store.topic(topic):
                topics[topic] = found
    return there, topics


def _with_cluster(config: Config, live: Live, world: Connections, report: Report) -> Live:
    """Add what the cluster has; what it does not tell is a warning."""
    secrets, inventory, address = dict[str, Mapping[str, Secret]](), Inventory(), ""
    cluster, endpoint = world.cluster(), config.required_buckets.endpoint
    try:
        inventory = ledger_of(config, cluster, report).of(endpoint)
        if config.enqueue:
            address = cluster.service(config.enqueue.service).address or ""
        for name in (*config.secrets, *sorted(config.existing)):
            if held := cluster.secret(config.secret_name(name)):
                secrets[name] = held.data
    except KubernetesError as error:
        report.warn(
            f"not all of the cluster can be seen, so some is as the gateway has it: {error}"
        )
    return replace(live, secrets=secrets, address=address, inventory=inventory)
