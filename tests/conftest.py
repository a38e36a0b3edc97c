from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.services import versions
from tests.site.services.support import NO_RETRY, PASSWORD, redis_server


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
