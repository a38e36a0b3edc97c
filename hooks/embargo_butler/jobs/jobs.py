"""What the object store has of a declared environment, for `import`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from embargo_butler.buckets.inventory import (
    Inventory,
)
from embargo_butler.config.config import (
    Config,
)
from embargo_butler.connections import Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import (
    Gathering,
    KubernetesError,
)
from embargo_butler.jobs import owner_keys
from embargo_butler.jobs.buckets import ledger_of
from embargo_butler.migration.importing import Live
from embargo_butler.model.resources import (
    ObservedBucket,
)
from embargo_butler.secret import Secret


def live_buckets(config: Config, world: Connections, report: Report) -> Live:
    """Read what `buckets import` writes down; what the cluster does not tell is a warning.

    Raises:
        Problems: Something in Vault or the object store could not be read.
    """
    declared = config.required_buckets
    gathering, cluster = Gathering(), world.cluster()
    # Of each bucket, be nothing of it confirmed yet.
    asked = {name: replace(each, manages_policy=True) for name, each in declared.buckets.items()}
    whole = replace(declared, topics={}, buckets=asked)
    gateways = owner_keys.enter_all(config, whole, Inventory(), world, report, gathering)
    found, topics = {}, {}
    for name, bucket in declared.buckets.items():
        report.step(f"reading bucket {name}")
        with gathering.catching():
            store = gateways.get(bucket.owner)
            if store is None:
                continue
            there = ObservedBucket(store.notifications(name), tuple(store.policy(name)))
            found[name] = there
            for notification in there.notifications:
                if notification.name not in bucket.foreign:
                    topic = store.topic(notification.topic)
                    topics.update({topic.name: topic} if topic else {})
    gathering.check()
    secrets, inventory, address = dict[str, Mapping[str, Secret]](), Inventory(), ""
    try:
        inventory = ledger_of(config, cluster, report).of(declared.endpoint)
        if config.enqueue:
            address = cluster.service(config.enqueue.service).address or ""
        for name in (*config.secrets, *sorted(config.existing)):
            if held := cluster.secret(config.secret_name(name)):
                secrets[name] = held.data
    except KubernetesError as error:
        report.warn(
            f"not all of the cluster can be seen, so some is as the gateway has it: {error}"
        )
    return Live(found, topics, secrets, address, inventory)
