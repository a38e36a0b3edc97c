"""What counts as a PUT that the camera saw fail."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from tests.rig.release import Release
from tests.support import connect
from tests.support.camera import Put
from tests.support.load import Load


def put(key: str, content: bytes) -> Put:
    if key == "refused":
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
    return Put(key, 1.0, 2.0, retries=int(key == "retried"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.setattr(connect, "camera", lambda _: SimpleNamespace(put=put))
    return Load(Release("unit"))


def test_one_that_was_retried_has_failed_too(load: Load) -> None:
    for key in ("good", "retried", "refused"):
        load.put(key, b"")
    assert load.puts.keys() == {"good", "retried"}
    assert load.refused.keys() == {"retried", "refused"}
    assert "SlowDown" in load.refused["refused"]
    assert load.excused == {}


def test_while_the_gateway_is_away_on_purpose_it_is_excused(load: Load) -> None:
    with load.without_gateway():
        load.put("refused", b"")
    assert load.excused.keys() == {"refused"}
    assert load.refused == {}
    load.put("retried", b"")
    assert load.refused.keys() == {"retried"}
