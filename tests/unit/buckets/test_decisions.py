"""The decisions against the older planner, in the worlds of the random walks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import planners
from tests.unit.buckets.test_walks import Walk
from tests.unit.conftest import Write
from tests.unit.fakes import FakeWorld
from tests.unit.jobs.test_buckets import BUCKET, FOREIGN, THEIR_STATEMENT, Site

_SEEDS, _MOST_STEPS, _WORLDS = 4, 400, 65


@pytest.mark.parametrize("follows", [False, True], ids=["16 and 18", "20"])
@pytest.mark.parametrize("seed", range(_SEEDS))
def test_both_planners_plan_the_same_in_hundreds_of_worlds(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    follows: bool,
) -> None:
    both_planners = planners.compare(monkeypatch)
    at = Site(site, write, world)
    at.store.follows = follows
    at.store.notifications[BUCKET] = [FOREIGN]
    at.store.policies[BUCKET] = [THEIR_STATEMENT]
    at.bucket["foreign"] = [FOREIGN.name]
    at.run()
    walk = Walk(at, monkeypatch, seed=1000 * seed + 4711)
    for _ in range(_MOST_STEPS):
        if len(both_planners) >= _WORLDS:
            break
        walk.step()
    assert len(both_planners) >= _WORLDS, walk.done
