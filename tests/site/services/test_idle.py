from __future__ import annotations

import time
from types import ModuleType

import pytest
import redis

from tests.site.services.support import load

WORKER = "WORKER:rubin-summit:ingest-1"
QUEUE = "QUEUE:rubin-summit"


@pytest.fixture
def idle(service_environment: pytest.MonkeyPatch) -> ModuleType:
    module = load("idle")
    service_environment.setattr(module, "IDLE_MAX", 1)
    return module


def restore_until_gone(idle: ModuleType, store: redis.Redis, worker: str) -> float:
    """Look again and again; returns after how many seconds the list was given back."""
    begun = time.monotonic()
    while store.exists(worker):
        assert time.monotonic() < begun + 10, "not given back in 10 s"
        idle.restore(store)
        time.sleep(0.05)
    return time.monotonic() - begun


def test_gives_back_in_order_only_what_stands_still(idle: ModuleType, store: redis.Redis) -> None:
    store.lpush(QUEUE, "newest")
    store.lpush(WORKER, "oldest", "old")
    idle.restore(store)
    assert store.llen(WORKER) == 2
    # Redis counts whole seconds, so more than one is two of them, less what had begun.
    assert restore_until_gone(idle, store, WORKER) > 0.9
    assert store.lrange(QUEUE, 0, -1) == [b"old", b"oldest", b"newest"]


def test_asking_for_the_length_resets_the_clock(idle: ModuleType, store: redis.Redis) -> None:
    store.lpush(WORKER, "a path")
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        assert store.llen(WORKER) == 1, "given back though somebody looked at it"
        idle.restore(store)
        time.sleep(0.05)


def test_a_list_that_vanishes_meanwhile_is_passed_over(
    idle: ModuleType, store: redis.Redis, service_environment: pytest.MonkeyPatch
) -> None:
    store.lpush(WORKER, "a path")
    asked = store.object

    def worked_off(*words: str) -> object:
        store.delete(WORKER)
        return asked(*words)

    service_environment.setattr(store, "object", worked_off)
    idle.restore(store)
    assert store.keys() == []


def test_list_of_a_tenants_bucket_goes_astray(idle: ModuleType, store: redis.Redis) -> None:
    store.lpush("WORKER:rubin:rubin-summit:ingest-1", "a path")
    restore_until_gone(idle, store, "WORKER:rubin:rubin-summit:ingest-1")
    assert store.lrange("QUEUE:rubin", 0, -1) == [b"a path"]


def test_policy_that_counts_uses_breaks_it(idle: ModuleType, store: redis.Redis) -> None:
    store.lpush(WORKER, "a path")
    store.config_set("maxmemory-policy", "allkeys-lfu")
    try:
        with pytest.raises(redis.ResponseError, match="LFU"):
            idle.restore(store)
    finally:
        store.config_set("maxmemory-policy", "noeviction")


def test_wrong_password_ends_it(idle: ModuleType, service_environment: pytest.MonkeyPatch) -> None:
    service_environment.setattr(idle, "IDLE_MAX", 0)
    service_environment.setenv("REDIS_PASSWORD", "another")
    with pytest.raises(redis.AuthenticationError):
        idle.main()


def test_constants(service_environment: pytest.MonkeyPatch) -> None:
    assert load("idle").IDLE_MAX == 10
