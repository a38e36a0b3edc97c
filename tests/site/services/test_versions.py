"""The table of versions: a test for each row, by each of the versions."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from importlib import import_module
from typing import Any

import aiokafka
import pytest
import requests

from tests.rig import images
from tests.services import versions
from tests.services.versions import TABLE, VERSIONS
from tests.site.services.ingest_site import DAY, EXPOSURE, EXPOSURE_ID, IngestSite
from tests.site.services.support import SERVICES, image, load
from tests.site.services.topic import Topic, path, queued, record

WEBHOOK = "http://listener.invalid/update"
Make = Callable[..., IngestSite]


def by_version(row: str) -> pytest.MarkDecorator:
    """Run a test with each version, and with what the table's row says of it."""
    return pytest.mark.parametrize(("tag", "does"), list(zip(VERSIONS, TABLE[row], strict=True)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(requests, "post", lambda uri, json, timeout: told.append(json))
    return told


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(requests, "post", refuse)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_every_row_has_a_test() -> None:
    tests = {name for name in globals() if name.startswith("test_")}
    assert [row for row in TABLE if f"test_{row}" not in tests] == []


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        *(("0.99", "1.2.1"), ("0.99.2-w_2023_49", "1.2.1"), ("1.0-d_2024_05_07", "1.2.1")),
        *(("1.2.1", "1.2.1"), ("1.2.99", "1.2.1"), ("1.3.3", "1.3.3"), ("1.4", "1.3.3")),
        *(("1.5", "1.5"), ("DM-54386", "1.5"), ("1.6.1", "1.6.1"), ("DM-54533", "1.6.1")),
        ("9.9.9", "1.6.1"),
    ],
)
def test_a_tag_behaves_as_a_version_and_says_so(tag: str, version: str) -> None:
    found = versions.behaviour(tag)
    assert (found["tag"], found["version"]) == (tag, version)


def test_an_unknown_branch_is_none() -> None:
    with pytest.raises(ValueError, match="DM-1: no tag"):
        versions.behaves_as("DM-1")


@by_version("second_failure_drops")
def test_second_failure_drops(
    make_site: Make, monkeypatch: pytest.MonkeyPatch, tag: str, does: bool
) -> None:
    site = make_site(tag=tag, MAX_FAILURES="5")

    def fail(*_: object, **__: object) -> None:
        raise OSError("server closed the connection")

    monkeypatch.setattr(type(site.butler), "ingest", fail)
    lost = site.put()
    site.hand(lost)
    site.process()
    monkeypatch.undo()
    assert site.left() == ([] if does else [lost])
    assert site.file(lost) == {
        "ing_fail_exc": "server closed the connection",
        "ing_fail_count": "1",
    }


@by_version("duplicates_fail")
def test_duplicates_fail(make_site: Make, tag: str, does: bool) -> None:
    site = make_site(tag=tag)
    path = site.put()
    for _ in range(2):
        site.hand(path)
        site.process()
    assert (site.left(), site.datasets(), site.counted("FAIL")) == ([], [94], int(does))
    assert ("Datastore already contains" in site.file(path).get("ing_fail_exc", "")) is does


@by_version("posts_each_file")
def test_posts_each_file(make_site: Make, told: list[dict[str, Any]], tag: str, does: bool) -> None:
    site = make_site(tag=tag, WEBHOOK_URI=WEBHOOK)
    paths = [site.put(), site.put("R22", "S12")]
    site.hand(*reversed(paths))
    site.process()
    names = [path.rpartition("/")[2] for path in paths]
    if not does:
        assert told == [{"exp_id": EXPOSURE, "filenames": names}]
        return
    assert [each["filename"] for each in told] == names
    assert told[0] == {
        **{"path": paths[0], "bucket": "rubin-summit", "instrument": "LSSTCam"},
        **{"filename": names[0], "obs_day": DAY, "exp_id": EXPOSURE},
        **{"instrument_code": "MC", "controller": "O", "seq_num": "000258"},
    }


@by_version("refused_post_aborts")
def test_refused_post_aborts(make_site: Make, refused: None, tag: str, does: bool) -> None:
    """Seen with the real 1.2.1: of 20 files, which all are in the Butler, 17 as given up."""
    site = make_site(tag=tag, WEBHOOK_URI=WEBHOOK)
    paths = [site.put("R22", f"S{n // 3}{n % 3}") for n in range(9)]
    paths += [site.put("R23", f"S{n // 3}{n % 3}") for n in range(9)]
    paths += [site.put("R24", "S00"), site.put("R24", "S01")]
    for begin, end in ((0, 1), (1, 11), (11, 20)):
        site.hand(*paths[begin:end])
        site.process()
    assert (site.left(), len(site.datasets())) == ([], 20)
    given_up = [path for path in paths if "ingest_time" not in site.file(path)]
    whole_batches = TABLE["posts_each_file"][VERSIONS.index(tag)]
    assert len(given_up) == (17 if whole_batches else 0)
    reasons = {site.file(path)["ing_fail_exc"][:26] for path in given_up}
    assert reasons == ({"Datastore already contains"} if given_up else set())
    assert site.visits() == ([] if does else [EXPOSURE_ID])


@by_version("visits_by_batch")
def test_visits_by_batch(
    make_site: Make, monkeypatch: pytest.MonkeyPatch, tag: str, does: bool
) -> None:
    """What had its visit missed has one from the next batch of the exposure, or never."""
    site = make_site(tag=tag)
    with monkeypatch.context() as broken:
        broken.setattr(import_module("visits"), "_define", lambda *_: 1 / 0)
        site.hand(site.put())
        site.process()
    assert site.visits() == []
    site.hand(site.put("R22", "S12"))
    site.process()
    assert site.visits() == ([EXPOSURE_ID] if does else [])


@by_version("guiders")
def test_guiders(make_site: Make, no_pause: None, tag: str, does: bool) -> None:
    site = make_site(tag=tag)
    guider = site.put("R04", "SG1")
    site.hand(site.put(), guider)
    site.process()
    assert (site.left(), site.datasets()) == ([], [94])
    assert site.datasets("guider_raw") == ([194] if does else [])
    assert ("md_fail_exc" in site.file(guider)) is not does


@pytest.mark.parametrize("tag", [each for each in VERSIONS if versions.behaviour(each)["guiders"]])
def test_a_guider_that_no_translator_knows_stays_uncounted(make_site: Make, tag: str) -> None:
    site = make_site(tag=tag)
    guider = site.put("R04", "SG1", image(INSTRUME="Other", RAFTBAY="R04", CCDSLOT="SG1"))
    site.hand(guider, site.put())
    for _ in range(5):
        site.process()
    assert (site.left(), site.counted("FAIL"), site.file(guider)) == ([guider], 0, {})


@by_version("broken_sidecar_passed")
def test_broken_sidecar_passed(make_site: Make, tag: str, does: bool) -> None:
    site = make_site(tag=tag)
    path = site.put()
    site.put_at(path.partition("/")[2].replace(".fits", ".json"), b"{")
    site.hand(path)
    site.process()
    assert (site.left(), site.datasets()) == ([], [94] if does else [])
    assert ("md_fail_exc" in site.file(path)) is not does


@by_version("annex_breaks_off")
def test_annex_breaks_off(make_site: Make, tag: str, does: bool) -> None:
    site = make_site("rubinobs-lfa-cp", tag=tag)
    paths = [
        site.put_at(f"GenericCamera/101/2026/06/03/{slot}.fits", image(CCDSLOT=slot))
        for slot in ("S10", "S11", "S12")
    ]
    site.hand(*paths)
    site.process()
    assert len(site.left()) == (2 if does else 0)


@by_version("enqueue")
def test_enqueue(service_environment: pytest.MonkeyPatch, store: Any, tag: str, does: str) -> None:
    service_environment.setenv("STAND_IN", versions.variable(tag))
    service_environment.setenv("NOTIFICATION_SECRET", "a secret")
    service_environment.setenv("KAFKA_TOPIC", "images")
    service_environment.setenv("KAFKA_CLUSTER", "broker:9092")
    topic = Topic(record(path(1)))
    service_environment.setattr(aiokafka, "AIOKafkaConsumer", topic.consumer)
    script = str(SERVICES / "enqueue/enqueue.py")
    if does == "kafka":
        with pytest.raises(ModuleNotFoundError, match="flask"):
            load("enqueue")
        runpy.run_path(script, run_name="__main__")
        assert queued(store) == [path(1)]
    else:
        with pytest.raises(ModuleNotFoundError, match="aiokafka"):
            runpy.run_path(script, run_name="__main__")
        assert load("enqueue").app.test_client().get("/notify").status_code == 405


@by_version("presence_workers")
def test_presence_workers(tag: str, does: int) -> None:
    assert dict(images.service("presence", tag).arguments)["PRESENCE_WORKERS"] == str(does)
    words = (SERVICES / "presence/Containerfile").read_text()
    assert "WEB_CONCURRENCY=${PRESENCE_WORKERS}\n" in words
    assert '"-w"' not in words


@by_version("redis_py")
@pytest.mark.parametrize("service", ["enqueue", "ingest"])
def test_redis_py(service: str, tag: str, does: int) -> None:
    assert dict(images.service(service, tag).arguments)["REDIS_PY"] == str(does)
    assert '"$REDIS_PY" = 7 ] ||' in (SERVICES / service / "Containerfile").read_text()
