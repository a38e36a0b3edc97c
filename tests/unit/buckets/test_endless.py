"""A time to live of 0 is one without end (Ceph's documentation of topics)."""

from __future__ import annotations

import pytest

from embargo_butler.buckets.queues import endless
from embargo_butler.model.resources import Topic
from embargo_butler.secret import Secret


@pytest.mark.parametrize(
    ("life", "expected"), [(None, True), ("None", True), ("0", True), ("60", False)]
)
def test_events_wait_for_ever_without_a_time_to_live(life: str | None, expected: bool) -> None:
    attributes = {"persistent": Secret("true")}
    if life is not None:
        attributes["time_to_live"] = Secret(life)
    assert endless(Topic("rubin-summit", attributes, follows=True)) is expected
    assert not endless(Topic("rubin-summit", attributes))
