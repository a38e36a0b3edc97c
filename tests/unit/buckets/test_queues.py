from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from embargo_butler.buckets import queues as full_queue
from embargo_butler.buckets.queues import Night, busiest, lasts
from embargo_butler.cli.job.command import main
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.config.reader import read
from embargo_butler.errors import RedisError
from tests.unit.conftest import PIPELINE, Write
from tests.unit.fakes import FakeWorld

CONFIG = read(PipelineConfig, PIPELINE, "test")
BUCKET = "rubin-summit"


class Counts:
    """A Redis of which only the counters matter."""

    def __init__(self, counts: dict[str, dict[str, int]]) -> None:
        self._counts = counts

    def counters(self, kind: str, bucket: str) -> Any:
        assert (kind, bucket) == ("RECINSTR", CONFIG.bucket)
        return self._counts


def records(counts: dict[str, dict[str, int]]) -> Any:
    return lambda: Counts(counts)


def test_the_busiest_of_the_last_nights_counts_all_instruments() -> None:
    counts = {
        "LSSTCam": {"20260601": 100, "20260602": 41_000, "20250101": 900_000}
        | {f"2026052{day}": 1 for day in range(4, 10)},
        "Other": {"20260602": 500},
    }
    assert busiest(CONFIG, records(counts)) == Night("20260602", 41_500)


def test_where_nobody_knows_it_is_not_made_up() -> None:
    def refused() -> Any:
        raise RedisError("no right to the password")

    assert busiest(CONFIG, records({})) is None
    assert busiest(CONFIG, refused) is None
    assert busiest(None, refused) is None
    assert "640 exposures" in lasts(None)
    assert "3.2 nights like 20260602 with its 41,000 objects" in lasts(Night("20260602", 41_000))


def test_a_plan_and_an_audit_tell_the_time_that_is_left(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attributes = site["bucketConfig"]["topics"][BUCKET]["attributes"]
    attributes["push-endpoint"] = "http://127.0.0.1:9/notify"
    file = write({**site, "pipeline": PIPELINE})
    for area in ("secrets", "buckets"):
        assert main([area, "--config", str(file)], world) == 0
    live = world.store.topics[BUCKET]
    world.store.topics[BUCKET] = replace(live, follows=True)
    monkeypatch.setattr(world, "records", records({"LSSTCam": {"20260602": 65_000}}))
    assert full_queue.EVENTS == 2 * 65_000
    left = "2.0 nights like 20260602 with its 65,000 objects), the gateway answers the camera's PUT"
    capsys.readouterr()
    assert main(["buckets", "--dry-run", "--config", str(file)], world) == 0
    assert left in capsys.readouterr().out
    assert main(["audit", "--config", str(file)], world) == 2
    said = capsys.readouterr().out
    assert left in said
    silent = "topic rubin-summit: its endpoint http://127.0.0.1:9/notify does not answer"
    [line] = [line for line in said.splitlines() if silent in line]
    assert "2.0 nights like 20260602 with its 65,000 objects), then the gateway" in line
