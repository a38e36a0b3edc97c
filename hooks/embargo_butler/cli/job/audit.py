"""`plan` and `audit`: Secrets and buckets together, looked at only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import click

from embargo_butler.buckets.endpoints import silent
from embargo_butler.buckets.queues import Night, busiest
from embargo_butler.cli.job.running import CHANGES, DONE, Run, Verb, show
from embargo_butler.delivery import rescans as lookups
from embargo_butler.delivery.days import window
from embargo_butler.delivery.unmatched import left_out
from embargo_butler.errors import Gathering, HooksError, Problems
from embargo_butler.jobs import buckets as buckets_job
from embargo_butler.jobs import restart as restart_job
from embargo_butler.jobs import secrets as secrets_job
from embargo_butler.model.plan import TIDYING, Plan
from embargo_butler.model.resources import Topic


@dataclass
class _Found:
    """Both plans in one, and what stands beside them; `night` looks up the busiest of the last."""

    night: Callable[[], Night | None]
    plan: Plan = field(default_factory=Plan)
    problems: list[HooksError] = field(default_factory=list)
    undeclared: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()

    @property
    def drifted(self) -> list[str]:
        """What is to be mended."""
        return [
            f"to be mended: {change}"
            for change in self.plan.changes
            if not isinstance(change.instruction, TIDYING)
        ]


def _plan(run: Run) -> int:
    found = _look(run)
    return show(run, found.plan + Plan(warnings=found.stale), found.problems)


def _audit(run: Run) -> int:
    gathering, found = Gathering(), _look(run)
    if found.drifted:
        with gathering.catching():
            # What a release declares is there to be read before its jobs have made it.
            if run.lease().await_free():
                found = _look(run)
    run.report.plan(found.plan)
    run.report.step("connecting to the endpoints of the topics")
    beside = [*found.undeclared, *found.stale, *silent(found.topics, found.night)]
    if run.config.pipeline:
        with gathering.catching():
            beside += _last_night(run)
            last = lookups.last(run.config, run.world.cluster())
            mode, now = run.config.pipeline.mode, datetime.now(UTC)
            beside += filter(None, [lookups.silence(last, mode, run.typed, now)])
    found.problems += gathering.found
    for sentence in beside:
        run.report.warn(sentence)
    misfortunes = list(map(str, found.plan.misfortunes))
    drift = [*misfortunes, *beside, *found.drifted]
    told = [*map(str, found.problems), *drift]
    if told and run.arguments.event:
        _leave_event(run, "Drifted" if drift else "AuditFailed", "; ".join(told))
    if found.problems:
        raise Problems(found.problems)
    if not told:
        run.report.end("unchanged", f"{run.name}: all is as declared")
        return DONE
    count = len(misfortunes) + len(beside)
    what = f"{len(found.drifted)} changes to be made, {count} findings beside them"
    run.report.end("changes", f"{run.name}: drifted: {what}")
    return CHANGES


def _leave_event(run: Run, reason: str, told: str) -> None:
    try:
        run.world.cluster().warn(f"CronJob/{run.arguments.event}", reason, told)
    except HooksError as error:
        run.report.warn(f"no Event could be left: {error}")


def _last_night(run: Run) -> Sequence[str]:
    """Show what enqueue did not take, and tell what is wrong for certain."""
    config, now = run.config.required_pipeline, datetime.now(UTC)
    run.report.step(f"bucket {config.bucket}: looking for what enqueue leaves out")
    found = left_out(config, run.world.objects(), window("24h", "", now, timedelta()))
    run.report.show("leftOut", dict(found.others), list(found.lines()))
    return [f"bucket {config.bucket}: {each}" for each in found.findings(config.mode)]


def _look(run: Run) -> _Found:
    """Plan both, and gather the problems of both."""
    look_up = cache(lambda: busiest(run.config.pipeline, run.world.records))
    gathering, found = Gathering(), _Found(look_up)
    with gathering.catching():
        job = secrets_job.plan(run.config, run.world, run.report)
        run.report.keys(job.keys, said=True)
        found.plan += job.plan
    if run.config.buckets:
        with gathering.catching():
            now = time.monotonic()
            job = buckets_job.plan(run.config, run.world, run.report, now, night=look_up)
            found.plan += job.plan
            found.undeclared, found.topics = job.undeclared, job.topics
            gathering.found.extend(job.problems)
    if run.config.hooks.restart.workloads:
        with gathering.catching():
            now = time.monotonic()
            settled = restart_job.plan(run.config, run.world, run.report, now, patient=False).plan
            found.plan += replace(settled, warnings=())
            found.stale = settled.warnings
    found.problems = gathering.found
    return found


PLAN = Verb("plan", _plan, "Show what all jobs would do; writes nothing.")
AUDIT = Verb(
    "audit",
    _audit,
    "Tell whether what is there is still as declared; exit code 2: it is not.",
    options=[
        click.Option(
            ["--event"],
            metavar="CRONJOB",
            help="Leave an Event there when it is not, or a problem.",
        )
    ],
    hidden=False,
)
