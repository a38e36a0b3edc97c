from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import redis
from redis.client import Pipeline

from tests.site.services.support import NO_RETRY, load, recorded
from tests.support.ports import free_port

SECRET = "known to both"
DAY = "LSSTCam/20260603"
EXPOSURE = "MC_O_20260603_000258"
KEY = f"{DAY}/{EXPOSURE}/{EXPOSURE}_R22_S11.fits"
PATH = f"rubin-summit/{KEY}"
QUEUE = "QUEUE:rubin-summit"


@pytest.fixture
def environment(service_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    service_environment.setenv("NOTIFICATION_SECRET", SECRET)
    return service_environment


@pytest.fixture
def enqueue(environment: pytest.MonkeyPatch) -> ModuleType:
    return load("enqueue")


def record(key: str = KEY, bucket: str = "rubin-summit", secret: str = SECRET) -> dict[str, Any]:
    return {"opaqueData": secret, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}


def post(service: ModuleType, *records: Any) -> Any:
    return service.app.test_client().post("/notify", json={"Records": list(records)})


def cut_off(service: ModuleType, environment: pytest.MonkeyPatch) -> None:
    environment.setattr(service, "r", redis.Redis(port=free_port(), **NO_RETRY))


def test_answer_to_a_good_notification(enqueue: ModuleType) -> None:
    answer = post(enqueue, record())
    assert answer.status_code == 200
    assert answer.json == [
        {
            "bucket": "rubin-summit",
            "controller": "O",
            "exp_id": EXPOSURE,
            "filename": f"{EXPOSURE}_R22_S11.fits",
            "instrument": "LSSTCam",
            "instrument_code": "MC",
            "obs_day": "20260603",
            "path": PATH,
            "seq_num": "000258",
        }
    ]


def test_commands_in_order(enqueue: ModuleType, store: redis.Redis) -> None:
    with recorded(store) as commands:
        post(enqueue, record(), record(KEY.replace("S11", "S12")))
    second = PATH.replace("S11", "S12")
    maximum = "MAXSEQ:rubin-summit:LSSTCam:20260603"
    counted = [
        "HINCRBY REC:rubin-summit 20260603 1",
        "HINCRBY RECINSTR:rubin-summit:LSSTCam 20260603 1",
    ]
    times = [f"HSET FILE:{path} recv_time" for path in (PATH, second)]
    assert [c.rpartition(" ")[0] if c.startswith("HSET") else c for c in commands] == [
        *("MULTI", f"LPUSH {QUEUE} {PATH}", f"LPUSH {QUEUE} {second}", "EXEC"),
        *("MULTI", *counted, times[0], f"EXPIRE FILE:{PATH} 604800"),
        *(*counted, times[1], f"EXPIRE FILE:{second} 604800", "EXEC"),
        *(f"WATCH {maximum}", f"GET {maximum}", "MULTI", f"SET {maximum} 258", "EXEC"),
    ]


def test_the_maximum_only_grows(enqueue: ModuleType, store: redis.Redis) -> None:
    post(enqueue, record())
    post(enqueue, record(KEY.replace("000258", "000011")))
    assert store.get("MAXSEQ:rubin-summit:LSSTCam:20260603") == b"258"


def test_the_maximum_of_another_worker_is_not_overwritten(
    enqueue: ModuleType, store: redis.Redis, environment: pytest.MonkeyPatch
) -> None:
    key = "MAXSEQ:rubin-summit:LSSTCam:20260603"
    begin = Pipeline.multi

    def interrupted(pipe: Pipeline) -> None:
        if not store.exists(key):
            store.set(key, 999)
        begin(pipe)

    environment.setattr(Pipeline, "multi", interrupted)
    assert post(enqueue, record()).status_code == 200
    assert store.get(key) == b"999"


def test_other_secret_is_shown_and_nothing_is_queued(
    enqueue: ModuleType, store: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        answer = post(enqueue, record(secret="$SECRET"), record(secret=""))
    assert (answer.status_code, answer.json) == (200, [])
    assert "Unrecognized secret $SECRET" in caplog.text
    assert store.keys() == []


@pytest.mark.parametrize(
    "records",
    [[], [record(secret="other")], [record("LSSTCam/a.json")]],
    ids=["none", "secret", "no match"],
)
def test_nothing_to_do_needs_no_redis(
    enqueue: ModuleType, environment: pytest.MonkeyPatch, records: list[Any]
) -> None:
    cut_off(enqueue, environment)
    answer = post(enqueue, *records)
    assert (answer.status_code, answer.json) == (200, [])


def test_no_match_is_not_logged(enqueue: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        post(enqueue, record("LSSTCam/a.json"))
    assert "a.json" not in caplog.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ('{"Records": []}', "text/plain", 415),
        ("{}", "application/json", 500),
    ],
)
def test_what_is_no_notification(enqueue: ModuleType, body: str, kind: str, status: int) -> None:
    answer = enqueue.app.test_client().post("/notify", data=body, content_type=kind)
    assert answer.status_code == status
    assert answer.mimetype == "text/html"


@pytest.mark.parametrize("missing", ["opaqueData", "s3"])
def test_record_without_a_part(enqueue: ModuleType, store: redis.Redis, missing: str) -> None:
    broken = record()
    del broken[missing]
    answer = post(enqueue, record(), broken)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert store.keys() == []


def test_without_redis(enqueue: ModuleType, environment: pytest.MonkeyPatch) -> None:
    cut_off(enqueue, environment)
    answer = post(enqueue, record())
    assert (answer.status_code, answer.mimetype) == (500, "text/html")


@pytest.mark.parametrize(
    "key", ["a.fits", f"{DAY}/{EXPOSURE}/more/a.fits", f"{DAY}/MC_O_20260603/a.fits"]
)
def test_unparsable_match_fails_the_whole_post(
    enqueue: ModuleType, store: redis.Redis, key: str
) -> None:
    assert post(enqueue, record(), record(key)).status_code == 500
    assert store.keys() == []


def test_number_that_is_none_is_queued_at_each_delivery(
    enqueue: ModuleType, store: redis.Redis
) -> None:
    for _ in range(2):
        assert post(enqueue, record(KEY.replace("000258", "X"))).status_code == 500
    assert store.llen(QUEUE) == 2
    assert store.keys() == [QUEUE.encode()]


def test_other_day_only_warns(enqueue: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    answer = post(enqueue, record(KEY.replace(DAY, "LSSTCam/20260604")))
    assert answer.json[0]["obs_day"] == "20260604"
    assert "Mismatched observation dates" in caplog.text


def test_keys_are_decoded(enqueue: ModuleType, store: redis.Redis) -> None:
    post(enqueue, record(KEY.replace("R22", "R%2B+2")))
    assert store.lrange(QUEUE, 0, 0) == [PATH.replace("R22", "R+ 2").encode()]


@pytest.mark.parametrize(
    ("key", "instrument"),
    [
        ("GenericCamera/101/2026/06/03/GC101_O_20260603_000042.fits", "GenericCamera/101"),
        ("GenericCamera/2026/06/03/a.fits", "GenericCamera"),
        ("FiberSpectrograph:2026/2026/06/03/a:b.fits", "FiberSpectrograph:2026"),
    ],
)
def test_large_file_annex(
    enqueue: ModuleType, store: redis.Redis, key: str, instrument: str
) -> None:
    answer = post(enqueue, record(key, "rubinobs-lfa-cp"))
    assert answer.json == [
        {
            "bucket": "rubinobs-lfa-cp",
            "filename": key.rpartition("/")[2],
            "instrument": instrument,
            "obs_day": "20260603",
            "path": f"rubinobs-lfa-cp/{key}",
        }
    ]
    assert not store.keys("MAXSEQ:*")


@pytest.mark.parametrize("path", ["/notify", "/"])
def test_there_is_no_health_path(enqueue: ModuleType, path: str) -> None:
    answer = enqueue.app.test_client().get(path)
    assert answer.status_code == {"/notify": 405, "/": 404}[path]


@pytest.mark.parametrize(
    ("regexp", "queued"),
    [(None, 1), ("", 2), (r"\.fits$", 1), ("^LSSTCam", 0), ("^rubin-summit/", 2)],
)
def test_regexp_searches_the_whole_path(
    environment: pytest.MonkeyPatch, store: redis.Redis, regexp: str | None, queued: int
) -> None:
    if regexp is not None:
        environment.setenv("DATASET_REGEXP", regexp)
    service = load("enqueue")
    assert len(post(service, record(), record(KEY.replace(".fits", ".json"))).json) == queued
    assert store.llen(QUEUE) == queued


@pytest.mark.parametrize(
    ("profile", "bucket"), [("", "rubin-summit"), ("embargo", "embargo@rubin-summit")]
)
def test_profile(
    environment: pytest.MonkeyPatch, store: redis.Redis, profile: str, bucket: str
) -> None:
    environment.setenv("PROFILE", profile)
    assert post(load("enqueue"), record()).json[0]["path"] == f"{bucket}/{KEY}"
    assert store.llen(f"QUEUE:{bucket}") == 1


def test_empty_secret_matches_empty_data(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTIFICATION_SECRET", "")
    assert len(post(load("enqueue"), record(secret="")).json) == 1


@pytest.mark.parametrize("name", ["REDIS_HOST", "REDIS_PASSWORD", "NOTIFICATION_SECRET"])
def test_missing_variable(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(KeyError, match=name):
        load("enqueue")


def test_bad_regexp(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATASET_REGEXP", "(")
    with pytest.raises(Exception, match="unterminated subpattern"):
        load("enqueue")


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        f"embargo@{PATH}",
        "rubinobs-lfa-cp/A/1/2026/06/03/a:b.fits",
        "rubinobs-lfa-cp/A/2026/06/03/DIR/a.fits",
    ],
)
def test_ingest_parses_alike(enqueue: ModuleType, path: str) -> None:
    assert asdict(import_module("paths").parse(f"s3://{path}")) == asdict(enqueue.parse(path))
