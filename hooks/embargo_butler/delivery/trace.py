"""How far each file of an exposure has come, why it stopped, and what mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.exposures import Subject, named
from embargo_butler.delivery.focal_plane import answers_presence, expected, listing
from embargo_butler.delivery.stages import (
    FAILING,
    UPDATE_RECORDS,
    Places,
    Stage,
    conflicts,
    parse,
    short,
    why_dropped,
)
from embargo_butler.model.ports import Butler, FileRecord, Logs, Objects, Records

_HEADER_BYTES = 28_800
_CARD = 80
_PRESENCE_SECONDS = 86_400.0
_FAILED_ON = ", which failed on it: "
_OTHER_SECRET = "Unrecognized secret"
_IN_LOGS = (Stage.UNSEEN, Stage.DROPPED, Stage.UNSETTLED, Stage.WORKING)


@dataclass(frozen=True)
class Row:
    """One file.

    Attributes:
        detector: What its name has after the exposure's.
        key: Its key; empty if it is not in the bucket.
        stage: How far it has come, by the bucket and Redis.
        put: When it was PUT; like all times in seconds since 1970, 0 for never.
        received: When it was announced, or queued again.
        ingested: When ingest said that it is in the Butler.
        worker: The pod that has it in its hands.
        in_butler: Whether the Butler has it; None if it was not asked.
        present: Whether presence knows it; None where it never does.
        why: Why it stopped, empty if all is well.
        mend: The verb and its words that mend it, or a whole command of kubectl; empty if there is
            none.
        log: What a pod's log last says of it; empty if nobody looked, or it says nothing.
    """

    detector: str
    key: str
    stage: Stage
    put: float = 0.0
    received: float = 0.0
    ingested: float = 0.0
    worker: str = ""
    in_butler: bool | None = None
    present: bool | None = None
    why: str = ""
    mend: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True)
class Trace:
    """One exposure.

    Attributes:
        subject: What was asked for.
        rows: Its files.
        visit: Whether its visit is defined; None if the Butler was not asked, does not have the
            exposure, or it is none that gets a visit: not on the sky, or of no known angle.
        expected: How many files it should have.
        problem: Why the Butler, or presence, could not be asked.
    """

    subject: Subject
    rows: tuple[Row, ...]
    visit: bool | None
    expected: int
    problem: str = ""

    @property
    def well(self) -> bool:
        """Whether every file has arrived everywhere."""
        return not any(row.why for row in self.rows) and self.visit is not False

    def counts(self) -> dict[str, str]:
        """Return how many files have reached each stage."""
        rows, whole = self.rows, len(self.rows)
        asked = [row for row in rows if row.in_butler is not None]
        shown = [row for row in rows if row.present is not None]
        unseen = "none" if asked else "not asked"
        visit = {True: "defined", False: "missing", None: unseen}[self.visit]
        return {
            "expected": str(self.expected),
            "in the bucket": f"{sum(bool(row.put) for row in rows)} of {whole}",
            "announced": f"{sum(bool(row.received) for row in rows)} of {whole}",
            "set aside": str(sum(row.stage is Stage.ASIDE for row in rows)),
            "queued": str(sum(row.stage is Stage.QUEUED for row in rows)),
            "in a worker's hands": str(sum(row.stage is Stage.WORKING for row in rows)),
            "ingested": f"{sum(row.stage is Stage.INGESTED for row in rows)} of {whole}",
            "in the Butler": f"{sum(row.in_butler is True for row in asked)} of {len(asked)}"
            if asked
            else "not asked",
            "visit": visit,
            "presence": f"{sum(row.present is True for row in shown)} of {len(shown)}",
        }

    def delays(self) -> str:
        """Return how long the way from PUT to ingested took."""
        taken = [row.ingested - row.put for row in self.rows if row.put and row.ingested]
        if not taken:
            return ""
        return f"PUT to ingested: median {median(taken):.1f} s, at most {max(taken):.1f} s"


def trace(
    config: PipelineConfig,
    subject: Subject,
    objects: Objects,
    records: Records,
    butler: Butler | None,
    now: float,
) -> Trace:
    """Follow the files of an exposure, or one of them; writes nothing.

    Args:
        config: The environment's pipeline.
        subject: What was asked for.
        objects: The bucket.
        records: Redis.
        butler: The Butler, None to leave it out.
        now: The time, in seconds since 1970.

    Raises:
        HooksError: Something could not be read.
    """
    paths = {f"{config.bucket}/{each.key}": each for each in subject.stored}
    paths = {path: each for path, each in paths.items() if config.regexp.search(path)}
    notes = dict(zip(paths, records.files(list(paths)), strict=True))
    places = Places.read(records, config.bucket)
    known, visits = (
        butler.known([(subject.instrument, subject.day, subject.exposure)])
        if butler
        else (None, dict[str, bool]())
    )
    present = _present(config, subject, objects, records)
    rows = []
    for path, stored in paths.items():
        name = parse(path)
        detector = name.detector if name else path
        record = notes[path]
        row = Row(
            detector=detector,
            key=stored.key,
            stage=places.stage(path, record),
            put=stored.put,
            received=record.received,
            ingested=record.ingested,
            worker=places.working.get(path, ""),
            in_butler=None if known is None else path in known,
            present=path in present if answers_presence(detector) and config.presence else None,
        )
        rows.append(_explained(row, record, subject, config, now))
    due = () if subject.part else expected(subject.instrument, listing(subject.stored, objects))
    rows += list(_absent(due, {row.detector for row in rows}))
    rows.sort(key=lambda row: row.detector)
    return Trace(subject, tuple(rows), visits.get(subject.exposure), len(due) or len(rows))


def with_logs(found: Trace, logs: Logs) -> Trace:
    """Add what the pods' logs say of the files that have not arrived.

    Raises:
        HooksError: No log could be read.
    """
    sought = [row.key for row in found.rows if row.stage in _IN_LOGS]
    names = {key: key.rpartition("/")[2] for key in sought}
    said = {
        component: logs.mentions(component, list(names.values()))
        for component in ("enqueue", "ingest")
        if names
    }
    unseen = any(row.stage is Stage.UNSEEN for row in found.rows)
    # That line has the secret itself, so it is only counted.
    dropped = logs.count("enqueue", _OTHER_SECRET) if unseen else 0
    rows = []
    for row in found.rows:
        lines = [
            f"{component}: {line}"
            for component, mentions in said.items()
            if (line := mentions.get(names.get(row.key, "")))
        ]
        if row.stage is Stage.UNSEEN and dropped and not lines:
            lines = [f"enqueue: {dropped} notifications with another secret were dropped"]
        rows.append(_blocking(replace(row, log=lines[-1])) if lines else row)
    return replace(found, rows=tuple(rows))


def _blocking(row: Row) -> Row:
    """Name a file that its worker fails on without counting it: it blocks what comes after it."""
    if row.stage is not Stage.WORKING or FAILING not in row.log or _FAILED_ON in row.why:
        return row
    return replace(row, why=f"blocks worker {row.worker}", mend=("set-aside", row.key))


def _explained(
    row: Row, record: FileRecord, subject: Subject, config: PipelineConfig, now: float
) -> Row:
    if row.stage is Stage.ASIDE:
        return replace(row, present=None)
    trigger = ("trigger", named(subject.exposure, row.detector, row.key))
    why, mend = "", tuple[str, ...]()
    settled = row.stage is Stage.UNSETTLED and row.in_butler
    if row.stage is Stage.DROPPED and not row.in_butler:
        why = f"{row.stage}: {why_dropped(record)}"
        mend = _updating(config, row.key) if conflicts(record) else trigger
    elif row.stage is Stage.UNSEEN and not row.in_butler:
        why, mend = str(row.stage), trigger
    elif row.stage is Stage.UNSETTLED and not settled:
        why, mend = str(row.stage), (*trigger, "--unless-in-butler")
    elif row.stage is Stage.QUEUED:
        why, mend = "waits in the queue", ("status",)
    elif row.stage is Stage.WORKING:
        why = f"in the hands of {row.worker}"
        why += f"{_FAILED_ON}{short(record.insert_error)}" if record.insert_error else ""
        mend = ("kubectl", "logs", row.worker, "-c", "ingest")
    elif row.stage is Stage.INGESTED and row.in_butler is False:
        why = "ingested, and no longer in the Butler: somebody removed it"
        mend = (*trigger, "--force")
    elif row.present is False and now - (row.ingested or row.put) < _PRESENCE_SECONDS:
        why = "presence does not know it: no GROUPID, asked for with DELETE_SEEN, or Redis was lost"
        mend = (*trigger, "--force")
    # Presence forgets after a day, as it should.
    present = None if row.present is False and not why else row.present
    return replace(row, why=why, mend=mend, present=present)


def _updating(config: PipelineConfig, key: str) -> tuple[str, ...]:
    """Return the command that takes a file with the exposure's records as its header has them."""
    run = f"{UPDATE_RECORDS} --transfer direct $BUTLER_REPO s3://{shlex.quote(config.bucket)}"
    stack = "source loadLSST.bash; setup lsst_obs; "
    pod = ("kubectl", "exec", f"deployment/{config.ingest.deployment}", "-c", "ingest", "--")
    return (*pod, "bash", "-c", f"{stack}{run}/{shlex.quote(key)}")


def _absent(due: Sequence[str], there: set[str]) -> Iterator[Row]:
    for detector in due:
        if detector not in there:
            why = "not in the bucket: the camera has not PUT it"
            yield Row(detector, "", Stage.ABSENT, why=why)


def _present(
    config: PipelineConfig, subject: Subject, objects: Objects, records: Records
) -> set[str]:
    """Return the paths that presence would give, by what ingest wrote down for it."""
    if not (config.presence and subject.exposure):
        return set()
    whole = next((each.key for each in subject.stored if each.key.endswith(".fits")), None)
    header = _cards(objects.head(whole, _HEADER_BYTES)) if whole else {}
    if "GROUPID" not in header:
        return set()
    snap = int(header.get("CURINDEX", "")) - 1 if header.get("CURINDEX", "").isdigit() else 0
    detectors = [
        name.detector
        for each in subject.stored
        if (name := parse(f"{config.bucket}/{each.key}")) and answers_presence(name.detector)
    ]
    keys = [
        f"GROUP:{subject.instrument}:{header['GROUPID']}:{snap}:{detector}"
        for detector in detectors
    ]
    return {uri.removeprefix("s3://") for uri in records.values(keys) if uri}


def _cards(head: bytes) -> dict[str, str]:
    """Return the cards of a FITS file's first header, as texts."""
    cards = {}
    for start in range(0, len(head) - _CARD + 1, _CARD):
        card = head[start : start + _CARD].decode("ascii", "replace")
        if card.startswith("END "):
            break
        keyword, _, value = card.partition("= ")
        cards[keyword.strip()] = value.partition(" /")[0].strip().strip("'").strip()
    return cards
