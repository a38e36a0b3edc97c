"""`trace`: how far each file of an exposure has come."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import click

from embargo_butler import terminal
from embargo_butler.cli import options
from embargo_butler.cli.job.running import DONE, FAILED, Run, Verb
from embargo_butler.delivery.exposures import find, named
from embargo_butler.delivery.nightly import look
from embargo_butler.delivery.stages import Stage
from embargo_butler.delivery.trace import Row, Trace, trace, with_logs
from embargo_butler.errors import HooksError, KubernetesError
from embargo_butler.health.tables import lasting, table

_SHOWN = 6
_LOG_LINE = 200


def _night(run: Run) -> int:
    config, day = run.config.required_pipeline, run.arguments.night
    night = look(run.config.environment, config, run.world.objects(), run.world.records(), day)
    rows = night.exposures
    run.report.show("exposures", [asdict(each) for each in rows])
    if run.arguments.output == "text":
        head = ("EXPOSURE", "EXPECTED", "IN THE BUCKET", "ANNOUNCED", "INGESTED", "NOT SENT")
        cells = [
            (
                each.exposure,
                *map(str, (each.expected, each.there, each.announced, each.ingested)),
                _several(each.unsent),
            )
            for each in rows
        ]
        terminal.show(*table([head, *cells], ""))
    gaps = sum(not each.well for each in rows)
    if gaps:
        run.report.end("gaps", f"{run.name}: {gaps} of {len(rows)} exposures are not whole")
        return FAILED
    run.report.end("arrived", f"{run.name}: all {len(rows)} exposures of {day} have arrived")
    return DONE


def _several(detectors: Sequence[str]) -> str:
    more = f" and {len(detectors) - _SHOWN} more" if len(detectors) > _SHOWN else ""
    return ", ".join(detectors[:_SHOWN]) + more


def _trace(run: Run) -> int:
    if bool(run.arguments.exposure) == bool(run.arguments.night):
        raise HooksError("trace: expected an EXPOSURE, or --night YYYYMMDD")
    return _night(run) if run.arguments.night else _one(run)


def _one(run: Run) -> int:
    config, objects = run.config.required_pipeline, run.world.objects()
    subject = find(run.arguments.exposure, objects, config.bucket)
    records, now = run.world.records(), time.time()
    butler = None if run.arguments.no_butler else run.world.butler()
    hidden = []
    try:
        found = trace(config, subject, objects, records, butler, now)
    except KubernetesError as error:
        if butler is None:
            raise
        # Without a pod of ingest, or the right to run something in it, the rest is still shown.
        hidden.append(f"the Butler cannot be asked: {error}")
        found = trace(config, subject, objects, records, None, now)
    if not found.well:
        try:
            found = with_logs(found, run.world.logs())
        except KubernetesError as error:
            hidden.append(f"the logs cannot be read: {error}")
    found = replace(found, problem="; ".join(hidden))
    run.report.show("exposure", subject.exposure)
    run.report.show("stages", found.counts())
    run.report.show("visit", found.visit)
    rows = [{**asdict(row), "mend": run.typed(row.mend)} for row in found.rows]
    run.report.show("rows", rows)
    run.report.show("hidden", found.problem)
    if run.arguments.output == "text":
        terminal.show(*_text(found, run, now))
    gaps = sum(bool(row.why) for row in found.rows)
    visit = ", and no visit is defined" if found.visit is False else ""
    if gaps or visit:
        summary = f"{gaps} of {len(found.rows)} files have not arrived{visit}"
        run.report.end("gaps", f"{run.name}: {summary}")
        return FAILED
    run.report.end("arrived", f"{run.name}: all {len(found.rows)} files have arrived")
    return DONE


def _text(found: Trace, run: Run, now: float) -> Iterator[str]:
    subject = found.subject
    yield f"{subject.exposure or subject.stored[0].key} {subject.instrument} {subject.day}"
    for stage, count in found.counts().items():
        yield f"  {stage:<20} {count}"
    if found.delays():
        yield f"  {found.delays()}"
    if run.arguments.rows:
        yield ""
        yield from _rows(found.rows)
        yield ""
    if found.problem:
        yield f"  not to be seen: {found.problem}"
    if found.visit is False:
        yield "  ! no visit is defined: ingest was stopped just before"
        day = f"{date.fromisoformat(subject.day):%FT00:00:00Z}"
        yield f"      {run.typed(('visits', '--since', day, '--apply'))}"
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in found.rows:
        if row.why:
            groups[row.why].append(row)
    for why, rows in groups.items():
        since = ""
        if rows[0].stage is Stage.QUEUED:
            since = f", the oldest since {lasting(now - min(row.received for row in rows))}"
        yield f"  ! {len(rows)} {why}{since}: {_names(rows)}"
        if log := next((row.log for row in rows if row.log), ""):
            yield f"      log of {log[:_LOG_LINE]}"
        if rows[0].mend:
            yield f"      {run.typed(_mend(rows, subject.exposure))}"


def _rows(rows: Sequence[Row]) -> list[str]:
    head = ("FILE", "PUT (UTC)", "ANNOUNCED", "INGESTED", "BUTLER", "PRESENCE", "STAGE")
    known = {True: "yes", False: "no", None: "-"}
    lines = [
        (
            row.detector,
            f"{datetime.fromtimestamp(row.put, UTC):%H:%M:%S}" if row.put else "-",
            _after(row.received, row.put),
            _after(row.ingested, row.put),
            known[row.in_butler],
            known[row.present],
            f"{row.stage}{f' ({row.worker})' if row.worker else ''}",
        )
        for row in rows
    ]
    return table([head, *lines])


def _after(when: float, put: float) -> str:
    # The store's times are whole seconds, so that an announcement may seem to come before.
    return f"+{max(0.0, when - put):.1f} s" if when and put else "-"


def _names(rows: Sequence[Row]) -> str:
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return ", ".join(row.detector for row in rows[:_SHOWN]) + more


def _mend(rows: Sequence[Row], exposure: str) -> tuple[str, ...]:
    if rows[0].mend[:1] == ("set-aside",):
        return ("set-aside", *(row.key for row in rows))
    if len(rows) == 1 or rows[0].mend[0] != "trigger":
        return rows[0].mend
    # Trigger leaves out by itself what has arrived, so that the exposure may stand for all.
    keys = [named(exposure, row.detector, row.key) for row in rows]
    verb, _, *options = rows[0].mend
    return (verb, *([whole] if (whole := named(exposure, "", "")) else keys), *options)


TRACE = Verb(
    "trace",
    _trace,
    "Follow the files of an exposure, a detector or a key; exit code 1: a gap.",
    "MC_O_20260603_000258",
    [
        options.EXPOSURE,
        click.Option(["--night"], metavar="YYYYMMDD", help="All exposures of a day, a line each."),
        click.Option(["--rows"], is_flag=True, help="A line for each file."),
        click.Option(["--no-butler"], is_flag=True, help="Do not ask the Butler."),
    ],
    limited=False,
    quiet=True,
)
