"""Our notifications, taken away for as long as nobody empties the topics' queues.

The queue of a persistent topic whose endpoint is away fills (128 MiB by default), and then the
gateway slows and refuses the camera's PUTs (Ceph 18.2, facts of the gateway). So this needs Vault
and the object store and nothing of the cluster, which may be what is away. Where it answers, the
inventory, which is kept over an uninstall, tells of notifications that are declared no longer.
"""

from __future__ import annotations

from dataclasses import replace

from embargo_butler.buckets.inventory import Inventory, is_one
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.config.config import Config
from embargo_butler.connections import Connections
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import (
    ConfigError,
    GatewayError,
    Gathering,
    KubernetesError,
    NoBucketError,
    Problems,
)
from embargo_butler.jobs import buckets as buckets_job
from embargo_butler.jobs import owner_keys
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.plan import Change, DeleteNotification, Plan
from embargo_butler.model.ports import Gateway


def withdrawal(config: Config, world: Connections, report: Report) -> Job:
    """Plan to take away each notification of ours, declared or made, whose events would wait.

    A shared topic has other consumers, who still empty it: its notification stays. An owner whose
    keys are not there, and a bucket that cannot be read, are misfortunes and keep no other; where
    Vault is away, what a person has the keys of goes, and the rest is the job's problem.

    Raises:
        Problems: The configuration has a mistake; nothing was written.
    """
    declared = config.required_buckets
    gathering = Gathering()
    made = _made(config, declared, world, report)
    announcing = {name: each for name, each in declared.buckets.items() if each.notifications}
    owners = {bucket: each.owner for (bucket, _), each in made.notifications.items()}
    owners |= {name: each.owner for name, each in announcing.items()}
    # Whose buckets announce nothing, their keys may be missing.
    asked = replace(declared, topics={}, buckets=announcing)
    # Vault may be what is away.
    store = owner_keys.enter(config, asked, made, world, report, gathering, profiles_first=True)
    if mistakes := [each for each in gathering.found if isinstance(each, ConfigError)]:
        raise Problems(mistakes)
    lacking = [owner_keys.undone(lack, name, asked, made) for name, lack in store.lacking.items()]
    plan = Plan(misfortunes=tuple(lacking))
    for bucket, owner in owners.items():
        if gateway := store.gateways.get(owner):
            report.step(f"reading bucket {bucket}")
            try:
                plan += _of(bucket, owner, declared, made, gateway)
            except NoBucketError as error:
                plan += Plan(warnings=(str(error),))
            except GatewayError as error:
                unread = Misfortune(f"bucket {bucket}", f"what announces there stays: {error}")
                plan += Plan(misfortunes=(unread,))
    problems = tuple(gathering.found)
    return Job(plan, world.cluster(), store.gateways, problems=problems)


def _made(config: Config, declared: BucketConfig, world: Connections, report: Report) -> Inventory:
    """Return the notifications that we have made, none where the cluster does not tell."""
    try:
        ledger = buckets_job.ledger_of(config, world.cluster(), report)
        ours = ledger.of(declared.endpoint).without(declared.unconfirmed)
    except KubernetesError as error:
        report.warn(f"only what is declared is looked for: {error}")
        return Inventory()
    return Inventory(notifications=ours.notifications)


def _of(bucket: str, owner: str, declared: BucketConfig, made: Inventory, gateway: Gateway) -> Plan:
    changes, warnings = [], []
    spec = declared.buckets.get(bucket)
    topics = {each.topic for each in spec.notifications.values()} if spec else set[str]()
    # With whom each is shared, by the name of the notification that we have made.
    names = {
        name: each.shared
        for (of, _), each in made.notifications.items()
        for name in each.names
        if of == bucket
    }
    for live in gateway.notifications(bucket):
        ours = [name for name in topics if is_one(live.topic, name)]
        if not ours and live.name not in names:
            continue
        shared = names.get(live.name, ()) if not ours else declared.topics[ours[0]].shared
        stays = f"notification {live.name} of bucket {bucket} stays: "
        if spec and live.name in spec.foreign:
            warnings.append(
                f"{stays}it is declared foreign, though it uses our topic {live.topic}, whose "
                "queue goes on filling; ask those whose it is to take it away"
            )
        elif shared:
            warnings.append(f"{stays}topic {live.topic} is consumed by {', '.join(shared)} too")
        elif (topic := gateway.topic(live.topic)) is None or topic.persistent:
            gone = DeleteNotification(owner, bucket, live.name)
            changes.append(Change(gone, "withdrawn, until the next apply puts it back"))
    return Plan(tuple(changes), tuple(warnings))
