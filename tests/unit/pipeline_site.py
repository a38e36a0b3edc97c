"""A bucket, a Redis, and the command line over them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.cli.job.command import main
from embargo_butler.delivery.focal_plane import expected
from tests.unit.fakes import FakeWorld

BUCKET = "embargo@rubin-summit"
QUEUE = f"QUEUE:{BUCKET}"
GROUP = "2026-06-03T23:10:48.123"
Output = pytest.CaptureFixture[str]


class Site:
    """What the tests of the operators' verbs are about."""

    def __init__(self, file: str, world: FakeWorld, store: Any, capsys: Output, now: float) -> None:
        self.file, self.world, self.store, self.capsys, self.now = file, world, store, capsys, now

    def put(self, number: int, age: float = 600, ending: str = ".fits") -> str:
        day = time.strftime("%Y%m%d", time.gmtime(self.now - 43_200))
        exposure = f"MC_O_{day}_{number:06d}"
        key = f"LSSTCam/{day}/{exposure}/{exposure}_R22_S11{ending}"
        self.world.fake_objects.put[key] = self.now - age
        return f"{BUCKET}/{key}"

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        code = main([*words, "--output", "json", "--config", self.file], self.world)
        return code, json.loads(self.capsys.readouterr().out)

    def hears(self, **enqueue: Any) -> None:
        """Have enqueue hear by Kafka, as `pipeline.enqueue` says."""
        document = yaml.safe_load(Path(self.file).read_text())
        document["pipeline"] |= {"mode": "kafka", "enqueue": enqueue}
        Path(self.file).write_text(yaml.safe_dump(document))

    def queue(self) -> list[str]:
        return [path.decode() for path in self.store.lrange(QUEUE, 0, -1)]

    def expose(self, number: int, age: float = 600) -> list[str]:
        """PUT all files of an exposure, each with a header that presence can be asked by."""
        day = time.strftime("%Y%m%d", time.gmtime(self.now - 43_200))
        exposure = f"MC_O_{day}_{number:06d}"
        keys = [f"LSSTCam/{day}/{exposure}/{exposure}_{part}.fits" for part in expected("LSSTCam")]
        cards = ["SIMPLE  = T", f"GROUPID = '{GROUP}' / group", "CURINDEX= 1", "END"]
        for key in keys:
            self.world.fake_objects.put[key] = self.now - age
            self.world.fake_objects.content[key] = "".join(f"{c:80}" for c in cards).encode()
        return [f"{BUCKET}/{key}" for key in keys]

    def state_sensors(self, path: str, sensors: dict[str, str]) -> None:
        """PUT the list of what an exposure should have."""
        folder, exposure = path.partition("/")[2].rpartition("/")[0], path.split("/")[3]
        key = f"{folder}/{exposure}_expectedSensors.json"
        self.world.fake_objects.put[key] = self.now - 600
        content = json.dumps({"expectedSensors": sensors}).encode()
        self.world.fake_objects.content[key] = content

    def arrive(self, paths: Sequence[str]) -> None:
        """Do what enqueue and ingest do with files that make no trouble."""
        self.world.fake_butler.paths |= set(paths)
        for path in paths:
            name = path.rpartition("/")[2]
            exposure, part = name[:20], name[21:28]
            notes = {"recv_time": str(self.now - 599), "ingest_time": str(self.now - 590)}
            self.store.hset(f"FILE:{path}", mapping=notes)
            self.store.set(f"GROUP:LSSTCam:{GROUP}:0:{part}", f"s3://{path}")
            self.world.fake_butler.visits.add(exposure)
