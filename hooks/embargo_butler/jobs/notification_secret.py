"""The secret that enqueue asks of each notification changes in one go: Secret, pods, topics.

Enqueue answers 200 to what carries another secret, drops it, and writes that secret into its log.
So its pods come first, all of them, and then the topics: what the log shows is the retired secret,
and what was dropped in between is looked up in the bucket. The secrets job therefore leaves the key
as it is once it is there, and the buckets job changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from embargo_butler.buckets.inventory import Inventory
from embargo_butler.buckets.observed import Attributes, Observed
from embargo_butler.config.config import Config, VaultPath, with_secret
from embargo_butler.config.delivery import SecretKey
from embargo_butler.errors import Gathering
from embargo_butler.model import times
from embargo_butler.model.plan import ApplySecret, AwaitRestart, Change, Lookup, Plan, Restart
from embargo_butler.model.ports import Cluster
from embargo_butler.model.resources import KubernetesSecret, Topic
from embargo_butler.secrets import restarts as settling
from embargo_butler.secrets import sync as secret_sync
from embargo_butler.secrets.sync import Documents

_WHY = "enqueue answers 200 to what carries the secret before, and drops it"


@dataclass(frozen=True)
class Renewal:
    """A key that is to have another value.

    Attributes:
        at: The key.
        live: Its Secret.
        wanted: What the Secret is to be.
    """

    at: SecretKey
    live: KubernetesSecret
    wanted: KubernetesSecret

    @property
    def put_off(self) -> str:
        """What to say where nothing may be restarted."""
        return (
            f"Secret {self.at.secret}, key {self.at.key}: Vault has another value, which takes a "
            "restart of enqueue; hooks.restart is report, so nothing changes. Release once with "
            "--set hooks.restart=apply"
        )


def held_back(
    config: Config, desired: Iterable[KubernetesSecret], live: Mapping[str, KubernetesSecret]
) -> Iterator[KubernetesSecret]:
    """Yield the declared Secrets, the key with the value that it has once it is there."""
    at = config.notification_secret
    for wanted in desired:
        there = live.get(wanted.name)
        value = there.data.get(at.key) if at and there and at.secret == wanted.name else None
        if at and value is not None and at.key in wanted.data:
            wanted = replace(wanted, data={**wanted.data, at.key: value})
        yield wanted


def paths(config: Config) -> list[VaultPath]:
    """Return what of Vault tells the value."""
    at = config.notification_secret
    return secret_sync.paths_of(config.secrets[at.secret][at.key]) if at else []


def renewal(
    config: Config, documents: Documents, live: KubernetesSecret | None, gathering: Gathering
) -> Renewal | None:
    """Tell whether the value is to be another one.

    Args:
        config: What is declared.
        documents: What was read from Vault.
        live: The Secret that is there.
        gathering: Is told what is wrong with the declared value.
    """
    at = config.notification_secret
    if not at or live is None or at.key not in live.data:
        return None
    value = None
    with gathering.catching():
        what = f"Secret {at.secret}, key {at.key}"
        value = secret_sync.value_of(what, config.secrets[at.secret][at.key], documents)
    if value is None or live.data[at.key] == value:
        return None
    kept = {key: each for key, each in live.data.items() if key in live.applied}
    return Renewal(at, live, replace(live, data={**kept, at.key: value}))


def enqueue_first(
    config: Config, cluster: Cluster, live: KubernetesSecret | None, renewing: Renewal | None
) -> Plan:
    """Plan what comes before the topics: the Secret, where it changes, and enqueue's pods with it.

    Args:
        config: What is declared.
        cluster: Where the pods are.
        live: The Secret as it is before.
        renewing: The change of the Secret; None where it was made before, and not all of the rest.
    """
    at = config.notification_secret
    assert at
    readers = {
        pod.owner
        for pod in cluster.pods()
        for use in pod.uses
        if use.secret == at.secret and use.key == at.key
    }
    owners = [each for each in config.hooks.restart.workloads if each in readers]
    plan = Plan()
    if renewing:
        apply = ApplySecret(renewing.wanted, renewing.live)
        changes = [Change(apply, f"changed {at.key}, with enqueue and its topics")]
        changes += [Change(Restart(each), f"gets the next {at.secret}/{at.key}") for each in owners]
        plan = Plan(tuple(changes))
    elif live:
        # Whoever a run that was killed between the two has not restarted.
        held = settling.look(config, cluster, {at.secret: live})
        older = {owner: keys for owner, keys in held.stale.items() if (at.secret, at.key) in keys}
        plan = settling.restarts(config, cluster, replace(held, stale=older))
    why = "its topics follow when all of its pods have the secret"
    return plan + Plan(tuple(Change(AwaitRestart(each, at.secret, at.key), why) for each in owners))


def dropped(
    config: Config,
    attributes: Attributes,
    observed: Observed,
    inventory: Inventory,
    live: KubernetesSecret | None,
    now: datetime,
) -> list[Lookup]:
    """Return what is to be looked up when topics are about to carry another secret.

    Args:
        config: What is declared.
        attributes: What the topics are to have.
        observed: What they have.
        inventory: Under which names.
        live: The Secret as it is before.
        now: The UTC time.
    """
    at, buckets = config.notification_secret, config.buckets
    if not at or not buckets or not live:
        return []
    changing = set()
    for name in with_secret(buckets, at):
        real = inventory.real(name)
        there = observed.topics.get(real)
        if there and "OpaqueData" in Topic(real, attributes[name]).differs(there):
            changing.add(name)
    since = times.text(min(live.since.get(at.key, now), now))
    return [
        Lookup(bucket.name, _WHY, since=since)
        for bucket in buckets.buckets.values()
        if not changing.isdisjoint(each.topic for each in bucket.notifications.values())
    ]
