"""Secrets that are no longer declared: taken away after the upgrade, and only ours.

A job may touch a Secret only by its name, and a release knows no names but its own. So each release
leaves a Role over the Secrets that it declares; those Roles are also the list of what we made. When
the Secrets of one that are no longer declared are gone, the Role goes. No job may change a Role or
a binding: it could give the Secrets to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable

from embargo_butler.config.config import Config
from embargo_butler.engine.report import Report
from embargo_butler.errors import Gathering, UnsafePlanError
from embargo_butler.model.plan import Change, DeleteRight, DeleteSecret, Plan
from embargo_butler.model.ports import Cluster, Pod
from embargo_butler.model.stale import users


def plan_removal(config: Config, cluster: Cluster, report: Report) -> Plan:
    """Plan what goes.

    Raises:
        Problems: It cannot be looked at.
        UnsafePlanError: It is more than what stays, and was not asked for by name.
    """
    report.step("reading the Roles over Secrets of earlier releases")
    declared = config.secrets.keys()
    earlier = [each for each in cluster.rights() if each.secrets and each.secrets != declared]
    made = {name for right in earlier for name in right.secrets}
    dropped = sorted(made - declared - config.existing)
    gathering, going = Gathering(), []
    for name in dropped:
        with gathering.catching():
            live = cluster.secret(name)
            if live and live.ours:
                going.append(name)
    gathering.check()
    unasked = set(going).difference(config.hooks.secrets.retired)
    if unasked and len(going) > len(declared):
        raise UnsafePlanError(
            f"{config.file}: would remove {len(going)} Secrets and keep {len(declared)}; "
            "if that is meant, name under hooks.secrets.retired: " + ", ".join(sorted(unasked))
        )
    used = _used(going, cluster.pods() if going else ())
    changes = [
        Change(DeleteSecret(name), "no longer declared") for name in going if name not in used
    ]
    changes += [
        Change(DeleteRight(right), "what it was for is done")
        for right in earlier
        if right.secrets.isdisjoint(used)
    ]
    return Plan(tuple(changes), tuple(used.values()))


def _used(names: Iterable[str], pods: Iterable[Pod]) -> dict[str, str]:
    """Return what to say of the Secrets that pods still read, by name."""
    pods = list(pods)
    return {
        name: f"Secret {name}: is no longer declared, and stays while {', '.join(by)} has it"
        for name in names
        if (by := users(pods, name))
    }
