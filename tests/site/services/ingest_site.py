"""What the ingest service stands between: a bucket, a Redis and a Butler repository."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from tests.services import versions
from tests.site.services.support import image

EXPOSURE = "MC_O_20260603_000258"
DAY = "20260603"
EXPOSURE_ID = 2026060300258


@dataclass
class IngestSite:
    """One worker of the service, with all that it works on."""

    s3: Any
    store: Any
    repo: Path
    bucket: str = "rubin-summit"
    environ: dict[str, str] = field(default_factory=dict)
    tag: str = "1.5"

    def __post_init__(self) -> None:
        self.butler = Butler.from_config(str(self.repo), writeable=True)
        settings = import_module("settings").Settings.read(
            {
                "REDIS_HOST": "127.0.0.1",
                "REDIS_PASSWORD": "",
                "BUCKET": self.bucket,
                "BUTLER_REPO": str(self.repo),
                "STAND_IN": versions.variable(self.tag),
                **self.environ,
            }
        )
        repository = import_module("repository").Repository(self.butler)
        self.worker = import_module("ingest").Worker(self.store, repository, settings)
        self.queue = f"QUEUE:{self.bucket}"
        self.taken = f"WORKER:{self.bucket}:{socket.gethostname()}"

    def put(
        self, raft: str = "R22", slot: str = "S11", content: bytes | None = None, **cards: Any
    ) -> str:
        """Put an image of a detector; returns its path."""
        guider = "_guider" if slot.startswith("SG") else ""
        obs_id = cards.get("OBSID", EXPOSURE)
        key = f"LSSTCam/{DAY}/{obs_id}/{obs_id}_{raft}_{slot}{guider}.fits"
        if content is None:
            content = image(RAFTBAY=raft, CCDSLOT=slot, **cards)
        return self.put_at(key, content)

    def put_at(self, key: str, content: bytes) -> str:
        """Put an object; returns its path."""
        self.s3.put_object(Bucket=self.bucket.rpartition("@")[2], Key=key, Body=content)
        return f"{self.bucket}/{key}"

    def hand(self, *paths: str) -> None:
        """Put paths on the worker's list, the first to be taken first."""
        self.store.lpush(self.taken, *paths)

    def process(self) -> None:
        """Let the worker go over its list once."""
        self.worker.process()

    def left(self) -> list[str]:
        """Return the paths that are still on the worker's list."""
        return [path.decode() for path in self.store.lrange(self.taken, 0, -1)]

    def counted(self, kind: str) -> int:
        """Return how many files a counter has for the day."""
        value = self.store.hget(f"{kind}:{self.bucket}:LSSTCam", DAY)
        return int(value or 0)

    def file(self, path: str) -> dict[str, str]:
        """Return what Redis remembers of a file."""
        found = self.store.hgetall(f"FILE:{path}")
        return {name.decode(): value.decode() for name, value in found.items()}

    def datasets(self, kind: str = "raw") -> list[int]:
        """Return the detectors of an image that the Butler has, a duplicate twice."""
        refs = self.butler.query_datasets(kind, "*", find_first=False, explain=False)
        return sorted(int(ref.dataId["detector"]) for ref in refs)

    def visits(self) -> list[int]:
        """Return the visits that are defined."""
        found = self.butler.query_dimension_records("visit", instrument="LSSTCam", explain=False)
        return [record.id for record in found]
