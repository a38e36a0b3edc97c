"""`trigger`: announce objects by hand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from embargo_butler.cli import options
from embargo_butler.cli.job.running import DONE, FAILED, Run, Verb
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.backfill import queue_again
from embargo_butler.delivery.exposures import Subject, find
from embargo_butler.delivery.following import Outcome, follow
from embargo_butler.delivery.triggering import Choice, Fate, choose
from embargo_butler.errors import Gathering, UnsafePlanError
from embargo_butler.health.tables import table

_WAIT_SECONDS = 120
_CLOCK_SECONDS = 2.0
"""By which the clocks of this machine and of the pods may differ."""

Outcomes = Mapping[str, tuple[Outcome, str]]


@dataclass(frozen=True)
class _Asked:
    """One of the arguments, and what becomes of its objects."""

    subject: Subject
    choices: Sequence[Choice]

    @property
    def name(self) -> str:
        return self.subject.exposure or self.subject.stored[0].key

    @property
    def chosen(self) -> list[str]:
        return [each.path for each in self.choices if each.fate is Fate.TRIGGERED]


def _trigger(run: Run) -> int:
    config, objects = run.config.required_pipeline, run.world.objects()
    _refuse(config, run)
    gathering, subjects = Gathering(), []
    for each in run.arguments.objects:
        run.report.step(f"looking for {each}")
        with gathering.catching():
            subjects.append(find(each, objects, config.bucket))
    gathering.check()  # One mistake in the list, and nothing of it is announced.
    records = run.world.records()
    butler = run.world.butler() if run.arguments.unless_in_butler else None

    def known(paths: Sequence[str]) -> set[str]:
        assert butler is not None
        return butler.known([_asked(subject) for subject in subjects])[0] & set(paths)

    asked, seen = [], set[str]()
    for subject in subjects:
        stored = [each for each in subject.stored if each.key not in seen]
        seen |= {each.key for each in stored}
        chosen = choose(config, stored, records, run.arguments.force, known if butler else None)
        asked.append(_Asked(subject, chosen))
    paths = [path for each in asked for path in each.chosen]
    outcomes: Outcomes = {}
    if paths and not run.arguments.dry_run:
        began = time.time() - _CLOCK_SECONDS
        run.report.wrote = True
        _announce(run, config, asked)
        if run.arguments.wait > 0:
            outcomes = follow(
                config.bucket, paths, records, began, run.arguments.wait, run.report.step
            )
    return _end(run, asked, outcomes)


def _refuse(config: PipelineConfig, run: Run) -> None:
    """Refuse what the environment has not, and what others would see, before anything is asked."""
    through = run.arguments.through
    if through not in ("queue", config.mode):
        raise UnsafePlanError(
            f"--through {through}: enqueue of {run.config.environment} hears by {config.mode}"
        )
    to = config.enqueue
    if through == "kafka" and to.readers and not run.arguments.shared_topic:
        raise UnsafePlanError(
            f"topic {to.topic} is shared: {', '.join(to.readers)} would get all of it once more; "
            f"`{_again(run)}` puts it straight into the queue, which nobody else sees; "
            f"`{_again(run, '--through', 'kafka', '--shared-topic')}` says that you mean it"
        )


def _announce(run: Run, config: PipelineConfig, asked: Sequence[_Asked]) -> None:
    records = run.world.records()
    paths = [path for each in asked for path in each.chosen]
    if run.arguments.through == "queue":
        queue_again(
            config,
            records,
            paths,
            time.time(),
            lambda done: run.report.step(f"queued {done} of {len(paths)}"),
        )
        return
    announcer, done = run.world.announcer(), 0
    # One that was announced before has a mark, by which enqueue would skip it.
    records.forget(paths)
    for each in asked:
        if each.chosen:
            announcer.announce([path.removeprefix(f"{config.bucket}/") for path in each.chosen])
            done += len(each.chosen)
            run.report.step(f"announced {done} of {len(paths)} by {run.arguments.through}")


def _end(run: Run, asked: Sequence[_Asked], outcomes: Outcomes) -> int:
    document = [
        {
            "path": choice.path,
            "fate": str(choice.fate),
            "outcome": str(outcomes[choice.path][0]) if choice.path in outcomes else "",
            "why": outcomes[choice.path][1] if choice.path in outcomes else "",
        }
        for each in asked
        for choice in each.choices
    ]
    choices = [choice for each in asked for choice in each.choices]
    count = sum(len(each.chosen) for each in asked)
    run.report.show("objects", document, list(_table(asked, outcomes, run)))
    rehearsed = run.arguments.dry_run
    verb = "queued" if run.arguments.through == "queue" else "announced"
    done = f"would be {verb}" if rehearsed else verb
    ends = Counter(outcome for outcome, _ in outcomes.values())
    told = "".join(f", {ends[each]} {each}" for each in Outcome if ends[each])
    run.report.end(
        "changed" if count and not rehearsed else "unchanged",
        f"{run.name}: {count} of {len(choices)} objects {done}{told}",
    )
    unfit = sum(each.fate in (Fate.UNMATCHED, Fate.UNPARSABLE) for each in choices)
    return FAILED if unfit == len(choices) or ends[Outcome.FAILED] else DONE


def _table(asked: Sequence[_Asked], outcomes: Outcomes, run: Run) -> Iterator[str]:
    rows = [("EXPOSURE", "EXIST", "ANNOUNCED", *(str(each).upper() for each in Outcome))]
    for each in asked:
        ends = Counter(outcomes[path][0] for path in each.chosen if path in outcomes)
        cells = [str(ends[outcome]) for outcome in Outcome]
        if not outcomes:
            cells = ["-"] * len(cells)
        chosen = 0 if run.arguments.dry_run else len(each.chosen)
        rows.append((each.name, str(len(each.choices)), str(chosen), *cells))
    # A column without a number in it tells nothing.
    kept = [
        at
        for at, column in enumerate(zip(*rows, strict=True))
        if at < 3 or set(column[1:]) - {"0", "-"}
    ]
    yield from table([[row[at] for at in kept] for row in rows], "")
    fates = Counter(choice.fate for each in asked for choice in each.choices)
    yield from (f"{n} {fate}" for fate, n in fates.items() if fate is not Fate.TRIGGERED)
    if fates[Fate.DONE]:
        yield f"`{_again(run, *_way(run), '--force')}` announces what is ingested all the same"
    reasons = Counter(why for outcome, why in outcomes.values() if outcome is Outcome.FAILED)
    yield from (f"{n} given up: {why}" for why, n in reasons.items())
    if {outcome for outcome, _ in outcomes.values()} & {Outcome.UNDER_WAY, Outcome.UNHEARD}:
        yield f"look again: {'; '.join(run.typed(('trace', each.name)) for each in asked[:3])}"


def _again(run: Run, *options: str) -> str:
    return run.typed(("trigger", *run.arguments.objects, *options))


def _way(run: Run) -> tuple[str, ...]:
    """Return the words by which the objects were announced as they were."""
    through = run.arguments.through
    shared = ("--shared-topic",) if run.arguments.shared_topic else ()
    return () if through == "queue" else ("--through", through, *shared)


def _asked(subject: Subject) -> tuple[str, str, str]:
    return subject.instrument, subject.day, subject.exposure


TRIGGER = Verb(
    "trigger",
    _trigger,
    "Announce objects that exist, and follow them.",
    "MC_O_20260603_000258",
    [
        click.Argument(["objects"], nargs=-1, required=True, metavar="EXPOSURE|KEY..."),
        click.Option(
            ["--through"],
            type=click.Choice(["queue", "webhook", "kafka"]),
            default="queue",
            help="Straight into the queue (the default), or as the object store announces them.",
        ),
        click.Option(
            ["--shared-topic"],
            is_flag=True,
            help="Send through a Kafka topic that others read too: they get it all once more.",
        ),
        click.Option(["--force"], is_flag=True, help="Also what is ingested, or under way."),
        click.Option(["--unless-in-butler"], is_flag=True, help="Leave out what the Butler has."),
        options.DRY_RUN,
        click.Option(
            ["--wait"],
            type=float,
            default=_WAIT_SECONDS,
            metavar="SECONDS",
            help=f"How long to follow the objects, by default {_WAIT_SECONDS}; 0: not at all.",
        ),
    ],
    limited=False,
)
