"""The only mutator: carries out a plan, step by step, and reads back what it wrote."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import inf

from embargo_butler.engine.report import Report
from embargo_butler.errors import GatewayError, KubernetesError
from embargo_butler.model.plan import (
    INVENTORY,
    AdmitPassword,
    ApplySecret,
    AwaitRestart,
    DeleteNotification,
    DeleteRight,
    DeleteSecret,
    DeleteTopic,
    DismissPassword,
    Instruction,
    Plan,
    PutNotification,
    PutPolicy,
    PutTopic,
    Restart,
    WriteInventory,
)
from embargo_butler.model.ports import Cluster, Gateway, Passwords
from embargo_butler.model.resources import same_notification
from embargo_butler.model.stale import stale
from embargo_butler.model.statements import same
from embargo_butler.waiting import until

SEEN_SECONDS = 2.0
"""Within which a node gives a starting container what a Secret holds now, clocks included."""
_LOOK_SECONDS = 1.0


def apply(
    plan: Plan,
    cluster: Cluster,
    gateways: Mapping[str, Gateway],
    report: Report,
    check: Callable[[], None] = lambda: None,
    passwords: Callable[[], Passwords] | None = None,
    until: float = 0.0,
) -> None:
    """Make a plan's changes in their order.

    Args:
        plan: The plan.
        cluster: The namespace.
        gateways: The object store, by owner.
        report: Is told what is done.
        check: Called before each change; raises if this run may not write any more.
        passwords: Tells whom Redis lets in; needed where a password changes.
        until: The monotonic time until which a restart is waited for.

    Raises:
        HooksError: A change failed, or is not there when read back; what follows it was not begun.
    """
    seen = 0.0
    for change in plan.changes:
        check()
        report.begin(change)
        match change.instruction:
            case ApplySecret(secret=secret, live=live):
                now = datetime.now(UTC)
                cluster.apply_secret(secret.dated(live, now, now + timedelta(seconds=SEEN_SECONDS)))
                seen = time.monotonic() + SEEN_SECONDS if live else seen
            case Restart(owner=owner):
                # What starts before the value is that old would count as stale for ever.
                _sleep_until(seen)
                cluster.restart(owner, datetime.now(UTC))
            case AdmitPassword(digest=digest, by=by):
                assert passwords
                passwords().admit(by, digest)
            case DismissPassword(digest=digest, by=by):
                assert passwords
                passwords().dismiss(by, digest)
            case AwaitRestart():
                _await(change.instruction, cluster, until, check)
            case _:
                _perform(change.instruction, cluster, gateways)
        report.did(change)
    # So that the pods of a release that goes on from here are younger than the values.
    _sleep_until(seen)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _perform(instruction: Instruction, cluster: Cluster, gateways: Mapping[str, Gateway]) -> None:
    match instruction:
        case DeleteSecret(name=name):
            cluster.delete_secret(name)
        case DeleteRight(right=right):
            cluster.delete_right(right)
        case WriteInventory(name=name, text=text):
            cluster.apply_config_map(name, {INVENTORY: text})
        case PutTopic():
            _put_topic(instruction, gateways[instruction.owner])
        case DeleteTopic(owner=owner, name=name):
            gateways[owner].delete_topic(name)
        case PutNotification():
            _put_notification(instruction, gateways[instruction.owner])
        case DeleteNotification():
            _delete_notification(instruction, gateways[instruction.owner])
        case PutPolicy(owner=owner, bucket=bucket, statements=statements):
            gateways[owner].put_policy(bucket, statements)
            if not same(gateways[owner].policy(bucket), statements):
                raise _not_kept(instruction, "reads back differently")


def _await(
    instruction: AwaitRestart, cluster: Cluster, end: float, check: Callable[[], None]
) -> None:
    owner, at = instruction.owner, (instruction.secret, instruction.key)
    for _ in until(end, _LOOK_SECONDS):
        check()
        live = cluster.secret(instruction.secret)
        rollout = cluster.rollout(owner)
        older = stale(cluster.pods(), {instruction.secret: live} if live else {}, {})
        if rollout is None or (rollout.settled and at not in older.get(owner, {})):
            return
    raise KubernetesError(
        f"{owner}: its pods are not replaced yet, so what announces to it stays as it is; "
        "look at them (kubectl get pods), then run again"
    )


def _put_topic(put: PutTopic, gateway: Gateway) -> None:
    gateway.put_topic(put.topic.name, put.topic.attributes)
    live = gateway.topic(put.topic.name)
    if live is None:
        raise _not_kept(put, "is not there")
    if wrong := put.topic.differs(live):
        raise _not_kept(put, f"has another {', '.join(sorted(wrong))}")


def _put_notification(put: PutNotification, gateway: Gateway) -> None:
    before = {live.name for live in gateway.notifications(put.bucket)}
    gateway.put_notification(put.bucket, put.notification)
    after = gateway.notifications(put.bucket)
    mine = [live for live in after if live.name == put.notification.name]
    if len(mine) != 1 or not same_notification(put.notification, mine[0]):
        raise _not_kept(put, "reads back differently" if mine else "is not there")
    if lost := before - {live.name for live in after}:
        raise _not_kept(put, f"took others away: {', '.join(sorted(lost))}; put them back")


def _delete_notification(delete: DeleteNotification, gateway: Gateway) -> None:
    """Delete it until it is gone.

    An Id that was put with another topic stands twice, and Ceph deletes the first entry of an Id
    (all versions, by their source: `find_unique_topic`).
    """
    left: float = inf
    while left:
        before = left
        gateway.delete_notification(delete.bucket, delete.name)
        left = sum(live.name == delete.name for live in gateway.notifications(delete.bucket))
        if left >= before:
            raise _not_kept(delete, "is still there")


def _not_kept(instruction: Instruction, found: str) -> GatewayError:
    return GatewayError(
        f"{instruction.target}: read back after the change, it {found}; "
        "is somebody else changing it at the same time? Run again to converge"
    )
