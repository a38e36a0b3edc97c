"""Secrets that are no longer declared: taken away after the upgrade, and only ours.

A job may touch a Secret only by its name, and a release knows no names but its own. So for each
declared Secret the chart keeps a Role over that name alone, which outlives the declaration; those
Roles are also the list of what we made. When the Secret is gone, its Role goes.
"""

from __future__ import annotations

from embargo_hooks.config import Config
from embargo_hooks.errors import Gathering, UnsafePlanError
from embargo_hooks.plan import Change, DeleteRight, DeleteSecret, Plan
from embargo_hooks.ports import Cluster
from embargo_hooks.report import Report


def plan_removal(config: Config, cluster: Cluster, report: Report) -> Plan:
    """Plan what goes.

    Raises:
        Problems: It cannot be looked at.
        UnsafePlanError: It is more than what stays, and was not asked for by name.
    """
    report.step("reading the Roles over single Secrets")
    gathering = Gathering()
    rights = cluster.secret_rights()
    changes, going = [], set[str]()
    for right, name in sorted(rights.items()):
        if name in config.secrets:
            continue
        with gathering.catching():
            live = cluster.secret(name)
            if live and live.ours:
                going.add(name)
                changes.append(Change(DeleteSecret(name), "no longer declared"))
            changes.append(Change(DeleteRight(right), f"Secret {name} is no longer declared"))
    gathering.check()
    unasked = going - config.retired_secrets
    if unasked and len(going) > len(config.secrets):
        raise UnsafePlanError(
            f"{config.file}: would remove {len(going)} Secrets and keep {len(config.secrets)}; "
            "if that is meant, name under hooks.secrets.retired: " + ", ".join(sorted(unasked))
        )
    return Plan(tuple(changes))
