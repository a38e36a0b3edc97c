"""`settle`: restart what holds an older secret, then take away what is old.

The buckets job does the same at its end; where there is none, this is the job after a release.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from embargo_butler.cli.hooks.running import Areas, Run, add, carry_out, show
from embargo_butler.engine.job import Job
from embargo_butler.jobs import restart as restart_job


def add_to(areas: Areas) -> None:
    """Add the area's verbs."""
    verbs = areas.add_parser("settle", help="restart what holds an older secret")
    into = verbs.add_subparsers(dest="verb", required=True)
    add(into, "plan", _plan, "show what apply would restart; writes nothing")
    add(into, "apply", _apply, "restart it, then take away what is old", rollback=True)


def after(run: Run) -> tuple[Callable[[], Job], ...]:
    """Return the plans of what comes after a release, to be made and carried out in this order."""
    if not run.config.hooks.restart.workloads:
        return ()
    return (
        lambda: restart_job.plan(run.config, run.world, run.report, run.until, patient=True),
        lambda: restart_job.rest(run.config, run.world, run.report, run.until),
    )


def _plan(run: Run) -> int:
    job = restart_job.plan(run.config, run.world, run.report, time.monotonic(), patient=False)
    return show(run, job.plan)


def _apply(run: Run) -> int:
    return carry_out(run, *after(run))
