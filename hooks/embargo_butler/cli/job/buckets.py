"""`buckets`: topics, notifications and policies of the object store."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click
import yaml

from embargo_butler.buckets.queues import Night, busiest
from embargo_butler.cli import options
from embargo_butler.cli.job.restart import after
from embargo_butler.cli.job.running import DONE, Run, Verb, carry_out, leave_events, show
from embargo_butler.delivery import rescans as lookups
from embargo_butler.engine.apply import apply
from embargo_butler.engine.job import Job
from embargo_butler.errors import Gathering, HooksError
from embargo_butler.jobs import buckets as buckets_job
from embargo_butler.jobs import restart as restart_job
from embargo_butler.jobs.withdrawal import withdrawal
from embargo_butler.migration import live
from embargo_butler.migration.importing import imported
from embargo_butler.model.plan import Plan


def _buckets(run: Run) -> int:
    return _plan(run) if run.arguments.dry_run else _apply(run)


def _plan(run: Run) -> int:
    # A release's own job comes right after its pods, whose address may take a while.
    until = run.until if run.arguments.exit_zero else time.monotonic()

    def night() -> Night | None:
        return busiest(run.config.pipeline, run.world.records)

    job = buckets_job.plan(run.config, run.world, run.report, until, night=night)
    for sentence in job.undeclared:
        run.report.warn(sentence)
    plan = job.plan
    if run.config.hooks.restart.workloads and not run.arguments.exit_zero:
        plan += restart_job.plan(run.config, run.world, run.report, until, patient=False).plan
    if run.arguments.exit_zero:
        leave_events(run, plan)
    return show(run, plan, job.problems)


def _apply(run: Run) -> int:
    topics = getattr(run.arguments, "topic", ())

    def plan() -> Job:
        job = buckets_job.plan(run.config, run.world, run.report, run.until, topics)
        if not job.problems:
            # Before anything is changed: a run that is killed has told reconcile where to look.
            lookups.note(run.config, job.cluster, job.plan.lookups, datetime.now(UTC))
        return job

    return carry_out(run, plan, *after(run))


def _withdraw(run: Run) -> int:
    """No Lease, which is in the cluster: each change is one call, and an apply mends it."""
    job = withdrawal(run.config, run.world, run.report)
    if not run.arguments.apply:
        return show(run, job.plan, job.problems)
    run.report.plan(job.plan)
    left = Gathering()
    left.found += [*job.problems, *(HooksError(str(each)) for each in job.plan.misfortunes)]
    for change in job.plan.changes:
        with left.catching():
            apply(Plan((change,)), job.cluster, job.gateways, run.report)
    left.check()
    if not job.plan.changes:
        run.report.end("unchanged", f"{run.name}: there is no notification to withdraw")
        return DONE
    run.report.end(
        "changed",
        f"{run.name}: {len(job.plan.changes)} withdrawn; what is PUT from now on is announced to "
        f"nobody, until `{run.typed(('buckets', 'apply'))}` puts them back and has it looked for",
    )
    return DONE


def _import(run: Run) -> int:
    there = live.of_buckets(run.config, run.world, run.report)
    found = imported(run.config.required_buckets, there)
    print(yaml.safe_dump(found, sort_keys=False, width=100), end="")
    return DONE


BUCKETS = Verb(
    "buckets",
    _buckets,
    "Make topics, notifications and policies of the object store as declared.",
    options=[
        options.DRY_RUN,
        click.Option(["--exit-zero"], is_flag=True, help="With --dry-run: with changes too."),
        options.ROLLBACK,
    ],
    hidden=False,
)
RENEW = Verb(
    "renew",
    _apply,
    "Give a topic a new generation: its queue is stuck.",
    "rubin-summit",
    [options.TOPICS],
    job="buckets",
)
WITHDRAW = Verb(
    "withdraw",
    _withdraw,
    "Take our notifications away while nobody can be announced to.",
    "--apply",
    [options.APPLY],
    job="buckets",
)
IMPORT = Verb(
    "import",
    _import,
    "Print the bucketConfig of what is live in the declared buckets.",
    job="buckets",
    quiet=True,
)
