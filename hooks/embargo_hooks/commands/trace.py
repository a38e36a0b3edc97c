"""`trace`: how far each file of an exposure has come."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from embargo_hooks import jobs
from embargo_hooks.commands._running import DONE, FAILED, Areas, Run, add
from embargo_hooks.errors import KubernetesError
from embargo_hooks.exposures import find
from embargo_hooks.trace import Row, Trace, trace

_SHOWN = 6


def add_to(areas: Areas) -> None:
    """Add the verb."""
    tracing = add(areas, "trace", _trace, "follow the files of an exposure; exit code 1: a gap")
    tracing.set_defaults(verb="", limited=False, quiet=True)
    tracing.add_argument("exposure", metavar="EXPOSURE", help="an exposure, a detector, or a key")
    tracing.add_argument("--no-butler", action="store_true", help="do not ask the Butler")


def _trace(run: Run) -> int:
    config, objects = jobs.pipeline(run.config), run.world.objects()
    subject = find(run.arguments.exposure, objects)
    records, now = run.world.records(), time.time()
    butler = None if run.arguments.no_butler else run.world.butler()
    try:
        found = trace(config, subject, objects, records, butler, now)
    except KubernetesError as error:
        if butler is None:
            raise
        # Without a pod of ingest, or the right to run something in it, the rest is still shown.
        found = replace(
            trace(config, subject, objects, records, None, now),
            problem=f"the Butler cannot be asked: {error}",
        )
    run.report.show("exposure", subject.exposure)
    run.report.show("stages", found.counts())
    run.report.show("visit", found.visit)
    run.report.show("rows", [asdict(row) for row in found.rows])
    run.report.show("hidden", found.problem)
    if run.arguments.output == "text":
        print("\n".join(_text(found)))
    gaps = sum(bool(row.why) for row in found.rows) + (found.visit is False)
    if gaps:
        run.report.end("gaps", f"{run.name}: {gaps} of {len(found.rows)} files have not arrived")
        return FAILED
    run.report.end("arrived", f"{run.name}: all {len(found.rows)} files have arrived")
    return DONE


def _text(found: Trace) -> Iterator[str]:
    subject = found.subject
    yield f"{subject.exposure or subject.stored[0].key} {subject.instrument} {subject.day}"
    for stage, count in found.counts().items():
        yield f"  {stage:<20} {count}"
    if found.delays():
        yield f"  {found.delays()}"
    if found.problem:
        yield f"  {found.problem}"
    if found.visit is False:
        yield f"  ! no visit: butler define-visits REPO {subject.instrument} --where"
        yield f"      \"exposure.obs_id = '{subject.exposure}'\""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in found.rows:
        if row.why:
            groups[row.why].append(row)
    for why, rows in groups.items():
        yield f"  ! {len(rows)} {why}: {_names(rows)}"
        if rows[0].mend:
            yield f"      {_mend(rows, subject.exposure)}"


def _names(rows: Sequence[Row]) -> str:
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return ", ".join(row.detector for row in rows[:_SHOWN]) + more


def _mend(rows: Sequence[Row], exposure: str) -> str:
    one = f"{exposure}_{rows[0].detector}"
    # Trigger leaves out by itself what has arrived, so that the exposure may stand for all.
    return rows[0].mend.replace(one, exposure) if len(rows) > 1 else rows[0].mend
