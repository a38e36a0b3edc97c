"""What becomes of objects that were announced by hand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from embargo_butler.delivery.stages import Places, Stage, is_there, why_dropped
from embargo_butler.model.ports import FileRecord, Records
from embargo_butler.waiting import until

_LOOK_SECONDS = 2.0
# Looking into the workers' lists sets back idle's clock, on Redis before 7.2.
_FIRST_SECONDS, _WORKERS_SECONDS = 6.0, 30.0


class Outcome(StrEnum):
    """How far an announced object has come."""

    INGESTED = "ingested"
    THERE = "there already"
    FAILED = "given up"
    UNDER_WAY = "under way"
    UNHEARD = "not heard of"


_SETTLED = (Outcome.INGESTED, Outcome.THERE, Outcome.FAILED)


def follow(
    bucket: str,
    paths: Sequence[str],
    records: Records,
    began: float,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, tuple[Outcome, str]]:
    """Look until every object has come to an end, or the time is up.

    Args:
        bucket: The bucket with its profile.
        paths: The objects.
        records: Redis.
        began: When they were announced, in seconds since 1970.
        seconds: For how long to look.
        say: Is told how far they are, when that changes.

    Returns:
        For each path how far it has come, and why it was given up.
    """
    now, told, found = time.monotonic(), "", dict[str, tuple[Outcome, str]]()
    workers = now + _FIRST_SECONDS
    for left in until(now + seconds, _LOOK_SECONDS):
        late, now, places = left <= 0, time.monotonic(), None
        if late or now >= workers:
            places, workers = Places.read(records, bucket), now + _WORKERS_SECONDS
        notes = records.files(paths)
        found = {
            path: _outcome(path, note, places, began)
            for path, note in zip(paths, notes, strict=True)
        }
        said = _counted(outcome for outcome, _ in found.values())
        if said != told:
            say(told := said)
        if late or all(outcome in _SETTLED for outcome, _ in found.values()):
            break
    return found


def _outcome(
    path: str, record: FileRecord, places: Places | None, began: float
) -> tuple[Outcome, str]:
    if record.ingested >= began:
        return Outcome.INGESTED, ""
    stage = places.stage(path, record) if places else None
    if stage in (Stage.QUEUED, Stage.WORKING):
        return Outcome.UNDER_WAY, ""
    if (record.header_error or record.insert_error) and not is_there(record):
        # Of a failed insert ingest keeps the file for another try, so only the lists tell.
        if stage or record.header_error:
            return Outcome.FAILED, why_dropped(record) or record.insert_error
        return Outcome.UNDER_WAY, ""
    if record.received < began:
        return Outcome.UNHEARD, ""
    # Ingest drops a duplicate without a word, or with one that it is there.
    return (Outcome.THERE if stage else Outcome.UNDER_WAY), ""


def _counted(outcomes: Iterable[Outcome]) -> str:
    counts = Counter(outcomes)
    return ", ".join(f"{counts[each]} {each}" for each in Outcome if counts[each])
