"""The only mutator: carries out a plan, step by step, and reads back what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from embargo_hooks import inventory, policy
from embargo_hooks.errors import GatewayError
from embargo_hooks.plan import (
    ApplySecret,
    DeleteNotification,
    DeleteRight,
    DeleteSecret,
    DeleteTopic,
    Instruction,
    Plan,
    PutNotification,
    PutPolicy,
    PutTopic,
    WriteInventory,
)
from embargo_hooks.ports import Cluster, Gateway
from embargo_hooks.report import Report
from embargo_hooks.resources import same_notification


def apply(
    plan: Plan,
    cluster: Cluster,
    gateways: Mapping[str, Gateway],
    report: Report,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Make a plan's changes in their order.

    Args:
        plan: The plan.
        cluster: The namespace.
        gateways: The object store, by owner.
        report: Is told what is done.
        check: Called before each change; raises if this run may not write any more.

    Raises:
        HooksError: A change failed, or is not there when read back; what follows it was not begun.
    """
    for change in plan.changes:
        check()
        report.begin(change)
        _perform(change.instruction, cluster, gateways)
        report.did(change)


def _perform(instruction: Instruction, cluster: Cluster, gateways: Mapping[str, Gateway]) -> None:
    match instruction:
        case ApplySecret(secret=secret):
            cluster.apply_secret(secret)
        case DeleteSecret(name=name):
            cluster.delete_secret(name)
        case DeleteRight(name=name):
            cluster.delete_right(name)
        case WriteInventory(name=name, text=text):
            cluster.apply_config_map(name, {inventory.KEY: text})
        case PutTopic():
            _put_topic(instruction, gateways[instruction.owner])
        case DeleteTopic(owner=owner, name=name):
            gateways[owner].delete_topic(name)
        case PutNotification():
            _put_notification(instruction, gateways[instruction.owner])
        case DeleteNotification(owner=owner, bucket=bucket, name=name):
            gateways[owner].delete_notification(bucket, name)
            if any(live.name == name for live in gateways[owner].notifications(bucket)):
                raise _not_kept(instruction, "is still there")
        case PutPolicy(owner=owner, bucket=bucket, statements=statements):
            gateways[owner].put_policy(bucket, statements)
            if not policy.same(gateways[owner].policy(bucket), statements):
                raise _not_kept(instruction, "reads back differently")


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


def _not_kept(instruction: Instruction, found: str) -> GatewayError:
    return GatewayError(
        f"{instruction.target}: read back after the change, it {found}; "
        "is somebody else changing it at the same time? Run again to converge"
    )
