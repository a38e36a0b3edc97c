"""`report`: one night as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from embargo_butler.cli.hooks.running import DONE, Areas, Run, add
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.days import of_day
from embargo_butler.delivery.night import Arrival, Night
from embargo_butler.delivery.night_page import page
from embargo_butler.delivery.stages import Places, why_dropped
from embargo_butler.errors import HooksError
from embargo_butler.model.ports import Objects, Records


def add_to(areas: Areas) -> None:
    """Add the verb."""
    reporting = add(areas, "report", _report, "write a night's page: delays, detectors, failures")
    reporting.set_defaults(verb="", limited=False, quiet=True)
    reporting.add_argument("--night", required=True, metavar="YYYYMMDD", help="observation day")
    reporting.add_argument("--file", type=Path, help="by default ENVIRONMENT-YYYYMMDD.html")


def _report(run: Run) -> int:
    config, day = run.config.required_pipeline, run.arguments.night
    try:
        datetime.strptime(day, "%Y%m%d")
    except ValueError:
        raise HooksError(f"--night {day}: expected an observation day, YYYYMMDD") from None
    run.report.step(f"bucket {config.bucket}: looking through night {day}")
    found = list(_arrivals(config, run.world.objects(), run.world.records(), day))
    night = Night(run.config.environment, day, datetime.now(UTC), found)
    file = run.arguments.file or Path(f"{run.config.environment}-{day}.html")
    try:
        file.write_text(page(night, run.typed), encoding="utf-8")
    except OSError as error:
        raise HooksError(f"{file}: cannot be written: {error.strerror}") from None
    run.report.show("file", str(file))
    run.report.show("stages", night.stages())
    run.report.end("written", f"{run.name}: {len(found)} files in {file}")
    return DONE


def _arrivals(
    config: PipelineConfig, objects: Objects, records: Records, day: str
) -> Iterator[Arrival]:
    queued = frozenset(records.queue(config.bucket))
    working = {
        path: worker.name for worker in records.workers(config.bucket) for path in worker.paths
    }
    places = Places(queued, working)
    for listed in of_day(config.bucket, objects, day):
        put = {f"{config.bucket}/{stored.key}": stored.put for stored in listed}
        paths = [path for path in put if config.regexp.search(path)]
        for path, record in zip(paths, records.files(paths), strict=True):
            stage = places.stage(path, record)
            yield Arrival(path, put[path], record.ingested, stage, why_dropped(record))
