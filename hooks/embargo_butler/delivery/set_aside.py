"""Files taken out of ingest's way by name: off the lists, into one of their own.

A file on which ingest fails without counting it (a guider whose header no translator knows, a key
with a line break) stays on its worker's list, and blocks first that worker and then the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embargo_butler.delivery.stages import FAILING, Places, Stage
from embargo_butler.errors import HooksError
from embargo_butler.model.ports import Logs, Records

_PATIENCE = 120.0
"""Seconds after which a file that was announced, and is still at a list's end, is asked about."""


@dataclass(frozen=True)
class Wedged:
    """A worker that works on the same files again and again.

    Attributes:
        worker: The pod.
        paths: What blocks it.
        line: What its log last says of them.
    """

    worker: str
    paths: tuple[str, ...]
    line: str


def wedged(bucket: str, records: Records, logs: Logs, now: float) -> list[Wedged]:
    """Return the workers that are blocked; the logs are read only where a list looks like it.

    Args:
        bucket: The bucket with its profile.
        records: Redis.
        logs: The pods' logs.
        now: The time, in seconds since 1970.

    Raises:
        HooksError: Redis, or the logs, could not be read.
    """
    found = []
    for worker in records.workers(bucket):
        notes = zip(worker.paths, records.files(worker.paths), strict=True)
        # Of what is counted ingest rids itself.
        old = [
            path
            for path, note in notes
            if note.received and now - note.received > _PATIENCE and not note.insert_failures
        ]
        if not old:
            continue
        names = {path: path.rpartition("/")[2].partition("\n")[0] for path in old}
        lines = logs.mentions("ingest", list(names.values()))
        stuck = tuple(path for path in old if FAILING in lines.get(names[path], ""))
        if stuck:
            found.append(Wedged(worker.name, stuck, lines[names[stuck[0]]]))
    return found


def named(bucket: str, texts: Iterable[str]) -> list[str]:
    """Return the paths that were typed, with or without the bucket before them."""
    start = f"{bucket}/"
    return list(dict.fromkeys(start + text.removeprefix(start) for text in texts))


def set_aside(bucket: str, paths: Sequence[str], records: Records, now: float) -> None:
    """Take paths off the queue and the workers' lists; all of them, or none.

    Raises:
        HooksError: Nobody knows one of them, or it is done; nothing was changed.
    """
    places = Places.read(records, bucket)
    for path, note in zip(paths, records.files(paths), strict=True):
        if (stage := places.stage(path, note)) in (Stage.UNSEEN, Stage.INGESTED):
            raise HooksError(
                f"{path}: {stage}: only what waits, is worked on, or was given up can be set "
                "aside; nothing was changed"
            )
    records.set_aside(bucket, paths, now)


def give_back(bucket: str, paths: Sequence[str], records: Records, now: float) -> None:
    """Put paths that were set aside into the queue again, behind what waits; all of them, or none.

    Raises:
        HooksError: One of them was not set aside; nothing was changed.
    """
    aside = records.aside(bucket)
    if strange := [path for path in paths if path not in aside]:
        raise HooksError(f"{strange[0]}: is not set aside; nothing was changed")
    records.requeue(bucket, paths, now)
    records.give_back(bucket, paths)
