"""`trigger`: announce objects by hand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from embargo_hooks import jobs
from embargo_hooks.backfill import queue_again
from embargo_hooks.commands._running import DONE, FAILED, Areas, Run, add
from embargo_hooks.errors import Gathering
from embargo_hooks.exposures import Subject, find
from embargo_hooks.trigger import Choice, Fate, choose


def add_to(areas: Areas) -> None:
    """Add the verb."""
    adding = add(areas, "trigger", _trigger, "put objects that exist into the queue")
    adding.set_defaults(verb="", limited=False)
    adding.add_argument("objects", nargs="+", metavar="EXPOSURE|KEY")
    adding.add_argument("--force", action="store_true", help="also what is ingested, or under way")
    adding.add_argument(
        "--unless-in-butler", action="store_true", help="leave out what the Butler has"
    )
    adding.add_argument("--dry-run", action="store_true", help="only show what would be queued")


def _trigger(run: Run) -> int:
    config, objects = jobs.pipeline(run.config), run.world.objects()
    gathering, subjects = Gathering(), []
    for each in run.arguments.objects:
        run.report.step(f"looking for {each}")
        with gathering.catching():
            subjects.append(find(each, objects))
    gathering.check()  # One mistake in the list, and nothing of it is queued.
    records = run.world.records()
    stored = [each for subject in subjects for each in subject.stored]
    butler = run.world.butler() if run.arguments.unless_in_butler else None

    def known(paths: Sequence[str]) -> set[str]:
        assert butler is not None
        return butler.known([_asked(subject) for subject in subjects])[0] & set(paths)

    choices = choose(config, stored, records, run.arguments.force, known if butler else None)
    chosen = [each.path for each in choices if each.fate is Fate.TRIGGERED]
    if chosen and not run.arguments.dry_run:
        run.report.wrote = True
        queue_again(
            config,
            records,
            chosen,
            time.time(),
            lambda done: run.report.step(f"queued {done} of {len(chosen)}"),
        )
    return _end(run, choices, len(chosen))


def _end(run: Run, choices: Sequence[Choice], count: int) -> int:
    document = [{"path": each.path, "fate": str(each.fate)} for each in choices]
    fates = Counter(each.fate for each in choices)
    run.report.show("objects", document, [f"{number:5} {fate}" for fate, number in fates.items()])
    done = "would be queued" if run.arguments.dry_run else "queued"
    run.report.end(
        "changed" if count and not run.arguments.dry_run else "unchanged",
        f"{run.name}: {count} of {len(choices)} objects {done}",
    )
    unfit = fates[Fate.UNMATCHED] + fates[Fate.UNPARSABLE]
    return FAILED if unfit == len(choices) else DONE


def _asked(subject: Subject) -> tuple[str, str, str]:
    return subject.instrument, subject.day, subject.exposure
