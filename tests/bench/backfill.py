"""How long a backfill takes over a night of 200,000 objects: `python -m tests.bench.backfill`.

Redis is real, the bucket's listing is in memory: what the object store takes comes on top (1,000
objects a page, day folders side by side).
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis import Redis

from embargo_butler.adapters.redis.records import RedisRecords
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.config.reader import read
from embargo_butler.delivery.backfill import queue_again, survey
from embargo_butler.delivery.days import Window
from embargo_butler.delivery.focal_plane import expected
from embargo_butler.model.ports import Stored
from embargo_butler.secret import Secret
from tests.site.services.support import PASSWORD, redis_server
from tests.unit.conftest import PIPELINE

OBJECTS = 200_000
_NOW = datetime(2026, 6, 4, 11, tzinfo=UTC)
_DAY = "20260603"
_BATCH = 10_000


class Night:
    """A bucket with one night's objects, listed as the object store lists them."""

    def keys(self) -> Iterator[str]:
        """Yield all keys in their order."""
        parts = expected("LSSTCam")
        for number in range(OBJECTS):
            exposure = f"MC_O_{_DAY}_{number // len(parts):06d}"
            part = parts[number % len(parts)]
            yield f"LSSTCam/{_DAY}/{exposure}/{exposure}_{part}.fits"

    def folders(self, prefix: str) -> list[str]:
        """Return the one instrument."""
        return ["LSSTCam/"]

    def listing(self, prefix: str) -> Iterator[Sequence[Stored]]:
        """Yield the night's objects, 1,000 at a time."""
        page: list[Stored] = []
        for key in self.keys() if prefix == f"LSSTCam/{_DAY}/" else ():
            page.append(Stored(key, _NOW.timestamp() - 7200))
            if len(page) == 1000:
                yield page
                page = []
        yield page

    def stored(self, keys: Sequence[str]) -> list[Stored | None]:
        """Not asked here."""
        raise NotImplementedError

    def head(self, key: str, count: int) -> bytes:
        """Not asked here."""
        raise NotImplementedError


def main() -> None:
    """Measure, and print a table."""
    config = read(PipelineConfig, PIPELINE, "bench")
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as port:
        admin: Any = Redis(port=port, password=PASSWORD)
        records = RedisRecords("127.0.0.1", port, Secret(PASSWORD))
        print(f"{OBJECTS} objects{'':26} found  queued  seconds  CPU  in Redis  memory (MiB)")
        _measure("all ingested but 1,000", config, records, admin, leave_out=200)
        _measure("Redis lost everything", config, records, admin, leave_out=1)
        _measure("the same once more", config, records, admin, leave_out=0)
        records.close()


def _measure(
    what: str, config: PipelineConfig, records: RedisRecords, admin: Any, leave_out: int
) -> None:
    if leave_out:
        admin.flushall()
    if leave_out > 1:
        _ingest(config, admin, leave_out)
    admin.config_resetstat()
    begun, cpu = time.monotonic(), time.process_time()
    found = survey(config, Night(), records, Window(_NOW - timedelta(hours=24), _NOW))
    paths = [each.path for each in found.lost]
    queued = queue_again(config, records, paths, time.time(), lambda _: None)
    took, used = time.monotonic() - begun, time.process_time() - cpu
    inside = sum(each["usec"] for each in admin.info("commandstats").values()) / 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:40} {len(paths):7} {queued:7} {took:8.1f} {used:4.1f} {inside:9.1f} {memory:13.0f}"
    )


def _ingest(config: PipelineConfig, admin: Any, leave_out: int) -> None:
    pipe = admin.pipeline(transaction=False)
    for number, key in enumerate(Night().keys()):
        if number % leave_out:
            notes = {"recv_time": "1780000000.0", "ingest_time": "1780000010.0"}
            pipe.hset(f"FILE:{config.bucket}/{key}", mapping=notes)
        if number % _BATCH == 0:
            pipe.execute()
    pipe.execute()


if __name__ == "__main__":
    main()
