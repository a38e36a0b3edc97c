from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import redis
import requests

from tests.site.services.ingest_site import DAY, EXPOSURE, EXPOSURE_ID, IngestSite
from tests.site.services.support import image, recorded
from tests.support.exposure import Exposure

GROUP = "GROUP:LSSTCam:2026-06-03T23:10:11.123:0"
WEBHOOK = "http://listener.invalid/update"


class DatabaseError(Exception):
    """What PostgreSQL's driver might say."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    told: list[Any] = []
    monkeypatch.setattr(requests, "post", lambda uri, **rest: told.append((uri, rest)))
    return told


def fail(error: Exception) -> Callable[..., None]:
    def failing(*_: Any, **__: Any) -> None:
        raise error

    return failing


def exceptions(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return the kinds of the exceptions that were logged."""
    found = (entry.exc_info[0] for entry in caplog.records if entry.exc_info)
    return {kind.__name__ for kind in found if kind}


def test_raws_and_guiders_of_an_exposure(site: IngestSite) -> None:
    paths = [site.put("R00", "SG0"), site.put(), site.put("R00", "SW0"), site.put("R22", "S12")]
    site.hand(*paths)
    site.process()
    assert site.left() == []
    assert site.datasets() == [94, 95, 191]
    assert site.datasets("guider_raw") == [189]
    assert site.visits() == [EXPOSURE_ID]
    assert (site.counted("INGEST"), site.counted("FAIL")) == (4, 0)
    assert all(set(site.file(path)) == {"ingest_time"} for path in paths)
    # The group is written for what presence can never be asked, too, but not for guiders.
    names = {key.decode().rpartition(":")[2] for key in site.store.keys("GROUP:*")}
    assert names == {"R22_S11", "R22_S12", "R00_SW0"}
    assert site.store.get(f"{GROUP}:R22_S11") == f"s3://{paths[1]}".encode()
    assert 86_000 < site.store.ttl(f"{GROUP}:R22_S11") <= 86_400
    assert site.store.ttl(f"FILE:{paths[1]}") == -1  # made by ingest alone: it stays for ever


def test_records_of_an_exposure(site: IngestSite) -> None:
    site.hand(site.put())
    site.process()
    (exposure,) = site.butler.query_dimension_records("exposure", instrument="LSSTCam")
    assert (exposure.id, exposure.obs_id, exposure.day_obs) == (EXPOSURE_ID, EXPOSURE, 20260603)
    assert (exposure.observation_type, exposure.physical_filter) == ("science", "i_39")
    assert exposure.group == "2026-06-03T23:10:11.123"
    assert exposure.timespan.begin.isot.rstrip("0") == "2026-06-03T23:10:41.123"
    (visit,) = site.butler.query_dimension_records("visit", instrument="LSSTCam")
    assert (visit.id, visit.name) == (EXPOSURE_ID, EXPOSURE)
    for element in ("visit_definition", "visit_system_membership"):
        rows = site.butler.registry.queryDimensionRecords(element, instrument="LSSTCam")
        assert [row.visit for row in rows] == [EXPOSURE_ID]


def test_datasets_stay_where_they_are_with_their_profile(
    make_site: Callable[..., IngestSite], s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("S3_ENDPOINT_URL")
    profile = s3_endpoint.replace("http://", "http://access:secret@")
    monkeypatch.setenv("LSST_RESOURCES_S3_PROFILE_embargo", profile)
    site = make_site("embargo@rubin-summit")
    path = site.put()
    site.hand(path)
    site.process()
    (ref,) = site.butler.query_datasets("raw", "LSSTCam/raw/all")
    assert site.butler.getURI(ref).geturl() == f"s3://{path}"
    assert path.startswith("embargo@rubin-summit/")


def test_commands_in_order(site: IngestSite) -> None:
    path = site.put()
    site.hand(path)
    with recorded(site.store) as commands:
        site.process()
    shown = [re.sub(r"(ingest_time) .*", r"\1", command) for command in commands]
    group = f"{GROUP}:R22_S11"
    assert shown == [
        *(f"LLEN {site.taken}", f"LRANGE {site.taken} 0 -1"),
        *("MULTI", f"SET {group} s3://{path}", f"EXPIRE {group} 86400", "EXEC"),
        *("MULTI", f"LREM {site.taken} 0 {path}", f"HSET FILE:{path} ingest_time"),
        *(f"HINCRBY INGEST:rubin-summit:LSSTCam {DAY} 1", "EXEC"),
    ]


def test_takes_the_oldest_up_to_the_maximum(make_site: Callable[..., IngestSite]) -> None:
    site = make_site(MAX_INGESTS="2")
    site.store.lpush(site.queue, "a", "b", "c")
    with recorded(site.store) as commands:
        site.worker.take()
    assert site.left() == ["b", "a"]
    assert commands == [
        f"LLEN {site.taken}",
        f"BLMOVE {site.queue} {site.taken} RIGHT LEFT 0",
        f"LMOVE {site.queue} {site.taken} RIGHT LEFT",
    ]
    site.worker.take()
    assert site.left() == ["b", "a"]


def test_webhook_once_an_exposure(make_site: Callable[..., IngestSite], webhook: list[Any]) -> None:
    site = make_site(WEBHOOK_URI=WEBHOOK)
    later = "MC_O_20260603_000259"
    paths = [site.put(), site.put("R22", "S12"), site.put(OBSID=later, SEQNUM=259)]
    site.hand(*reversed(paths))
    site.process()
    names = [path.rpartition("/")[2] for path in paths]
    assert webhook == [
        (WEBHOOK, {"json": {"exp_id": EXPOSURE, "filenames": names[:2]}, "timeout": 0.5}),
        (WEBHOOK, {"json": {"exp_id": later, "filenames": names[2:]}, "timeout": 0.5}),
    ]


def test_webhook_that_fails_is_ignored(
    make_site: Callable[..., IngestSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "post", fail(requests.ConnectionError("nobody there")))
    site = make_site(WEBHOOK_URI=WEBHOOK)
    site.hand(site.put())
    site.process()
    assert (site.left(), site.counted("INGEST")) == ([], 1)


def test_duplicate_only_leaves_the_list(site: IngestSite, webhook: list[Any]) -> None:
    path = site.put()
    for _ in range(2):
        site.hand(path)
        site.process()
        site.store.hdel(f"FILE:{path}", "ingest_time")
    assert (site.left(), site.datasets()) == ([], [94])
    assert (site.counted("INGEST"), site.counted("FAIL")) == (1, 0)
    assert site.file(path) == {}


def test_one_duplicate_makes_the_batch_go_file_by_file(
    make_site: Callable[..., IngestSite], webhook: list[Any]
) -> None:
    site = make_site(WEBHOOK_URI=WEBHOOK)
    old, new = site.put(), site.put("R22", "S12")
    site.hand(old)
    site.process()
    site.hand(old, new)
    site.process()
    assert (site.left(), site.datasets(), site.counted("INGEST")) == ([], [94, 95], 2)
    assert [rest["json"]["filenames"] for _, rest in webhook] == [
        [old.rpartition("/")[2]],
        [new.rpartition("/")[2]],
    ]


def test_what_cannot_be_read_is_dropped_at_once(site: IngestSite) -> None:
    good = site.put("R22", "S12")
    contents = [
        image(INSTRUME="NoSuchCam"),
        image(SEQNUM=None),
        image(RAFTBAY="R99"),
        image(**{"DATE-BEG": "today"}),
        b"",
        b"no FITS file",
    ]
    bad = [site.put("R23", f"S{n:02}", content) for n, content in enumerate(contents)]
    site.hand(*bad, good)
    site.process()
    assert (site.left(), site.datasets()) == ([], [95])
    assert [set(site.file(path)) for path in bad] == [{"md_fail_exc"}] * len(bad)
    # The batch counts them, and the retry counts them again.
    assert (site.counted("INGEST"), site.counted("FAIL")) == (1, 2 * len(bad))


def test_object_that_is_gone_is_dropped_at_once(site: IngestSite) -> None:
    path = f"rubin-summit/LSSTCam/{DAY}/{EXPOSURE}/{EXPOSURE}_R22_S11.fits"
    site.hand(path)
    site.process()
    assert (site.left(), site.counted("FAIL")) == ([], 2)
    assert "md_fail_exc" in site.file(path)
    assert not site.store.keys("GROUP:*")


@pytest.mark.parametrize("error", [PermissionError("403"), ConnectionError("down")], ids=str)
def test_store_that_refuses_ends_the_process(
    site: IngestSite, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = site.put()
    site.hand(path)
    monkeypatch.setattr("lsst.resources.s3.S3ResourcePath.exists", fail(error))
    with pytest.raises(type(error)):
        site.process()
    assert site.left() == [path]
    assert site.counted("FAIL") == 0


@pytest.mark.parametrize("method", ["registry.syncDimensionData", "ingest"])
def test_failed_insert_is_tried_again_until_the_maximum(
    make_site: Callable[..., IngestSite], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    site = make_site(MAX_FAILURES="2")
    target: Any = site.butler
    *parts, name = method.split(".")
    for part in parts:
        target = getattr(target, part)
    monkeypatch.setattr(type(target), name, fail(DatabaseError("server closed the connection")))
    path = site.put()
    site.hand(path)
    site.process()
    assert site.left() == [path]
    site.process()
    assert site.left() == []
    assert site.file(path) == {
        "ing_fail_exc": "server closed the connection",
        "ing_fail_count": "2",
    }
    assert (site.counted("FAIL"), site.counted("INGEST")) == (2, 0)
    monkeypatch.undo()


def test_failed_lookup_is_repeated_without_being_counted(
    site: IngestSite, caplog: pytest.LogCaptureFixture
) -> None:
    path = site.put(FILTER="no_such_filter")
    site.hand(path)
    for _ in range(5):
        site.process()
    assert site.left() == [path]
    assert (site.counted("FAIL"), site.file(path)) == (0, {})
    assert "DataIdValueError" in exceptions(caplog)


def test_sidecar_is_read_instead_of_the_file(site: IngestSite) -> None:
    path = site.put(content=b"no FITS file")
    header = {
        "INSTRUME": "lsstCam",
        "OBSID": EXPOSURE,
        "DAYOBS": DAY,
        "SEQNUM": 258,
        "CONTRLLR": "O",
        "GROUPID": "g",
        "CURINDEX": 2,
        "RAFTBAY": "R22",
        "CCDSLOT": "S11",
        "FILTER": "i_39",
        "IMGTYPE": "BIAS",
        "EXPTIME": 0,
        "DATE-BEG": "2026-06-03T23:10:41.123",
        "DATE-END": "2026-06-03T23:10:41.123",
    }
    site.put_at(path.partition("/")[2].replace(".fits", ".json"), json.dumps(header).encode())
    site.hand(path)
    site.process()
    assert (site.left(), site.datasets()) == ([], [94])
    assert site.store.keys("GROUP:*") == [b"GROUP:LSSTCam:g:1:R22_S11"]


@pytest.mark.parametrize("controller", ["O", "C", "P", "S"])
@pytest.mark.parametrize("kind", ["OBJECT", "ACQ", "BIAS", "DARK", "FLAT"])
def test_an_exposure_of_the_tests_camera_is_taken(
    site: IngestSite, controller: str, kind: str
) -> None:
    taken = Exposure(DAY, 258, controller, kind=kind)
    (key, content) = next(taken.files())
    path = site.put_at(key, content)
    site.put_at(*taken.sidecar(key))
    site.hand(path)
    site.process()
    assert (site.left(), site.datasets()) == ([], [0])
    assert site.visits() == ([taken.exposure_id] if taken.on_sky else [])


def test_broken_sidecar_is_passed_over(site: IngestSite) -> None:
    path = site.put()
    site.put_at(path.partition("/")[2].replace(".fits", ".json"), b"{")
    site.hand(path)
    site.process()
    assert (site.left(), site.datasets()) == ([], [94])
    assert site.store.exists(f"{GROUP}:R22_S11")


VISIT = {"ROTPA": 12.5, "IMGTYPE": "OBJECT", "SHUTTIME": 30.0}


@pytest.mark.parametrize(
    ("cards", "visits"),
    [
        ({}, 1),
        ({"IMGTYPE": "ACQ"}, 1),
        ({"SHUTTIME": None}, 1),
        ({"SHUTTIME": 0.0}, 0),
        ({"ROTPA": None}, 0),
        ({"RA": None}, 0),
        ({"DEC": None}, 0),
        *(({"IMGTYPE": kind}, 0) for kind in ("BIAS", "DARK", "FLAT")),
    ],
    ids=str,
)
def test_a_visit_is_of_what_is_on_the_sky(
    site: IngestSite, cards: dict[str, Any], visits: int
) -> None:
    site.hand(site.put(**{**VISIT, **cards}))
    site.process()
    assert (len(site.datasets()), len(site.visits())) == (1, visits)


def test_visit_that_cannot_be_defined_is_only_logged_and_never_made_up_for(
    site: IngestSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(import_module("visits"), "_define", fail(DatabaseError("gone")))
        site.hand(site.put())
        site.process()
    site.hand(site.put("R22", "S12"))
    site.process()
    assert (site.datasets(), site.visits()) == ([94, 95], [])
    assert "Error while defining visits" in caplog.text


class TestGuiders:
    @pytest.fixture(autouse=True)
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        pauses: list[float] = []
        monkeypatch.setattr("time.sleep", pauses.append)
        return pauses

    def test_wait_for_their_exposure(self, site: IngestSite, pauses: list[float]) -> None:
        guider = site.put("R04", "SG1")
        site.hand(guider)
        for _ in range(3):
            site.process()
        assert (site.left(), pauses) == ([guider], [0.5] * 3)
        assert site.counted("FAIL") == 0
        site.hand(site.put())
        site.process()
        assert (site.left(), site.datasets("guider_raw")) == ([], [194])
        (ref,) = site.butler.query_datasets("guider_raw", "LSSTCam/raw/guider")
        assert site.butler.getURI(ref).geturl() == f"s3://{guider}"

    def test_are_dropped_after_the_wait(self, make_site: Callable[..., IngestSite]) -> None:
        site = make_site(MAX_GUIDER_WAIT="0")
        guider = site.put("R04", "SG1")
        site.hand(guider)
        site.process()
        assert (site.left(), site.counted("FAIL")) == ([], 1)
        assert site.file(guider) == {"ing_fail_exc": "Max wait"}

    def test_duplicate_only_leaves_the_list(self, site: IngestSite) -> None:
        paths = [site.put(), site.put("R04", "SG1")]
        for _ in range(2):
            site.hand(*paths)
            site.process()
        assert (site.left(), site.counted("INGEST"), site.counted("FAIL")) == ([], 2, 0)

    def test_other_detector_is_dropped_at_once(self, site: IngestSite) -> None:
        path = site.put("R04", "SG1", content=image())
        site.hand(path)
        site.process()
        assert (site.left(), site.counted("FAIL")) == ([], 2)
        assert "not a GUIDER" in site.file(path)["md_fail_exc"]

    def test_without_their_dataset_type_are_repeated(
        self, site: IngestSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        site.butler.registry.removeDatasetType("guider_raw")
        guider = site.put("R04", "SG1")
        site.hand(guider, site.put())
        for _ in range(5):
            site.process()
        assert (site.left(), site.counted("FAIL")) == ([guider], 0)
        assert "MissingDatasetTypeError" in exceptions(caplog)


def test_large_file_annex_breaks_off_after_the_first(
    make_site: Callable[..., IngestSite], webhook: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site("rubinobs-lfa-cp", WEBHOOK_URI=WEBHOOK)
    paths = [
        site.put_at(f"GenericCamera/101/2026/06/03/{slot}.fits", image(CCDSLOT=slot))
        for slot in ("S10", "S11", "S12")
    ]
    site.hand(*reversed(paths))
    site.process()
    assert len(site.left()) == 2
    assert "AttributeError" in exceptions(caplog)
    site.process()
    assert (site.left(), site.datasets()) == ([], [93, 94, 95])
    assert site.store.hgetall("INGEST:rubinobs-lfa-cp:GenericCamera/101") == {DAY.encode(): b"1"}
    assert (webhook, site.visits(), site.store.keys("GROUP:*")) == ([], [], [])


def test_camera_is_registered_once_and_right(site: IngestSite) -> None:
    lsstcam = import_module("lsstcam")
    lsstcam.register(site.butler)
    found = site.butler.query_dimension_records("detector", instrument="LSSTCam")
    assert len(found) == len(lsstcam.DETECTORS) == 205
    numbers = {record.full_name: record.id for record in found}
    names = ("R01_S00", "R22_S11", "R43_S22", "R00_SG0", "R00_SW0", "R44_SW1")
    assert [numbers[name] for name in names] == [0, 94, 188, 189, 191, 204]
    purposes = [record.purpose for record in found]
    assert [purposes.count(p) for p in ("SCIENCE", "WAVEFRONT", "GUIDER")] == [189, 8, 8]


@pytest.mark.parametrize(("controller", "number"), [("O", 2026060300258), ("C", 3026060300258)])
def test_numbers_of_exposures(controller: str, number: int) -> None:
    assert import_module("observations").exposure_id(DAY, 258, controller) == number


NEEDED = {
    **{"REDIS_HOST": "h", "REDIS_PASSWORD": "p", "BUCKET": "b", "BUTLER_REPO": "r"},
    "STAND_IN": "{}",
}


class TestSettings:
    def read(self, **more: str) -> Any:
        return import_module("settings").Settings.read({**NEEDED, **more})

    def test_defaults(self) -> None:
        settings = self.read()
        assert (settings.max_failures, settings.max_guider_wait) == (3, 5.0)
        assert (settings.max_ingests, settings.group_lifetime) == (10, 86400)
        assert settings.webhook_uri is None

    @pytest.mark.parametrize(
        "name", ["MAX_FAILURES", "MAX_GUIDER_WAIT", "MAX_INGESTS", "GROUP_LIFETIME"]
    )
    def test_empty_is_not_unset(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"''|string"):
            self.read(**{name: ""})

    @pytest.mark.parametrize("name", NEEDED)
    def test_missing_variable(self, name: str) -> None:
        left = {key: value for key, value in NEEDED.items() if key != name}
        with pytest.raises(KeyError, match=name):
            import_module("settings").Settings.read(left)


def test_starts_only_with_its_repository(
    service_environment: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    service_environment.setenv("BUCKET", "rubin-summit")
    service_environment.setenv("BUTLER_REPO", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError):
        import_module("ingest").main()


def test_wrong_password_ends_it(service_environment: pytest.MonkeyPatch, site: IngestSite) -> None:
    service_environment.setenv("BUCKET", "rubin-summit")
    service_environment.setenv("BUTLER_REPO", str(site.repo))
    service_environment.setenv("REDIS_PASSWORD", "another")
    with pytest.raises(redis.AuthenticationError):
        import_module("ingest").main()
