"""Redis seen from outside: what the services have written down, read without disturbing them.

Reading a `WORKER:` list resets the idle clock by which dead ingest pods are found, so those lists
are only ever looked for by name, with SCAN, which leaves the clock alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from tests.support.exposure import Exposure


@dataclass(frozen=True)
class FileNotes:
    """What the services noted of one file: times in seconds since 1970, and how ingest failed."""

    announced: float | None
    ingested: float | None
    failure: str | None


class Queues:
    """The queues and notes of one bucket.

    Args:
        redis: A client that decodes responses; also the attribute for what tests break.
        bucket: The bucket as the services call it (with its profile, where there is one).
    """

    def __init__(self, redis: Redis, bucket: str) -> None:
        # The client's methods are typed as if each of them might be asynchronous.
        self.redis: Any = redis
        self.bucket = bucket

    @classmethod
    def connect(cls, host: str, password: str, bucket: str) -> Queues:
        """Connect to a Redis."""
        return cls(Redis(host=host, password=password, decode_responses=True), bucket)

    def notes(self, keys: Sequence[str]) -> dict[str, FileNotes]:
        """Return what is noted of files; files without a note are left out."""
        fields = ["recv_time", "ingest_time", "ing_fail_exc", "md_fail_exc"]
        with self.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hmget(f"FILE:{self.bucket}/{key}", fields)
            answers = pipe.execute()
        return {
            key: FileNotes(_time(received), _time(ingested), ingest_failure or metadata_failure)
            for key, (received, ingested, ingest_failure, metadata_failure) in zip(
                keys, answers, strict=True
            )
            if any((received, ingested, ingest_failure, metadata_failure))
        }

    def waiting(self) -> list[str]:
        """Return the keys that wait in the queue."""
        paths: list[str] = self.redis.lrange(f"QUEUE:{self.bucket}", 0, -1)
        return [path.removeprefix(f"{self.bucket}/") for path in paths]

    def lists(self) -> list[str]:
        """Return the names of all queues and workers' lists that hold anything.

        Redis has no empty lists, so the names are enough.
        """
        return sorted(str(name) for name in self.redis.scan_iter(count=1000, _type="list"))

    def answerable(self, exposure: Exposure, detectors: Sequence[str]) -> list[str]:
        """Return the detectors of an exposure of which presence has something to say."""
        with self.redis.pipeline(transaction=False) as pipe:
            for detector in detectors:
                pipe.exists(f"GROUP:LSSTCam:{exposure.group}:0:{detector}")
            answers = pipe.execute()
        return [name for name, answer in zip(detectors, answers, strict=True) if answer]

    def announcements(self, day: str = "") -> int:
        """Return how many announcements of a day's files, or of all days', enqueue has counted.

        Repeated ones are counted too.
        """
        counts: dict[str, str] = self.redis.hgetall(f"REC:{self.bucket}")
        return sum(int(number) for of, number in counts.items() if day in ("", of))


def _time(text: str | None) -> float | None:
    return float(text) if text else None
