from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from xdist.scheduler import LoadScopeScheduling, Scheduling

from tests.services import versions
from tests.site.services.support import NO_RETRY, PASSWORD, redis_server

SHARING = {
    "tests/e2e/secrets": "secrets",
    "tests/e2e/test_first_images.py": "summit",
    "tests/e2e/test_demonstration.py": "summit",
}
"""Tests that share a release. Others of the site share a gateway, or what their file makes."""


class Sharing(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that share something follow each other in one process; the rest goes beside them."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        gateway = re.search(r"\b\d+\.\d+\.\d+\b", nodeid.partition("::")[2])
        if gateway and file.is_relative_to("tests/contract"):
            return gateway[0]
        return next(
            (what for where, what in SHARING.items() if file.is_relative_to(where)), str(file)
        )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Go by what tests share where they are to go by scopes."""
    return Sharing(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """A night under load has the machine for itself."""
    if item.path.is_relative_to(Path(__file__).parent / "e2e" / "nothing_lost"):
        item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with redis_server(folder) as port:
        yield port


@pytest.fixture
def store(redis_port: int) -> Iterator[redis.Redis]:
    """An empty Redis."""
    with redis.Redis(port=redis_port, password=PASSWORD) as client:
        client.flushall()
        yield client


@pytest.fixture
def service_environment(
    redis_port: int, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """What every service needs; the port that they take for granted is changed for them."""
    client = functools.partial(redis.Redis, port=redis_port, **NO_RETRY)
    monkeypatch.setattr(redis, "Redis", client)
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
    monkeypatch.setenv("STAND_IN", versions.variable("1.5"))
    for name in ("DATASET_REGEXP", "DELETE_SEEN", "LOG_CONFIG", "PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch
