from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.unit.services.support import PASSWORD, redis_server


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
