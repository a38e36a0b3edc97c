"""How an environment is: sections that are each shown, or said not to be shown and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from embargo_hooks import jobs, lookups
from embargo_hooks._pipeline_config import PipelineConfig
from embargo_hooks.config import Config
from embargo_hooks.errors import HooksError
from embargo_hooks.inventory import TIME
from embargo_hooks.ports import Objects, Records
from embargo_hooks.report import Report

_WAITS_TOO_LONG = 900.0
# Idle gives a list back after 11 to 21 s.
_STANDS_STILL = 60
_RECONCILE_LATE = timedelta(minutes=20)


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
    problems: tuple[str, ...] = field(default=())
    hidden: str = ""


def status(config: Config, world: jobs.World, report: Report, declared: bool) -> Iterator[Section]:
    """Look at everything, a section after the other; writes nothing.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        declared: Whether to compare with what is declared too, which takes a login to Vault.
    """
    pipeline = jobs.pipeline(config)
    yield _shown("queues", lambda: _queues(pipeline, world.records()))
    yield _shown("images", lambda: _images(pipeline, world.records()))
    yield _shown("newest", lambda: _newest(pipeline, world.objects(), world.records()))
    yield _shown("reconcile", lambda: _reconcile(config, world))
    if declared and config.secrets:
        yield _shown("secrets", lambda: _plan("secrets", jobs.secrets(config, world, report)))
    if declared and config.buckets:
        now = time.monotonic()
        yield _shown(
            "buckets", lambda: _plan("buckets", jobs.object_store(config, world, report, now))
        )


def _shown(name: str, look: Callable[[], Section]) -> Section:
    try:
        return look()
    except HooksError as error:
        return Section(name, hidden=str(error))


def _queues(config: PipelineConfig, records: Records) -> Section:
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
    lines = [f"QUEUE:{config.bucket}: {length} waiting{_age(waits)}"]
    problems = []
    if waits and waits > _WAITS_TOO_LONG:
        problems.append(f"the next file waits since {waits:.0f} s: is ingest at work?")
    for worker in document["workers"]:
        lines.append(
            f"worker {worker['pod']}: {worker['files']} files{_age(worker['oldestSeconds'])}, "
            f"last touched {worker['idleSeconds']} s ago"
        )
        if worker["idleSeconds"] > _STANDS_STILL:
            problems.append(f"worker {worker['pod']} stands still: is the idle pod at work?")
    return Section("queues", tuple(lines), document, tuple(problems))


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f", the oldest since {seconds:.0f} s"


def _images(config: PipelineConfig, records: Records) -> Section:
    """Count what was received, ingested and failed on the two newest observation days."""
    kinds = {"received": "RECINSTR", "ingested": "INGEST", "failed": "FAIL"}
    counts = {word: records.counters(kind, config.bucket) for word, kind in kinds.items()}
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
    lines = [
        f"{row['day']} {row['instrument']}: {row['received']} received, {row['ingested']} "
        f"ingested, {row['failed']} failures"
        for row in rows
    ]
    return Section("images", tuple(lines or ["no image was ever received"]), rows)


def _newest(config: PipelineConfig, objects: Objects, records: Records) -> Section:
    """Follow the newest exposure of each instrument that has taken one today or yesterday."""
    now = datetime.now(UTC)
    # An observation day begins at noon (UTC).
    days = [f"{now - timedelta(hours=12 + 24 * back):%Y%m%d}" for back in (-1, 0, 1)]
    lines, document = [], []
    for top in objects.folders(""):
        folder = next((each for day in days if (each := _last(objects, f"{top}{day}/"))), None)
        if folder is None:
            continue
        stored = [each for page in objects.listing(folder) for each in page]
        stored = [each for each in stored if config.regexp.search(f"{config.bucket}/{each.key}")]
        notes = records.files([f"{config.bucket}/{each.key}" for each in stored])
        pairs = list(zip(stored, notes, strict=True))
        heard = [note.received - each.put for each, note in pairs if note.received]
        ingested = [note.ingested - each.put for each, note in pairs if note.ingested]
        name = folder.rstrip("/").rpartition("/")[2]
        entry = {
            "exposure": name,
            "files": len(stored),
            "announced": len(heard),
            "ingested": len(ingested),
            "putToAnnounced": max(median(heard), 0) if heard else None,
            "putToIngested": max(median(ingested), 0) if ingested else None,
        }
        document.append(entry)
        took = f", {median(ingested):.1f} s after its PUT" if ingested else ""
        lines.append(
            f"newest of {top.rstrip('/')}: {name}, {len(stored)} files, {len(heard)} announced, "
            f"{len(ingested)} ingested{took}"
        )
    return Section("newest", tuple(lines or ["no exposure since yesterday"]), document)


def _last(objects: Objects, folder: str) -> str | None:
    """Return the exposure of a day with the highest number, whoever took it."""
    found = objects.folders(folder)
    return max(found, key=lambda each: each.rstrip("/").rpartition("_")[2], default=None)


def _reconcile(config: Config, world: jobs.World) -> Section:
    cluster = world.cluster()
    found = dict(lookups.last(config, cluster))
    waiting = lookups.open_ones(config, cluster, jobs.pipeline(config).name)
    lines = [f"the buckets job asks to look from {each.since} on: {each.why}" for each in waiting]
    if not found:
        return Section("reconcile", ("has not run yet", *lines), None)
    found.pop("done", None)
    problems = []
    if datetime.now(UTC) - _time(found["time"]) > _RECONCILE_LATE:
        problems.append(f"the last reconcile was at {found['time']}: is its CronJob at work?")
    if found["left"]:
        problems.append(f"{found['left']} objects wait to be queued: `embargo-hooks backfill`")
    line = f"{found['time']}: {found['found']} lost objects found, {found['queued']} queued"
    return Section("reconcile", (line, *lines), found, tuple(problems))


def _time(text: str) -> datetime:
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)


def _plan(name: str, job: jobs.Job) -> Section:
    changes = [str(change) for change in job.plan.changes]
    warnings = job.plan.warnings
    lines = tuple(f"warning: {each}" for each in warnings) or ("as declared",) * (not changes)
    document = {"changes": changes, "warnings": list(warnings)}
    return Section(name, lines, document, tuple(f"to be changed: {each}" for each in changes))
