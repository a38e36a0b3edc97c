"""How an environment is: sections that are each shown, or said not to be shown and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from embargo_butler.config.config import Config
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.connections import Connections
from embargo_butler.delivery import rescans as lookups
from embargo_butler.delivery.exposures import named
from embargo_butler.delivery.given_up import given_up
from embargo_butler.delivery.set_aside import wedged
from embargo_butler.errors import HooksError, KubernetesError, RedisError
from embargo_butler.health.tables import lasting, table
from embargo_butler.model import times
from embargo_butler.model.ports import Objects, Records

_WAITS_TOO_LONG = 900.0
_ANNOUNCED_LATE = 600.0
# Idle gives a list back after 11 to 21 s.
_STANDS_STILL = 60
_BLOCKING = 10
_RECONCILE_LATE = timedelta(minutes=20)

Typed = Callable[[Sequence[str]], str]
"""Spells a command as a person types it."""


@dataclass(frozen=True)
class Section:
    """One part of the status.

    Attributes:
        name: Its name, for programs too.
        lines: What a person is shown.
        document: What a program is shown.
        problems: What is not well.
        hidden: Why it cannot be shown; then there is nothing else.
    """

    name: str
    lines: tuple[str, ...] = ()
    document: Any = None
    problems: tuple[str, ...] = ()
    hidden: str = ""


def status(config: Config, world: Connections, typed: Typed) -> Iterator[Section]:
    """Look at everything, a section after the other; writes nothing.

    Args:
        config: The configuration.
        world: Makes the connections.
        typed: Spells the commands that are advised.
    """
    pipeline = config.required_pipeline
    yield shown("queues", lambda: _answered(pipeline, world))
    if (aside := shown("set aside", lambda: _aside(pipeline, world, typed))) != Section(
        "set aside"
    ):
        yield aside
    yield shown("images", lambda: _images(pipeline, world.objects, world.records(), typed))
    yield shown("newest", lambda: _newest(pipeline, world.objects(), world.records(), typed))
    yield shown("reconcile", lambda: _reconcile(config, world, typed))
    if config.no_buckets:
        yield Section("buckets", (f"not kept by this release: {config.no_buckets}",))


def shown(name: str, look: Callable[[], Section]) -> Section:
    """Return a section, or why it cannot be shown."""
    try:
        return look()
    except HooksError as error:
        return Section(name, hidden=str(error))


def _answered(config: PipelineConfig, world: Connections) -> Section:
    """Show the queues; a Redis that does not answer is no lack of a right, but not well."""
    try:
        return _queues(config, world.records(), _takers(config, world))
    except RedisError as error:
        return Section("queues", problems=(str(error),))


def _aside(config: PipelineConfig, world: Connections, typed: Typed) -> Section:
    """Show what was set aside, and the workers that fail on the same files again and again."""
    try:
        records, now = world.records(), time.time()
        aside = records.aside(config.bucket)
    except RedisError:
        return Section("set aside")  # the queues have told
    lines = [f"{path}, {lasting(now - when)} ago" for path, when in sorted(aside.items())]
    problems = [
        f"worker {each.worker} is blocked by {', '.join(each.paths[:_BLOCKING])}: {each.line}: "
        f"`{typed(('set-aside', *each.paths[:_BLOCKING]))}`"
        for each in wedged(config.bucket, records, world.logs(), now)
    ]
    return Section("set aside", tuple(lines), dict(aside) or None, tuple(problems))


def _takers(config: PipelineConfig, world: Connections) -> str:
    """Tell that nobody takes from the queue; empty where somebody does, or it is not to be seen."""
    what = f"Deployment {config.ingest.deployment}"
    try:
        found = world.cluster().rollout(what)
    except KubernetesError as error:
        # The jobs have no right to look, and need none.
        return f"whether ingest takes them cannot be seen: {error}" if world.by_hand else ""
    if found and found.ready:
        return ""
    return f"nobody takes them: {what} {'has no ready pod' if found else 'is not there'}"


def _queues(config: PipelineConfig, records: Records, nobody: str) -> Section:
    now = time.time()
    length, following = records.queue_length(config.bucket), records.next(config.bucket)
    workers = records.workers(config.bucket)
    heads = [worker.paths[-1] for worker in workers if worker.paths]
    asked = [*heads, *([following] if following else [])]
    since = {
        path: now - record.received
        for path, record in zip(asked, records.files(asked), strict=True)
        if record.received
    }
    waits = since.get(following or "")
    document: dict[str, Any] = {
        "waiting": length,
        "oldestSeconds": waits,
        "workers": [
            {
                "pod": worker.name,
                "files": len(worker.paths),
                "oldestSeconds": since.get(worker.paths[-1]) if worker.paths else None,
                "idleSeconds": worker.idle,
            }
            for worker in workers
        ],
    }
    rows = [("LIST", "FILES", "OLDEST", "LAST TOUCHED")]
    rows.append((f"QUEUE:{config.bucket}", str(length), _span(waits), ""))
    problems = []
    if nobody and length:
        problems.append(f"{length} file{'s wait' if length > 1 else ' waits'}, and {nobody}")
    elif waits and waits > _WAITS_TOO_LONG:
        problems.append(f"the next file waits since {lasting(waits)}: is ingest at work?")
    for worker in document["workers"]:
        idle = worker["idleSeconds"]
        oldest = _span(worker["oldestSeconds"])
        rows.append((worker["pod"], str(worker["files"]), oldest, f"{lasting(idle)} ago"))
        if idle > _STANDS_STILL:
            problems.append(f"worker {worker['pod']} stands still: is the idle pod at work?")
    return Section("queues", tuple(table(rows, "")), document, tuple(problems))


def _span(seconds: float | None) -> str:
    return "" if seconds is None else lasting(seconds)


def _images(
    config: PipelineConfig, objects: Callable[[], Objects], records: Records, typed: Typed
) -> Section:
    """Count what was received, ingested and failed today, and on the last day before it.

    Files given up are a problem for today and yesterday; older days are only shown.
    """
    kinds = {"received": "RECINSTR", "ingested": "INGEST", "failed": "FAIL"}
    counts = {word: records.counters(kind, config.bucket) for word, kind in kinds.items()}
    # An observation day begins at noon (UTC).
    today, yesterday = (
        f"{datetime.now(UTC) - timedelta(hours=12 + 24 * back):%Y%m%d}" for back in (0, 1)
    )
    days = sorted({day for each in counts.values() for of in each.values() for day in of})[-2:]
    instruments = sorted({name for each in counts.values() for name in each})
    rows = [
        {
            "day": day,
            "instrument": name,
            **{word: found.get(name, {}).get(day, 0) for word, found in counts.items()},
        }
        for day in reversed(days)
        for name in instruments
    ]
    rows = [row for row in rows if any(row[word] for word in kinds)]
    lines = [] if today in days else [f"nothing received today ({today})"]
    if rows:
        head = ("DAY", "INSTRUMENT", *(word.upper() for word in kinds))
        cells = [
            (
                f"{row['day']}{' (today)' if row['day'] == today else ''}",
                str(row["instrument"]),
                *(str(row[word]) for word in kinds),
            )
            for row in rows
        ]
        lines += table([head, *cells], "")
    problems = []
    for row in (row for row in rows if row["failed"] and str(row["day"]) >= yesterday):
        name, day = str(row["instrument"]), str(row["day"])
        if found := given_up(config, objects, records, name, day):
            path, why = found[0]
            files = f"{len(found)} file{'s' if len(found) > 1 else ''} of {name} {day}"
            # An observation day begins at noon (UTC).
            begin = f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z"
            problems.append(
                f"{files} given up by ingest, the first {path}: {why}: "
                f"`{typed(('backfill', '--since', begin))}`"
            )
    return Section("images", tuple(lines), rows, tuple(problems))


def _newest(config: PipelineConfig, objects: Objects, records: Records, typed: Typed) -> Section:
    """Follow the newest exposure of each instrument that has taken one today or yesterday."""
    now = datetime.now(UTC)
    # An observation day begins at noon (UTC).
    days = [f"{now - timedelta(hours=12 + 24 * back):%Y%m%d}" for back in (-1, 0, 1)]
    document, problems = [], []
    rows = [("EXPOSURE", "PUT", "FILES", "ANNOUNCED", "INGESTED")]
    for top in objects.folders(""):
        folder = next((each for day in days if (each := _last(objects, f"{top}{day}/"))), None)
        if folder is None:
            continue
        stored = [each for page in objects.listing(folder) for each in page]
        stored = [each for each in stored if config.regexp.search(f"{config.bucket}/{each.key}")]
        if not stored:
            continue
        notes = records.files([f"{config.bucket}/{each.key}" for each in stored])
        pairs = list(zip(stored, notes, strict=True))
        heard = [note.received - each.put for each, note in pairs if note.received]
        ingested = [note.ingested - each.put for each, note in pairs if note.ingested]
        name = folder.rstrip("/").rpartition("/")[2]
        asked = named(name, "", stored[0].key)
        age = now.timestamp() - max(each.put for each in stored)
        document.append(
            {
                "exposure": name,
                "files": len(stored),
                "ageSeconds": age,
                "announced": len(heard),
                "ingested": len(ingested),
                "putToAnnounced": max(median(heard), 0) if heard else None,
                "putToIngested": max(median(ingested), 0) if ingested else None,
            }
        )
        cells = (name, f"{lasting(age)} ago", str(len(stored)), _delay(heard), _delay(ingested))
        rows.append(cells)
        if len(heard) < len(stored) and age > _ANNOUNCED_LATE:
            missing = len(stored) - len(heard)
            problems.append(
                f"{missing} of {len(stored)} files of {name} were never announced: "
                f"`{typed(('trace', asked))}`"
            )
    lines = table(rows, "") if document else ["no exposure since yesterday"]
    return Section("newest", tuple(lines), document, tuple(problems))


def _delay(delays: Sequence[float]) -> str:
    return f"{len(delays)}, after {max(median(delays), 0):.1f} s" if delays else "0"


def _last(objects: Objects, folder: str) -> str | None:
    """Return the exposure of a day with the highest number, whoever took it."""
    found = objects.folders(folder)
    return max(found, key=lambda each: each.rstrip("/").rpartition("_")[2], default=None)


def _reconcile(config: Config, world: Connections, typed: Typed) -> Section:
    if config.predecessor is not None:
        line = (
            f"there is no release, so nothing runs by the clock; by hand: `{typed(('backfill',))}`"
        )
        return Section("reconcile", (line,))
    cluster, pipeline, now = world.cluster(), config.required_pipeline, datetime.now(UTC)
    found = dict(lookups.last(config, cluster))
    waiting = lookups.open_ones(config, cluster, pipeline.name, now)
    lines = [f"the buckets job asks to look from {each.since} on: {each.why}" for each in waiting]
    by_hand = "" if pipeline.by_clock else f"; by hand: `{typed(('backfill',))}`"
    if clock := pipeline.reconcile or ("" if pipeline.by_clock else "does not run by the clock"):
        lines.append(f"{clock}{by_hand}")
    how = {"byClock": pipeline.by_clock, "clock": pipeline.reconcile}
    if not found:
        return Section("reconcile", ("has not run yet", *lines), how)
    found.pop("done", None)
    problems = []
    age = now - times.read(found["time"])
    if age > _RECONCILE_LATE and pipeline.by_clock:
        problems.append(
            f"the last reconcile was {lasting(age.total_seconds())} ago: is its CronJob at work?"
        )
    if found["left"]:
        problems.append(f"{found['left']} objects wait to be queued: `{typed(('backfill',))}`")
    if hopeless := found.pop("hopeless", None):
        path, why = hopeless[0]
        problems.append(
            f"{len(hopeless)} files failed three times alike while others went in, and are not "
            f"queued by the clock: {path}: {why}: `{typed(('trace', path.partition('/')[2]))}`"
        )
    if silence := lookups.silence(found, pipeline.mode, typed, now):
        problems.append(silence)
    line = (
        f"{lasting(age.total_seconds())} ago: {found['found']} lost objects found, "
        f"{found['queued']} queued"
    )
    return Section("reconcile", (line, *lines), {**found, **how}, tuple(problems))
