"""The secrets job: from Vault into Kubernetes Secrets."""

from __future__ import annotations

import os
from dataclasses import replace

from embargo_butler.buckets import observed as buckets
from embargo_butler.config.config import Config
from embargo_butler.connections import Connections
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import Gathering, Outage, VaultError
from embargo_butler.jobs import notification_secret
from embargo_butler.model.plan import AdmitPassword, ApplySecret, Plan, plan_secrets
from embargo_butler.model.resources import KeyState
from embargo_butler.secrets import predecessor, redis_password
from embargo_butler.secrets import sync as secret_sync
from embargo_butler.secrets.comparison import compare


def plan(config: Config, world: Connections, report: Report, rehearse: bool = False) -> Job:
    """Plan the Secrets.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        rehearse: Whether the cluster is asked beforehand if it would take every change.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    gathering = Gathering()
    cluster = world.cluster()
    paths = secret_sync.paths(config)
    documents = secret_sync.logged_in(world.vault, paths, report, gathering)
    live = secret_sync.observe(config, cluster, report, gathering)
    # Without a login nothing is known of any path, and whose the Secrets are is still looked at.
    wanted = secret_sync.desired(config, documents or dict.fromkeys(paths), gathering)
    with gathering.catching():
        buckets.refuse_unfit(config, wanted)
    written = list(notification_secret.held_back(config, wanted, live))
    written = redis_password.carried(config.redis_password, written, live)
    planned = Plan()
    with gathering.catching():
        planned = plan_secrets(written, live, config.hooks.secrets.take_over)
        planned = redis_password.overlapping(config.redis_password, planned, live)
    if config.hooks.secrets.keeps and gathering.away:
        lacking = secret_sync.missing(config, live)
        if not lacking:
            raise Outage(gathering.found)
        gathering.found.append(
            VaultError(
                "hooks.secrets.onOutage is keep, but these are not there yet: "
                + ", ".join(lacking),
                "unreachable",
            )
        )
    gathering.check()
    for change in planned.changes if rehearse else ():
        with gathering.catching():
            match change.instruction:
                case ApplySecret(secret=secret):
                    cluster.apply_secret(secret, rehearse=True)
                case AdmitPassword(by=by):
                    report.step("asking Redis whom it lets in")
                    world.passwords().admitted(by)
    gathering.check()
    shown = redis_password.carried(config.redis_password, wanted, live)
    states = tuple(compare(config, shown, live, os.urandom(16)))
    others = predecessor.refused(config, predecessor.compared(config, cluster, wanted))
    held = [each for each in states if each.state == "changed" and _is(config, each)]
    later = tuple(
        f"Secret {each.secret}, key {each.key}: changes with enqueue and its topics, in one go, "
        "by the buckets job"
        for each in held
    )
    return Job(
        replace(planned, warnings=(*planned.warnings, *others, *later)), cluster, keys=states
    )


def _is(config: Config, state: KeyState) -> bool:
    at = config.notification_secret
    return at is not None and (state.secret, state.key) == (at.secret, at.key)


def predecessors_secrets(
    config: Config, world: Connections, report: Report
) -> tuple[KeyState, ...]:
    """Compare what the predecessor's pods are told of Secrets with what Vault has.

    Raises:
        HooksError: Something cannot be read.
    """
    gathering = Gathering()
    documents = secret_sync.logged_in(world.vault, secret_sync.paths(config), report, gathering)
    gathering.check()
    wanted = secret_sync.desired(config, documents or {}, gathering)
    gathering.check()
    return predecessor.compared(config, world.cluster(), wanted)
