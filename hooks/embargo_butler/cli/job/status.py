"""`status`: how the environment is, on one screen."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import click

from embargo_butler import terminal
from embargo_butler.cli.job.running import DONE, FAILED, Run, Verb
from embargo_butler.engine.report import Report
from embargo_butler.health import declared
from embargo_butler.health.sections import Section, shown, status
from embargo_butler.jobs import buckets as buckets_job
from embargo_butler.jobs import secrets as secrets_job

# Reading a worker's list sets back the clock by which idle finds dead pods, on Redis before 7.2.
_LEAST_SECONDS = 30
_TITLES = {
    "release": "release",
    "pods": "pods",
    "jobs": "jobs by the clock, and those of the last release",
    "queues": "queues",
    "set aside": "files set aside by name, and what blocks a worker",
    "images": "images by observation day",
    "newest": "newest exposure of each instrument; announced and ingested: median after the PUT",
    "reconcile": "last reconcile",
    "secrets": "Secrets, compared with Vault now",
    "buckets": "topics, notifications and policies, compared with the declared ones now",
}


def _status(run: Run) -> int:
    if run.arguments.watch is None:
        return _once(run, "")
    pause, code = max(run.arguments.watch, _LEAST_SECONDS), DONE
    clear = "\033[2J\033[H" if sys.stdout.isatty() else "\n"
    try:
        while True:
            code = _once(run, clear)
            # A port that is forwarded leads to one pod, which may be gone by the next look.
            run.world.close()
            time.sleep(pause)
    except KeyboardInterrupt:
        return code


def _once(run: Run, before: str) -> int:
    compared = not run.arguments.pipeline_only
    # One screen: what the plans say on their way is not for it.
    muted = Report("status", io.StringIO(), io.StringIO(), as_json=False)
    sections = [*run.ahead(), *status(run.config, run.world, run.typed)]
    sections += _declared(run, muted) if compared else ()
    problems = [f"{each.name}: {problem}" for each in sections for problem in each.problems]
    hidden = [each.name for each in sections if each.hidden]
    run.report.show("sections", [asdict(each) for each in sections])
    run.report.show("healthy", not problems and not hidden)
    run.report.show("unwell", problems)
    if run.arguments.output == "text":
        config = run.config
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        where = f"cluster {config.cluster}, namespace {config.namespace}"
        print(before, end="")
        lines = [line for each in sections for line in _text(each)]
        terminal.show(f"{config.environment}: {where}, {now}", *lines, "")
    unseen = f"not to be seen: {', '.join(hidden)}"
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        also = f"; {unseen}" if hidden else ""
        run.report.end("unhealthy", f"{run.name}: {count}{also}: {problems[0]}")
        return FAILED
    if hidden:
        why = next(each.hidden for each in sections if each.hidden)
        if len(hidden) == len(sections):
            unseen = "nothing of it can be seen"
        elif set(hidden) <= set(declared.COMPARED):
            why += f"; `{run.typed(('status', '--pipeline-only'))}` leaves it out"
        run.report.end("unseen", f"{run.name}: {unseen}: {why}")
        return FAILED
    run.report.end("healthy", f"{run.name}: well")
    return DONE


def _declared(run: Run, report: Report) -> Iterator[Section]:
    """Compare with what is declared."""
    config, world, typed = run.config, run.world, run.typed

    def predecessors() -> Section:
        states = secrets_job.predecessors_secrets(config, world, report)
        return declared.predecessors_secrets(config, states)

    def buckets() -> Section:
        return declared.buckets(
            config, buckets_job.plan(config, world, report, time.monotonic()), typed
        )

    if config.predecessor is not None:
        yield shown("secrets", predecessors)
    elif config.secrets:
        yield shown(
            "secrets", lambda: declared.secrets(secrets_job.plan(config, world, report), typed)
        )
    if config.buckets:
        yield shown("buckets", buckets)


def _text(section: Section) -> list[str]:
    lines = [f"  {line}" for line in section.lines]
    lines += [f"  ! {problem}" for problem in section.problems]
    if section.hidden:
        lines = [f"  cannot be shown: {section.hidden}"]
    return ["", _TITLES.get(section.name, section.name), *lines]


STATUS = Verb(
    "status",
    _status,
    "Show how the environment is; exit code 1: not well.",
    "--watch 30",
    [
        click.Option(
            ["--watch"],
            type=int,
            is_flag=False,
            flag_value=_LEAST_SECONDS,
            metavar="[SECONDS]",
            help=f"Again and again, every {_LEAST_SECONDS} s or less often, until interrupted.",
        ),
        click.Option(
            ["--pipeline-only"],
            is_flag=True,
            help="Leave out the comparison with what is declared, which takes a login to Vault.",
        ),
    ],
    limited=False,
    quiet=True,
)
