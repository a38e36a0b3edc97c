"""`backfill` and `reconcile`: queue again what nobody works on, by hand and by the clock."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from embargo_butler.cli import options
from embargo_butler.cli.job.running import CHANGES, DONE, Run, Verb
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery import rescans as lookups
from embargo_butler.delivery.backfill import Lost, Survey, queue_again, survey
from embargo_butler.delivery.days import Window, window
from embargo_butler.delivery.stages import Stage, parse
from embargo_butler.errors import ConfigError, HooksError
from embargo_butler.model import times

# An object this new is still being announced.
_GRACE = timedelta(seconds=60)
_REMEMBERED = timedelta(days=7)
# Of which Redis forgets the first notes while a lookup is under way.
_MARGIN = timedelta(hours=1)
_SHOWN = 3


def _backfill(run: Run) -> int:
    arguments, config = run.arguments, run.config.required_pipeline
    now = datetime.now(UTC)
    within = _window(arguments.since, arguments.until, now)
    if within.since < now - _REMEMBERED and arguments.apply and not arguments.in_butler:
        raise ConfigError(
            f"--since {arguments.since}: Redis forgets after 7 days, so all that is older would be "
            f"queued; `{_again(run, '--in-butler', '--apply')}` leaves out what the Butler has"
        )
    found = _look(run, config, within)
    if arguments.in_butler:
        run.report.step("asking the Butler in a pod of ingest")
        butler = run.world.butler()
        found.ask(lambda paths: butler.known(_subjects(paths))[0] & set(paths))
    maximum = config.maximum if arguments.max is None else arguments.max
    most = maximum if arguments.apply else None
    queued = _queue(run, config, within, found, found.lost, most)
    return _end(run, found, found.lost, queued, most)


def _reconcile(run: Run) -> int:
    config, now = run.config.required_pipeline, datetime.now(UTC)
    cluster = run.world.cluster()
    wanted = lookups.open_ones(run.config, cluster, config.name, now)
    within = _window(run.arguments.since, "", now)
    for each in wanted:
        run.report.step(f"the buckets job asks to look from {each.since} on: {each.why}")
    remembered = now - _REMEMBERED + _MARGIN
    begins = [max(each.begin, remembered) for each in wanted]
    within = Window(min([within.since, *begins]), within.until)
    found = _look(run, config, within)
    hopeless = [each for each in found.lost if each.hopeless]
    found.lost = [each for each in found.lost if not each.hopeless]
    told = {path for path, _ in lookups.last(run.config, cluster).get("hopeless", ())}
    for lost in hopeless:
        if lost.path not in told:
            run.report.step(f"left alone, as others went in: {lost.path}: {lost.why}")
    due = [each for each in found.lost if each.due(now.timestamp())]
    maximum = config.maximum if config.automatic else None
    queued = _queue(run, config, within, found, due, maximum)
    left = len(due) - queued
    # Where nothing is queued by itself, all that can be done of a lookup is to tell what it finds.
    whole = not (left and config.automatic)
    looked = [each for each in wanted if each.end < within.until] if whole else []
    result = {
        "time": times.text(now),
        "found": len(found.lost),
        "unannounced": sum(each.stage is Stage.UNSEEN for each in found.lost),
        "due": len(due),
        "queued": queued,
        "left": left,
        "hopeless": [(each.path, each.why) for each in hopeless],
    }
    lookups.done(run.config, cluster, result, looked)
    numbers = {"missing": len(found.lost), "newest_put": found.newest}
    run.world.records().note("MONITOR:reconcile", numbers)
    return _end(run, found, due, queued, maximum)


def _queue(
    run: Run,
    config: PipelineConfig,
    within: Window,
    found: Survey,
    chosen: Sequence[Lost],
    maximum: int | None,
) -> int:
    """Show what was found, queue it where a maximum says how long the queue may get; how much."""
    report, records = run.report, run.world.records()
    queued = 0
    _show(run, config, within, found)
    if maximum is not None and chosen:
        room = max(0, maximum - records.queue_length(config.bucket))
        now = time.time()
        report.wrote = True
        queued = queue_again(
            config,
            records,
            [each.path for each in chosen[:room]],
            now,
            lambda done: report.step(f"queued {done} of {min(room, len(chosen))}"),
        )
    report.show("queued", queued)
    report.show("left", len(chosen) - queued)
    return queued


def _end(run: Run, found: Survey, chosen: Sequence[Lost], queued: int, maximum: int | None) -> int:
    report, left = run.report, len(chosen) - queued
    if not chosen:
        waiting = f" ({len(found.lost)} wait for their next try)" if found.lost else ""
        report.end("unchanged", f"{run.name}: nothing to queue{waiting}")
        return DONE
    if maximum is None:
        end = f"{run.name}: {left} objects to be queued; `{_again(run, '--apply')}` queues them"
        report.end("changes", end)
        return CHANGES
    more = f", {left} more when there is room: run it again" if left else ""
    report.end("changed", f"{run.name}: {queued} objects queued{more}")
    return DONE


def _look(run: Run, config: PipelineConfig, within: Window) -> Survey:
    run.report.step(
        f"bucket {config.bucket}: looking for what was PUT from {times.text(within.since)} "
        f"until {times.text(within.until)}"
    )
    return survey(config, run.world.objects(), run.world.records(), within)


def _show(run: Run, config: PipelineConfig, within: Window, found: Survey) -> None:
    document = {
        "bucket": config.bucket,
        "since": times.text(within.since),
        "until": times.text(within.until),
        "listed": found.listed,
        "matched": found.matched,
        "unparsable": found.unparsable,
        "unsettled": len(found.unsettled),
        "inButler": found.in_butler,
        # A program wants each; for people it would be made for nothing, and may be a whole night.
        "lost": [asdict(each) for each in found.lost] if run.arguments.output == "json" else [],
    }
    lines = [f"{found.listed} objects listed, {found.matched} of that time are for ingest"]
    lines += _groups(found.lost)
    if found.in_butler:
        lines.append(f"{found.in_butler} are in the Butler all the same: left alone")
    if found.unsettled:
        lines.append(
            f"{len(found.unsettled)} were taken from the queue and nothing is noted of them since: "
            f"duplicates, most likely; `{_again(run, '--in-butler')}` tells"
        )
    if found.unparsable:
        first = ", ".join(found.unparsable[:_SHOWN])
        lines.append(
            f"warning: {len(found.unparsable)} match DATASET_REGEXP and cannot be taken apart by "
            f"enqueue: {first}"
        )
    run.report.show("survey", document, lines)


def _groups(lost: Sequence[Lost]) -> Iterator[str]:
    groups: dict[tuple[str, str, str], list[Lost]] = defaultdict(list)
    for each in lost:
        name = parse(each.path)
        assert name is not None, "the survey keeps what cannot be taken apart by itself"
        groups[name.instrument, name.day, str(each.stage)].append(each)
    for (instrument, day, stage), members in sorted(groups.items()):
        yield f"{instrument} {day}: {len(members)} {stage}"
        for each in members[:_SHOWN]:
            why = f": {each.why}" if each.why != stage else ""
            yield f"    {each.path}{why}"
        if len(members) > _SHOWN:
            yield f"    and {len(members) - _SHOWN} more"


def _subjects(paths: Sequence[str]) -> list[tuple[str, str, str]]:
    names = filter(None, map(parse, paths))
    return sorted({(name.instrument, name.day, name.exposure) for name in names})


def _again(run: Run, *more: str) -> str:
    """Spell the backfill over the same time, with more options."""
    arguments = run.arguments
    words = ["backfill", "--since", arguments.since]
    if until := getattr(arguments, "until", ""):
        words += ["--until", until]
    if getattr(arguments, "in_butler", False) and "--in-butler" not in more:
        words.append("--in-butler")
    if (most := getattr(arguments, "max", None)) is not None:
        words += ["--max", str(most)]
    return run.typed((*words, *more))


def _window(since: str, until: str, now: datetime) -> Window:
    try:
        return window(since, until, now, _GRACE)
    except ValueError as error:
        raise HooksError(f"--since, --until: {error}") from None


BACKFILL = Verb(
    "backfill",
    _backfill,
    "Find what was never announced, or given up.",
    "--since 6h --apply",
    [
        options.SINCE,
        options.UNTIL,
        click.Option(["--max"], type=int, metavar="N", help="How long the queue may get."),
        click.Option(
            ["--in-butler"], is_flag=True, help="Leave out what the Butler has, asked in ingest."
        ),
        options.APPLY,
    ],
    limited=False,
)
RECONCILE = Verb(
    "reconcile",
    _reconcile,
    "Find the same by the clock, and queue it as the values say.",
    options=[options.SINCE],
    hidden=False,
)
