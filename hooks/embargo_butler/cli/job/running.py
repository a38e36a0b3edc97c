"""What the verbs have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeAlias

import click

from embargo_butler import terminal
from embargo_butler.cli.options import DRY_RUN
from embargo_butler.config.config import Config
from embargo_butler.connections import Connections
from embargo_butler.engine.apply import apply
from embargo_butler.engine.job import Job
from embargo_butler.engine.lease import Lease
from embargo_butler.engine.report import Report
from embargo_butler.errors import HooksError, Problems
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.plan import Plan

if TYPE_CHECKING:
    from embargo_butler.adapters.programs import Kubectl
    from embargo_butler.health.sections import Section

DONE, FAILED, CHANGES = 0, 1, 2

Spell: TypeAlias = "Callable[[Sequence[str]], str]"
"""Spells a verb and its words as they are typed: by the program's name, or as a target of make."""


@dataclass(frozen=True)
class Caller:
    """Another program that runs a verb for a person who has typed something else.

    Attributes:
        config: The configuration.
        spell: Spells what is advised as that person would type it.
        kubectl: With the kube context that it has looked at, whatever is the current one by now.
        ahead: What only that program can see of the environment; `status` shows it first.
    """

    config: Config
    spell: Spell
    kubectl: Kubectl
    ahead: Callable[[], Sequence[Section]] = tuple


def of_job(words: Sequence[str]) -> list[str]:
    """Return an advised verb and its words as those of `job`."""
    known = {"apply": (), "plan": ("--dry-run",)}
    if words[0] not in ("secrets", "buckets", "settle"):
        return list(words)
    first, second, *rest = words
    first = "restart" if first == "settle" else first
    return [first, *known[second], *rest] if second in known else [second, *rest]


def plain(file: Path | None) -> Spell:
    """Return the spelling of a command line with its configuration in a file."""

    def spell(words: Sequence[str]) -> str:
        verb, *rest = of_job(words)
        config = ("--config", str(file or "FILE"))
        return terminal.command(["embargo-butler", "job", verb, *config, *rest])

    return spell


@dataclass(frozen=True)
class Run:
    """One run of one verb.

    Attributes:
        verb: The verb.
        arguments: What was typed.
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        until: The monotonic time until which something may be waited for.
        spell: Spells a command as whoever reads it would type it.
        ahead: What `status` shows first.
    """

    verb: Verb
    arguments: SimpleNamespace
    config: Config
    world: Connections
    report: Report
    until: float
    spell: Spell
    ahead: Callable[[], Sequence[Section]] = tuple

    def typed(self, words: Sequence[str]) -> str:
        """Spell a verb and its words, or kubectl and its, as a person types them; "" for none."""
        if words and words[0] == "kubectl":
            return terminal.command(["kubectl", "-n", self.config.namespace, *words[1:]])
        return self.spell(words) if words else ""

    @property
    def name(self) -> str:
        """The command, as typed, and the environment."""
        return f"{self.verb.title(self.arguments)}: {self.config.environment}"

    def lease(self) -> Lease:
        """Return the Lease that has to be held while something is written, not taken yet."""
        return Lease(
            self.world.cluster(),
            self.config.lease_name,
            self.verb.title(self.arguments),
            self.until,
            self.report,
        )


@dataclass(frozen=True)
class Verb:
    """A verb over a configuration.

    Attributes:
        name: The word that is typed.
        run: Does what it says, reports it, and returns the exit code.
        about: What it does, for `--help`; the first sentence stands in lists.
        example: What is typed after its name, for `--help`.
        options: What it takes beside what all take.
        job: The job whose rights and name it has, by default its own.
        limited: Whether it has no more time than a job.
        quiet: Whether its progress goes to the standard error, for its results are read.
        hidden: Whether it is there for people with a file of their own, and no job.
    """

    name: str
    run: Callable[[Run], int]
    about: str
    example: str = ""
    options: Sequence[click.Parameter] = ()
    job: str = ""
    limited: bool = True
    quiet: bool = False
    hidden: bool = True

    @property
    def what(self) -> str:
        """The job."""
        return self.job or self.name

    def title(self, arguments: SimpleNamespace) -> str:
        """Return what it does, in a word or two."""
        if self.hidden or DRY_RUN not in self.options:
            return self.name
        return f"{self.name} {'plan' if arguments.dry_run else 'apply'}"


def show(run: Run, plan: Plan, problems: Sequence[HooksError] = ()) -> int:
    """Show a plan; nothing is written.

    Raises:
        Problems: There are problems.
    """
    run.report.plan(plan)
    if problems:
        raise Problems(problems)
    if not plan.changes and not plan.misfortunes:
        return _unchanged(run)
    count = f"{len(plan.changes)} changes to be made"
    run.report.end("changes", f"{run.name}: {count}{_findings(plan.misfortunes)}")
    return DONE if getattr(run.arguments, "exit_zero", False) else CHANGES


def carry_out(run: Run, *plans: Callable[[], Job]) -> int:
    """Plan, show the plan, and do what it says, one plan after the other; nobody else writes."""
    count, misfortunes = 0, list[Misfortune]()
    with run.lease() as lease:
        for number, plan in enumerate(plans):
            try:
                job = plan()
            except HooksError as error:
                if not (number and getattr(run.arguments, "rollback", False)):
                    raise
                # What went before is whole; a rollback that fails here would be stuck.
                run.report.problem(error, "warning")
                continue
            make(run, lease, job)
            count += len(job.plan.changes)
            misfortunes += job.plan.misfortunes
    return ended(run, count, misfortunes)


def make(run: Run, lease: Lease, job: Job) -> None:
    """Show a plan and do what it says.

    Raises:
        HooksError: It cannot be done, or not to the end.
    """
    run.report.plan(job.plan)
    if job.problems:
        raise Problems(job.problems)
    leave_events(run, job.plan)
    apply(
        job.plan,
        job.cluster,
        job.gateways,
        run.report,
        lease.check,
        run.world.passwords,
        run.until,
    )


def ended(run: Run, count: int, misfortunes: Sequence[Misfortune] = ()) -> int:
    """Close the account of a run that made some changes, or none."""
    if not count and not misfortunes:
        return _unchanged(run)
    said = f"{run.name}: {count} changes made{_findings(misfortunes)}"
    run.report.end("changed" if count else "unchanged", said)
    return DONE


def leave_events(run: Run, plan: Plan) -> None:
    """Leave an Event for each misfortune, where a release's job tells of it and nobody looks on."""
    if run.world.by_hand:
        return
    for misfortune in plan.misfortunes:
        job = f"Job/{run.config.fullname}-{run.verb.what}"
        try:
            run.world.cluster().warn(job, "Misfortune", str(misfortune))
        except HooksError as error:
            run.report.warn(f"no Event could be left: {error}")


def _findings(misfortunes: Sequence[Misfortune]) -> str:
    """Return the end of a sentence that tells of misfortunes, if there are any."""
    if not misfortunes:
        return ""
    count = f"{len(misfortunes)} finding{'s' if len(misfortunes) > 1 else ''}"
    return f", {count}: {misfortunes[0]}"


def _unchanged(run: Run) -> int:
    run.report.end("unchanged", f"{run.name}: nothing to do")
    return DONE
