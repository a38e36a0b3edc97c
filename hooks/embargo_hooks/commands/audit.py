"""`plan` and `audit`: Secrets and buckets together, looked at only."""

from __future__ import annotations

import time

from embargo_hooks import jobs
from embargo_hooks.commands._running import CHANGES, DONE, Areas, Run, add, show
from embargo_hooks.endpoints import silent
from embargo_hooks.errors import Gathering, HooksError, Problems
from embargo_hooks.plan import DeleteTopic, Plan, WriteInventory
from embargo_hooks.resources import Topic

_TIDYING = (DeleteTopic, WriteInventory)
"""What the next apply does in its own time: a replaced topic that has drained is no drift."""


def add_to(areas: Areas) -> None:
    """Add the area's verbs."""
    planning = add(areas, "plan", _plan, "show what both jobs would do; writes nothing")
    planning.set_defaults(verb="")
    auditing = add(areas, "audit", _audit, "tell whether what is there is still as declared")
    auditing.set_defaults(verb="")
    auditing.add_argument(
        "--event", metavar="CRONJOB", help="leave an Event there when it is not, or a problem"
    )


def _plan(run: Run) -> int:
    plan, _, problems = _gathered(run)
    return show(run, plan, problems)


def _audit(run: Run) -> int:
    plan, topics, problems = _gathered(run)
    run.report.plan(plan)
    run.report.step("connecting to the endpoints of the topics")
    unanswered = list(silent(topics))
    for sentence in unanswered:
        run.report.warn(sentence)
    drifted = [change for change in plan.changes if not isinstance(change.instruction, _TIDYING)]
    found = [*map(str, problems), *unanswered, *(f"to be mended: {each}" for each in drifted)]
    if found and run.arguments.event:
        run.world.cluster().warn(f"CronJob/{run.arguments.event}", "Drifted", "; ".join(found))
    if problems:
        raise Problems(problems)
    if not found:
        run.report.end("unchanged", f"{run.name}: all is as declared")
        return DONE
    what = f"{len(drifted)} changes to be made, {len(unanswered)} endpoints that do not answer"
    run.report.end("changes", f"{run.name}: drifted: {what}")
    return CHANGES


def _gathered(run: Run) -> tuple[Plan, tuple[Topic, ...], list[HooksError]]:
    """Plan both, and gather the problems of both."""
    gathering = Gathering()
    plan, topics = Plan(), tuple[Topic, ...]()
    with gathering.catching():
        job = jobs.secrets(run.config, run.world, run.report)
        run.report.keys(job.keys, said=True)
        plan += job.plan
    if run.config.buckets:
        with gathering.catching():
            job = jobs.object_store(run.config, run.world, run.report, time.monotonic())
            plan += job.plan
            topics = job.topics
            gathering.found.extend(job.problems)
    return plan, topics, gathering.found
