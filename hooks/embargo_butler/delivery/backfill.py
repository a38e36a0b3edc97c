"""Objects of the bucket that nobody works on: found by what Redis has noted, and queued again.

Safe at any time, and twice. What is announced is noted for seven days (`recv_time`), and so is what
is queued here. The record is read before the queue, the queue before the workers' lists, which is
the way of a path, and the record once more, so that nothing on its way is taken for lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.days import Window, pages
from embargo_butler.delivery.stages import Places, Stage, failures_alike, parse, why_dropped
from embargo_butler.errors import RedisError
from embargo_butler.model.ports import Objects, Records, Stored

LOCK_SECONDS = 600
_BATCH = 500
_RECORDS = 10_000
# A file that ingest gives up again and again is tried after 5, 10, 20 minutes and so on.
_FIRST_PAUSE = 300.0
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Lost:
    """An object that nobody works on.

    Attributes:
        path: Bucket, with its profile, and key.
        put: When it was PUT, in seconds since 1970.
        stage: Where it stopped.
        why: Why, in a sentence.
        requeued: How often it was put into the queue again.
        received: When that, or its announcement, was.
        alike: How often in a row it has failed for the same reason while others went in.
    """

    path: str
    put: float
    stage: Stage
    why: str
    requeued: int = 0
    received: float = 0.0
    alike: int = 0

    @property
    def hopeless(self) -> bool:
        """Whether another try by itself is of no use: the fault is the file's own."""
        return self.alike >= _TRIES

    def due(self, now: float) -> bool:
        """Whether a patient one tries it now."""
        return not self.requeued or now - self.received >= _FIRST_PAUSE * 2**self.requeued


@dataclass
class Survey:
    """What a look through the bucket found.

    Attributes:
        listed: Objects in the folders that were listed.
        matched: Those PUT in the window that are for ingest.
        newest: When the newest of these was PUT, in seconds since 1970.
        unparsable: Paths that match the expression, and that the services cannot take apart.
        lost: Those to be queued, the oldest first.
        unsettled: Those that were announced, and of which nothing is noted since: mostly
            duplicates; only the Butler can tell.
        in_butler: Those that the Butler has after all.
    """

    listed: int = 0
    matched: int = 0
    newest: float = 0.0
    unparsable: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    unsettled: list[Lost] = field(default_factory=list)
    in_butler: int = 0

    def ask(self, known: Callable[[Sequence[str]], set[str]]) -> None:
        """Ask the Butler which it has; what it has not is lost, the unsettled included."""
        asked = sorted([*self.lost, *self.unsettled], key=lambda each: each.put)
        there = known([each.path for each in asked])
        self.in_butler = len(there)
        self.lost = [each for each in asked if each.path not in there]
        self.unsettled = []


def survey(config: PipelineConfig, objects: Objects, records: Records, within: Window) -> Survey:
    """Look through the bucket for objects that nobody works on; writes nothing.

    Memory is used for what is not done, not for what was listed.

    Raises:
        HooksError: The bucket, or Redis, could not be read.
    """
    found = Survey()
    open_: dict[str, float] = {}
    lock = threading.Lock()

    def look(page: list[Stored]) -> None:
        wanted = {f"{config.bucket}/{stored.key}": stored for stored in page}
        wanted = {path: each for path, each in wanted.items() if config.regexp.search(path)}
        odd = [path for path in wanted if parse(path) is None]
        paths = [path for path in wanted if path not in set(odd)]
        undone = {path: wanted[path].put for path in records.not_ingested(paths)}
        with lock:
            found.matched += len(paths)
            found.newest = max([found.newest, *(wanted[path].put for path in paths)])
            found.unparsable += odd
            open_.update(undone)

    found.listed = pages(config.bucket, objects, within, look)
    if open_:
        _sort(config, records, open_, found)
    return found


def _sort(
    config: PipelineConfig, records: Records, undone: dict[str, float], found: Survey
) -> None:
    places = Places.read(records, config.bucket)
    counted = records.counters("INGEST", config.bucket).values()
    went_in = sum(count for days in counted for count in days.values())
    here = undone.keys() - places.queued - places.working.keys()
    paths = sorted(here, key=undone.__getitem__)
    # In parts: after the loss of Redis' volume it is all of the night, in a small pod.
    for start in range(0, len(paths), _RECORDS):
        part = paths[start : start + _RECORDS]
        for path, record in zip(part, records.files(part), strict=True):
            stage = places.stage(path, record)
            why = why_dropped(record) or stage.value
            alike = failures_alike(record, went_in)
            lost = Lost(path, undone[path], stage, why, record.requeued, record.received, alike)
            if stage in (Stage.UNSEEN, Stage.DROPPED):
                found.lost.append(lost)
            elif stage is Stage.UNSETTLED:
                found.unsettled.append(lost)


def queue_again(
    config: PipelineConfig,
    records: Records,
    paths: Iterable[str],
    now: float,
    progress: Callable[[int], None],
) -> int:
    """Put paths into the queue, behind those that wait; one such run at a time.

    Args:
        config: The environment's pipeline.
        records: Its Redis.
        paths: What to queue, in this order.
        now: The time that is noted, in seconds since 1970.
        progress: Is told how many are done.

    Returns:
        How many were queued.

    Raises:
        RedisError: Somebody else does the same now, or Redis refused; what was queued is noted.
    """
    name = f"BACKFILL:{config.bucket}"
    if not records.lock(name, LOCK_SECONDS):
        raise RedisError(
            f"{name}: another backfill is at work; wait for it, or at most {LOCK_SECONDS // 60} "
            "minutes if it was killed"
        )
    try:
        done, rest = 0, iter(paths)
        while batch := list(islice(rest, _BATCH)):
            records.requeue(config.bucket, batch, now)
            done += len(batch)
            progress(done)
        return done
    finally:
        records.unlock(name)
