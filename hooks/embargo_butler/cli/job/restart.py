"""`restart`: restart what holds an older secret, then take away what is old.

The buckets job does the same at its end; where there is none, this is the job after a release.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from embargo_butler.cli import options
from embargo_butler.cli.job.running import Run, Verb, carry_out, show
from embargo_butler.engine.job import Job
from embargo_butler.jobs import restart as restart_job


def after(run: Run) -> tuple[Callable[[], Job], ...]:
    """Return the plans of what comes after a release, to be made and carried out in this order."""
    if not run.config.hooks.restart.workloads:
        return ()
    return (
        lambda: restart_job.plan(run.config, run.world, run.report, run.until, patient=True),
        lambda: restart_job.rest(run.config, run.world, run.report, run.until),
    )


def _restart(run: Run) -> int:
    if not run.arguments.dry_run:
        return carry_out(run, *after(run))
    job = restart_job.plan(run.config, run.world, run.report, time.monotonic(), patient=False)
    return show(run, job.plan)


RESTART = Verb(
    "restart",
    _restart,
    "Restart what holds an older secret, then take away what is old.",
    options=[options.DRY_RUN, options.ROLLBACK],
    job="settle",
    hidden=False,
)
