from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embargo_butler.config.config import load
from embargo_butler.delivery import rescans as lookups
from embargo_butler.errors import KubernetesError
from embargo_butler.model.plan import Lookup
from tests.unit.conftest import Write
from tests.unit.fakes import FakeCluster

NOW = datetime(2026, 11, 23, 19, 44, tzinfo=UTC)
START, RESULT = "2026-11-23T18:00:00Z", {"time": "2026-11-23T19:44:00Z"}


def test_nothing_is_looked_for_that_redis_has_forgotten(site: dict[str, Any], write: Write) -> None:
    """A topic may be years old, and what is older than a week would all be queued again."""
    config, cluster = load(write(site)), FakeCluster()
    asked = [
        Lookup("b", "old", since="2024-01-01T00:00:00Z"),
        Lookup("b", "fresh", "2026-11-23T19:00:00Z", "2026-11-23T18:00:00Z"),
        Lookup("b", "unknown"),
    ]
    lookups.note(config, cluster, asked, NOW)

    def opened(now: datetime) -> list[lookups.Wanted]:
        return lookups.open_ones(config, cluster, "b", now)

    found = {each.why: (each.since, each.until) for each in opened(NOW)}
    end = "2026-11-23T19:48:00Z"
    assert found == {
        "old": ("2026-11-16T19:44:00Z", end),
        "fresh": ("2026-11-23T18:00:00Z", "2026-11-23T19:00:00Z"),
        "unknown": ("2026-11-16T19:44:00Z", end),
    }
    assert len(opened(NOW + timedelta(days=6))) == 3
    assert opened(NOW + timedelta(days=8)) == [], "by now Redis remembers nothing of that time"


def test_two_of_one_plan_are_not_done_together(site: dict[str, Any], write: Write) -> None:
    config, cluster = load(write(site)), FakeCluster()
    asked = [Lookup("b", "over", "2026-11-23T19:00:00Z", START), Lookup("b", "goes on", "", START)]
    lookups.note(config, cluster, [*asked, Lookup("c", "beside", "", START)], NOW)
    over, goes_on = lookups.open_ones(config, cluster, "b", NOW)
    lookups.done(config, cluster, RESULT, [over])
    assert lookups.open_ones(config, cluster, "b", NOW) == [goes_on]
    lookups.done(config, cluster, RESULT, [goes_on])
    assert lookups.open_ones(config, cluster, "b", NOW) == []
    assert len(lookups.open_ones(config, cluster, "c", NOW)) == 1


@pytest.mark.parametrize("changed", [{"noted": "x"}, {"since": ""}, {"until": 5}])
def test_what_is_no_time_is_told(site: dict[str, Any], write: Write, changed: Any) -> None:
    config, cluster = load(write(site)), FakeCluster()
    asked = {"noted": START, "bucket": "b", "since": START, "until": START, "why": "", **changed}
    cluster.config_maps["embargo-butler-lookups"] = {"lookups.json": json.dumps([asked])}
    with pytest.raises(KubernetesError, match="cannot be read as a list of lookups; backfill"):
        lookups.note(config, cluster, [Lookup("b", "another")], NOW)


@pytest.mark.parametrize("text", ["", "[5]", '{"unannounced": 3}', '{"time": "yesterday"}'])
def test_a_reconcile_that_cannot_be_read_has_not_run(
    site: dict[str, Any], write: Write, text: str
) -> None:
    config, cluster = load(write(site)), FakeCluster()
    cluster.config_maps["embargo-butler-reconcile"] = {"last.json": text}
    assert lookups.last(config, cluster) == {}
