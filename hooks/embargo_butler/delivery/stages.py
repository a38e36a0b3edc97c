"""What stage an image has reached, and why it stopped; by what Redis has noted of it.

Source of the rules: facts of enqueue and ingest, lsst-dm/embargo-butler 1.2.1 to 1.6.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from embargo_butler.model.ports import FileRecord, Records

_THERE = "Datastore already contains"
FAILING = "Error while ingesting"
"""What ingest's log says of files on which it has failed, counted or not."""
_CONFLICT = "Conflict in sync"
UPDATE_RECORDS = "butler ingest-raws --update-records"
"""What brings a file whose exposure's records were rewritten."""


class Stage(StrEnum):
    """How far a file has come."""

    ABSENT = "not in the bucket"
    UNMATCHED = "in the bucket, not for ingest"
    UNSEEN = "in the bucket, never announced"
    ASIDE = "set aside"
    QUEUED = "in the queue"
    WORKING = "in a worker's hands"
    DROPPED = "given up by ingest"
    UNSETTLED = "taken from the queue, nothing noted since"
    INGESTED = "ingested"


@dataclass(frozen=True)
class Name:
    """What enqueue and ingest read out of a path, in the same way.

    Attributes:
        instrument: The instrument, or CSC and generator of a file of the Large File Annex.
        day: The observation day, `YYYYMMDD`.
        exposure: The exposure, empty for the Large File Annex.
        file: The last part.
    """

    instrument: str
    day: str
    exposure: str
    file: str

    @property
    def detector(self) -> str:
        """What the file's name has after the exposure's: `R22_S11`, `R00_SG0_guider`."""
        return self.file.removeprefix(f"{self.exposure}_").partition(".")[0]


def parse(path: str) -> Name | None:
    """Take a path apart, None where the services cannot: on such a key they fail."""
    parts = path.split("/")
    if is_annex(path):
        if len(parts) == 8:
            del parts[6]  # a folder below the day, as the frames of a movie have
        if len(parts) == 7:
            parts[1:3] = [f"{parts[1]}/{parts[2]}"]
        if len(parts) != 6:
            return None
        _, instrument, year, month, day, file = parts
        return Name(instrument, year + month + day, "", file)
    if len(parts) != 5:
        return None
    _, instrument, day, exposure, file = parts
    code = exposure.split("_")
    # A number that is none makes enqueue fail after it has queued the file, again and again.
    if len(code) != 4 or not code[3].isdigit():
        return None
    return Name(instrument, day, exposure, file)


def is_annex(path: str) -> bool:
    """Whether a path is of the Large File Annex, by the services' own rule."""
    return "rubinobs-lfa-" in path


def stage(record: FileRecord, queued: bool, worked_on: bool) -> Stage:
    """Tell how far a file of the bucket has come.

    Args:
        record: What is noted of it.
        queued: Whether it is in the queue.
        worked_on: Whether it is in a worker's list.
    """
    if queued:
        return Stage.QUEUED
    if worked_on:
        return Stage.WORKING
    if record.ingested or is_there(record):
        return Stage.INGESTED
    if why_dropped(record):
        return Stage.DROPPED
    # A duplicate ends so too: ingest drops it without a word, as it is in the Butler already.
    return Stage.UNSETTLED if record.received else Stage.UNSEEN


def is_there(record: FileRecord) -> bool:
    """Tell whether ingest failed on a file because the Butler has it.

    To 1.3.3 that counts as a failure, and a WEBHOOK_URI that refuses makes most of a batch fail so.
    """
    return _THERE in record.insert_error and not record.header_error


def conflicts(record: FileRecord) -> bool:
    """Tell whether the exposure's records were rewritten since its other files came.

    Catch-up processing does that to boresight records, and no further try helps
    (data-facility operators' handbook).
    """
    return _CONFLICT in record.insert_error and not record.header_error


def why_dropped(record: FileRecord) -> str:
    """Return why ingest gave a file up that is not there; empty if it did not fail."""
    if record.ingested or is_there(record):
        return ""
    if record.header_error:
        return f"its metadata cannot be read: {short(record.header_error)}"
    if record.insert_error == "Max wait":
        return "its exposure did not come in time (MAX_GUIDER_WAIT)"
    if record.insert_error or record.insert_failures:
        times = f" ({record.insert_failures} times)" if record.insert_failures > 1 else ""
        why = f"the Butler did not take it{times}: {short(record.insert_error)}"
        return f"{why}: only `{UPDATE_RECORDS}` helps" if conflicts(record) else why
    return ""


def short(error: str) -> str:
    """Return the first line of an error, and the constraint that it names further down, if any.

    What follows is the statement and its values, which may be pages (SQLAlchemy, PostgreSQL).
    """
    first, _, rest = error.strip().partition("\n")
    named = re.search(r'constraint "[^"]+"', rest)
    return f"{first} ({named[0]})" if named and named[0] not in first else first


def failures_alike(record: FileRecord, went_in: int) -> int:
    """Return how often in a row a file has failed for the same reason while others went in.

    Args:
        record: What is noted of it.
        went_in: How many files ingest has counted by now: where none was added since it was queued
            again, its failure says nothing of the file.
    """
    why = record.header_error or record.insert_error
    if not why or why != record.last_failure:
        return int(bool(why))
    return record.alike + (went_in > record.went_in)


@dataclass(frozen=True)
class Places:
    """Where in Redis paths are at a moment.

    Attributes:
        queued: Those in the queue.
        working: Those in the workers' lists, each with the pod.
        aside: Those that a person has set aside.
    """

    queued: frozenset[str]
    working: Mapping[str, str]
    aside: frozenset[str] = frozenset()

    @classmethod
    def read(cls, records: Records, bucket: str) -> Places:
        """Read the queue, then the workers' lists: that is the way of a path, so none is missed."""
        queued = frozenset(records.queue(bucket))
        workers = records.workers(bucket)
        working = {path: worker.name for worker in workers for path in worker.paths}
        return cls(queued, working, frozenset(records.aside(bucket)))

    def stage(self, path: str, record: FileRecord) -> Stage:
        """Tell how far a file of the bucket has come."""
        # What is announced again is worked on, set aside or not.
        under_way = path in self.queued or path in self.working
        if path in self.aside and not (under_way or record.ingested):
            return Stage.ASIDE
        return stage(record, path in self.queued, path in self.working)
