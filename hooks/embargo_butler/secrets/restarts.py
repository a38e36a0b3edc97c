"""After a release: who holds an older secret is restarted, and then what is old goes.

Nothing is remembered between runs: what is stale is seen from the pods and the Secrets, so that a
restart that failed, or a run that was killed, is made up for by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from embargo_butler.config.config import Config
from embargo_butler.engine.report import Report
from embargo_butler.errors import Gathering
from embargo_butler.model.plan import Change, Plan, Restart
from embargo_butler.model.ports import Cluster, Passwords, Pod, Rollout
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.model.stale import Key, stale
from embargo_butler.secrets import redis_password
from embargo_butler.secrets import removal as secret_removal
from embargo_butler.secrets.redis_password import SUFFIX
from embargo_butler.waiting import until

_ROLLOUT_SECONDS = 60
"""For which a rollout that is under way is waited for: its pods may bring what is wanted."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Held:
    """What is there, and who has read it.

    Attributes:
        live: The declared Secrets.
        pods: The pods.
        stale: The workloads of ours that hold older values, with what changed and when.
    """

    live: Mapping[str, KubernetesSecret]
    pods: tuple[Pod, ...]
    stale: Mapping[str, Mapping[Key, datetime]]


def look(config: Config, cluster: Cluster, live: Mapping[str, KubernetesSecret]) -> Held:
    """Look at the pods, unless no value has ever changed."""
    if not config.hooks.restart.workloads or not any(each.since for each in live.values()):
        return Held(live, (), {})
    pods = tuple(cluster.pods())
    found = stale(pods, live, _told(config))
    return Held(
        live,
        pods,
        {owner: keys for owner, keys in found.items() if owner in config.hooks.restart.workloads},
    )


def restarts(config: Config, cluster: Cluster, held: Held) -> Plan:
    """Plan the restarts; where they are only to be reported, a warning for each."""
    changes, warnings = [], []
    for owner in (each for each in config.hooks.restart.workloads if each in held.stale):
        keys = held.stale[owner]
        what = ", ".join(f"{secret}/{key}" for secret, key in sorted(keys))
        why = f"has {what} of before {max(keys.values()):%Y-%m-%d %H:%M:%S} UTC"
        rollout = cluster.rollout(owner)
        if not config.hooks.restart.automatic:
            kind, _, name = owner.partition(" ")
            command = f"kubectl rollout restart -n {config.namespace} {kind.lower()}/{name}"
            warnings.append(f"{owner}: {why}, and hooks.restart is report: {command}")
        elif rollout and not _under_way(rollout, max(keys.values())):
            changes.append(Change(Restart(owner), why))
    return Plan(tuple(changes), tuple(warnings))


def calm(
    config: Config,
    cluster: Cluster,
    live: Mapping[str, KubernetesSecret],
    report: Report,
    patience: float,
) -> Held:
    """Look, and where somebody is stale, let the rollouts under way end first."""
    for _ in until(min(patience, time.monotonic() + _ROLLOUT_SECONDS), _LOOK_SECONDS):
        held = look(config, cluster, live)
        unsettled = [owner for owner in held.stale if not _settled(cluster, owner)]
        if not unsettled:
            break
        report.step(f"waiting for the rollout of {', '.join(unsettled)}")
    # Once more: the pods that were looked at may be the ones that the rollout has replaced since.
    return look(config, cluster, live) if held.stale else held


def finish(
    config: Config,
    cluster: Cluster,
    passwords: Callable[[], Passwords],
    report: Report,
    patience: float,
) -> Plan:
    """Plan what comes last: the older password of Redis goes, and Secrets no longer declared.

    Raises:
        Problems: It cannot be looked at, or would take too much away.
    """
    gathering = Gathering()
    plan = Plan()
    with gathering.catching():
        plan += _dismissal(config, cluster, passwords, report, patience)
    with gathering.catching():
        plan += secret_removal.plan_removal(config, cluster, report)
    gathering.check()
    return plan


def _dismissal(
    config: Config,
    cluster: Cluster,
    passwords: Callable[[], Passwords],
    report: Report,
    patience: float,
) -> Plan:
    at = config.redis_password
    live = cluster.secret(at.secret) if at else None
    if not at or not live or not live.ours or not redis_password.admitted(at, live):
        return Plan()
    key = (at.secret, at.key)
    for left in until(patience, _LOOK_SECONDS):
        found = stale(cluster.pods(), {at.secret: live}, _told(config))
        olds = sorted(owner or "a pod of its own" for owner, keys in found.items() if key in keys)
        if not olds:
            break
        if left <= 0 or not config.hooks.restart.automatic:
            names = ", ".join(olds)
            why = f"Redis still lets the password before in, which {names} may have: "
            return Plan(warnings=(f"{why}it goes with the next run after they are replaced",))
        report.step(f"waiting until {', '.join(olds)} no longer has the password before")
    let_in = passwords().admitted((live.data[at.key],))
    if let_in is None:
        why = "Redis does not run, so it cannot be told that the password before is to go"
        return Plan(warnings=(f"{why}: that is left to the next run",))
    return redis_password.dismissal(at, live, let_in)


def leftover(config: Config, held: Held) -> Plan:
    """Plan the dismissal of an older password that nobody has any more, as far as can be seen."""
    at = config.redis_password
    live = held.live.get(at.secret) if at else None
    if not at or not live or any((at.secret, at.key) in keys for keys in held.stale.values()):
        return Plan()
    return redis_password.dismissal(at, live, frozenset(redis_password.admitted(at, live)))


def check_redis(
    config: Config, live: Mapping[str, KubernetesSecret], passwords: Callable[[], Passwords]
) -> None:
    """Before clients get the next password, see that Redis lets it in.

    Raises:
        RedisError: It does not, or cannot be asked.
    """
    at = config.redis_password
    there = live.get(at.secret) if at else None
    if at and there and redis_password.admitted(at, there):
        passwords().admitted((there.data[at.key],))


def _under_way(rollout: Rollout, changed: datetime) -> bool:
    """Whether the pods are being replaced for this change already."""
    return not rollout.settled and bool(rollout.restarted and rollout.restarted >= changed)


def _settled(cluster: Cluster, owner: str) -> bool:
    rollout = cluster.rollout(owner)
    return rollout is None or rollout.settled


def _told(config: Config) -> dict[str, set[Key]]:
    """Redis is told of a new password while it runs."""
    at = config.pipeline.redis.password if config.pipeline else None
    if not at or not config.pipeline:
        return {}
    name = f"StatefulSet {config.pipeline.redis.service}"
    return {name: {(at.secret, at.key), (at.secret, at.key + SUFFIX)}}
