"""The restarts after a release: who holds an older secret, and then what is old goes."""

from __future__ import annotations

from embargo_butler.config.config import Config
from embargo_butler.connections import Connections
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import Gathering
from embargo_butler.secrets import removal as secret_removal
from embargo_butler.secrets import restarts as settling
from embargo_butler.secrets import sync as secret_sync


def plan(config: Config, world: Connections, report: Report, until: float, patient: bool) -> Job:
    """Plan the restart of what holds an older secret.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        until: The monotonic time until which rollouts that are under way are waited for.
        patient: Whether they are waited for, and Redis is asked; else it is said as well what
            comes after the restarts.

    Raises:
        Problems: It cannot be looked at; nothing was written.
    """
    gathering = Gathering()
    cluster = world.cluster()
    live = secret_sync.observe(config, cluster, report, gathering)
    gathering.check()
    if not patient:
        held = settling.look(config, cluster, live)
        plan = settling.restarts(config, cluster, held) + settling.leftover(config, held)
        return Job(plan + secret_removal.plan_removal(config, cluster, report), cluster)
    held = settling.calm(config, cluster, live, report, until)
    plan = settling.restarts(config, cluster, held)
    if plan.changes:
        settling.check_redis(config, live, world.passwords)
    return Job(plan, cluster)


def rest(config: Config, world: Connections, report: Report, until: float) -> Job:
    """Plan what comes after the restarts: what is old goes.

    Raises:
        Problems: It cannot be looked at.
    """
    cluster = world.cluster()
    return Job(settling.finish(config, cluster, world.passwords, report, until), cluster)
