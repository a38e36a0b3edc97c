from __future__ import annotations

import time
from typing import Any

import pytest
from redis import Redis

from embargo_butler.adapters.redis.records import RedisRecords
from embargo_butler.errors import RedisError
from embargo_butler.model.ports import FileRecord
from embargo_butler.secret import Secret
from tests.support.ports import free_port

BUCKET = "embargo@rubin-summit"
FIRST, SECOND = f"{BUCKET}/first.fits", f"{BUCKET}/second.fits"


def test_a_requeued_file_stands_last_and_starts_afresh(records: RedisRecords, store: Any) -> None:
    store.lpush(f"QUEUE:{BUCKET}", FIRST)
    store.hset(
        f"FILE:{SECOND}",
        mapping={"ing_fail_count": 3, "ing_fail_exc": "gone", "md_fail_exc": "bad"},
    )
    assert records.files([SECOND]) == [FileRecord(0, 0, "gone", 3, "bad")]
    records.requeue(BUCKET, [SECOND], 1000.5)
    assert store.rpop(f"QUEUE:{BUCKET}") == FIRST.encode()
    assert records.queue(BUCKET) == [SECOND]
    afresh = FileRecord(1000.5, requeued=1, last_failure="bad", alike=1)
    assert records.files([SECOND, FIRST]) == [afresh, FileRecord()]
    assert 604_700 < store.ttl(f"FILE:{SECOND}") <= 604_800


def test_workers_lists_with_their_pods_and_ages(records: RedisRecords, store: Any) -> None:
    store.lpush(f"WORKER:{BUCKET}:ingest-abc", FIRST, SECOND)
    store.lpush("WORKER:another:ingest-x", "another/x.fits")
    (worker,) = records.workers(BUCKET)
    assert (worker.name, worker.paths) == ("ingest-abc", (SECOND, FIRST))
    assert worker.idle <= 1


def test_counters_by_instrument_and_day(records: RedisRecords, store: Any) -> None:
    store.hset(f"INGEST:{BUCKET}:LSSTCam", "20260603", 205)
    store.hset(f"INGEST:{BUCKET}:Generic/101", "20260603", 2)
    assert records.counters("INGEST", BUCKET) == {
        "LSSTCam": {"20260603": 205},
        "Generic/101": {"20260603": 2},
    }


def test_a_lock_is_one_s_only(records: RedisRecords, store: Any) -> None:
    assert records.lock("one", 60)
    assert not records.lock("one", 60)
    records.unlock("one")
    assert records.lock("one", 60)


def test_a_long_queue_is_read_whole(records: RedisRecords, store: Any) -> None:
    paths = [f"{BUCKET}/{number}" for number in range(25_000)]
    store.lpush(f"QUEUE:{BUCKET}", *paths)
    assert records.queue(BUCKET) == paths[::-1]
    assert records.queue_length(BUCKET) == 25_000


def test_a_wrong_password_and_no_redis_are_sentences(redis_port: int, store: Redis) -> None:
    with pytest.raises(RedisError, match="refuses the password") as refused:
        RedisRecords("127.0.0.1", redis_port, Secret("hunter2")).queue(BUCKET)
    assert "hunter2" not in str(refused.value)
    port, before = free_port(), time.monotonic()
    with pytest.raises(RedisError, match=f"Redis at 127.0.0.1:{port}: cannot .* no answer"):
        RedisRecords("127.0.0.1", port, Secret("")).queue(BUCKET)
    assert time.monotonic() - before < 10
