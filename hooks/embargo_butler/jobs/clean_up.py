"""What an uninstall takes away: what we announce with, then our Secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from embargo_butler.buckets import observed as buckets
from embargo_butler.buckets import plan as bucket_plan
from embargo_butler.buckets.confirmation import without_buckets, without_owners
from embargo_butler.buckets.inventory import Inventory
from embargo_butler.config.buckets import BucketConfig, BucketSpec, Retired
from embargo_butler.config.config import Config
from embargo_butler.connections import Connections
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import DangerError, Gathering, UnsafePlanError
from embargo_butler.jobs import owner_keys
from embargo_butler.jobs.buckets import ledger_of
from embargo_butler.model.plan import Change, DeleteNotification, DeleteRight, DeleteSecret, Plan
from embargo_butler.model.ports import Cluster
from embargo_butler.terminal import command
from embargo_butler.waiting import until

_TOLD_SECONDS = 60
"""Within which a cluster, even a busy one, has told the pods of deleted workloads to end."""


def refuse_running(config: Config, cluster: Cluster, report: Report) -> None:
    """See that the release is gone: `kubectl apply` of a whole rendering runs its clean-up too.

    An uninstall waits neither for what it deletes nor for the cluster to tell the pods.

    Raises:
        UnsafePlanError: A workload is there to stay, or its pods are (`--cascade orphan`).
    """
    there = ("-n", config.namespace)
    live = {owner: cluster.rollout(owner) for owner in config.hooks.restart.workloads}
    staying = [owner for owner, found in live.items() if found and not found.leaving]
    if staying:
        uninstall = command(["helm", "uninstall", config.environment, *there])
        tidy = command(["kubectl", "delete", "job", *there, f"{config.fullname}-clean-up"])
        raise UnsafePlanError(
            f"namespace {config.namespace} runs {', '.join(staying)}, and nobody is deleting them: "
            f"what they need stays. To take the environment away: `{uninstall}`. If a `helm "
            "template` was applied with kubectl, which runs every hook: give it `--no-hooks`, and "
            f"`{tidy}`"
        )
    for left in until(time.monotonic() + _TOLD_SECONDS, 1):
        if not (orphans := _orphans(config, cluster)):
            break
        if left <= 0:
            raise UnsafePlanError(
                f"namespace {config.namespace} runs pods without {', '.join(orphans)}, and nobody "
                "is deleting them (`--cascade orphan`?): what they need stays. Delete them, then "
                "`embargo-butler job clean-up --config FILE`. If nobody hears by our notifications "
                f"any more, once a queue is full the camera's PUTs fail: `{_withdraw(config)}`"
            )
        report.step(f"waiting until the pods of {', '.join(orphans)} are told to end")


def _orphans(config: Config, cluster: Cluster) -> list[str]:
    """Return the workloads whose pods are there to stay."""
    if not config.hooks.restart.workloads:
        return []
    owners = {pod.owner for pod in cluster.pods() if not pod.leaving}
    return [owner for owner in config.hooks.restart.workloads if owner in owners]


def _withdraw(config: Config) -> str:
    return command(["make", "withdraw", f"ENV={config.environment}", "APPLY=1"])


def clean_up(config: Config, world: Connections, report: Report) -> Job:
    """Plan what an uninstall takes out of the object store: notifications, then topics, ours alone.

    What belongs to an owner without keys stays, and is told of as a misfortune.

    Raises:
        Problems: Something could not be read; nothing was written.
    """
    if config.buckets and not config.buckets.keep:
        return _retirement(config, config.buckets, world, report)
    return Job(Plan(), world.cluster())


def announcing(config: Config, cluster: Cluster, report: Report) -> tuple[str, ...]:
    """Return the notifications that an uninstall takes away, as changes name them.

    Raises:
        KubernetesError: It is not known what is ours.
    """
    if not config.buckets or config.buckets.keep:
        return ()
    inventory = ledger_of(config, cluster, report).of(config.buckets.endpoint)
    return tuple(
        DeleteNotification(bucket.owner, bucket.name, name).target
        for bucket in without_ours(config.buckets, inventory).buckets.values()
        for name in bucket.retired.notifications
    )


def danger(config: Config, before: Sequence[str] | None, report: Report) -> DangerError | None:
    """Tell of the notifications that are left and announce to nobody, if there may be any.

    Args:
        config: The configuration.
        before: What `announcing` returned beforehand; None where that was not to be known.
        report: Has what was taken away.
    """
    if before is None:
        what = "notifications of ours may be left, and announce to nobody"
    elif left := [target for target in before if target not in report.done]:
        what = f"{', '.join(left)}: left, and announces to nobody"
    else:
        return None
    return DangerError(
        f"{what}; once the topic's queue is full, the gateway refuses the camera's PUTs. Take it "
        f"away, from a checkout: `{_withdraw(config)}`"
    )


def _retirement(config: Config, declared: BucketConfig, world: Connections, report: Report) -> Job:
    gathering, cluster = Gathering(), world.cluster()
    ledger = ledger_of(config, cluster, report)
    inventory = ledger.of(declared.endpoint)
    left = without_ours(declared, inventory)
    store = owner_keys.enter(config, left, inventory, world, report, gathering)
    misfortunes = tuple(
        owner_keys.undone(lack, name, left, inventory) for name, lack in store.lacking.items()
    )
    left = without_owners(left, inventory, store.lacking)
    observed = buckets.observe(left, inventory, store.gateways, report, gathering)
    gathering.check()
    told = buckets.missing_buckets(replace(left, buckets={}), inventory, observed)
    left = without_buckets(left, inventory, observed.gone)
    now, name = datetime.now(UTC), config.inventory_name
    plan = bucket_plan.plan_buckets(left, {}, observed, ledger, name, now)
    rest = Plan((), tuple(_never_ours(declared, inventory)), misfortunes=misfortunes)
    return Job(told + plan + rest, cluster, store.gateways)


def _never_ours(declared: BucketConfig, inventory: Inventory) -> Iterator[str]:
    """Tell of notifications that were there as declared before us: nobody answers them now."""
    for bucket in declared.buckets.values():
        for spec in bucket.notifications.values():
            topic = declared.topics.get(spec.topic)
            lasting = topic and topic.attributes.get("persistent") == "true" and not topic.shared
            if lasting and (bucket.name, spec.name) not in inventory.notifications:
                yield (
                    f"notification {spec.name} of bucket {bucket.name} stays: it was there before "
                    f"and was not taken over. Topic {spec.topic} keeps its events, and once its "
                    "queue is full the gateway refuses PUTs: take the notification away by hand"
                )


def without_ours(config: BucketConfig, inventory: Inventory) -> BucketConfig:
    """Return the declaration that is left when a release is gone.

    Each notification that is ours alone is retired by name and each such topic left without its
    drain time: nothing answers at its endpoint any more. Policies stay, since people read the
    images by them whether or not they are ingested.

    Args:
        config: What the release declares.
        inventory: What is ours.
    """
    retired: dict[str, list[str]] = {}
    owners = {}
    for (bucket, declared), owned in inventory.notifications.items():
        if not owned.shared and not config.unconfirmed.has_notification(bucket, declared):
            retired.setdefault(bucket, []).extend(owned.names)
            owners[bucket] = owned.owner
    kept = dict.fromkeys(inventory.policies, "kept over an uninstall")
    return replace(
        config,
        topics={},
        buckets={name: _only(name, owners[name], tuple(ids)) for name, ids in retired.items()},
        drain=0,
        unconfirmed=replace(config.unconfirmed, policies={**config.unconfirmed.policies, **kept}),
    )


def _only(bucket: str, owner: str, retired: tuple[str, ...]) -> BucketSpec:
    return BucketSpec(
        name=bucket,
        owner=owner,
        retired=Retired(notifications=retired),
    )


def secrets(config: Config, cluster: Cluster) -> Plan:
    """Plan what an uninstall takes away of Secrets and rights over them, ours alone.

    Raises:
        Problems: Something could not be read.
    """
    gathering = Gathering()
    changes, warnings = list[Change](), list[str]()
    rights = cluster.rights()
    earlier = {name for right in rights for name in right.secrets} - config.secrets.keys()
    for name in (*config.secrets, *sorted(earlier - config.existing)):
        with gathering.catching():
            live = cluster.secret(name)
            if live and live.ours:
                changes.append(Change(DeleteSecret(name), "uninstalled"))
            elif live:
                warnings.append(f"Secret {name} stays: it was not made by embargo-hooks")
    gathering.check()
    # The right to take bindings away goes last.
    rights = sorted(rights, key=lambda right: not right.secrets)
    changes += [Change(DeleteRight(right), "uninstalled") for right in rights]
    return Plan(tuple(changes), tuple(warnings))
