from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import redis

from tests.site.services.support import NO_RETRY, load
from tests.support.ports import free_port

GROUP = "2026-06-03T23:10:11.123"
KEY = f"GROUP:LSSTCam:{GROUP}:0:R22_S11"
PATH = f"/presence/LSSTCam/{GROUP}/0/R22_S11"
URI = "s3://rubin-summit/LSSTCam/20260603/MC_O_20260603_000258/MC_O_20260603_000258_R22_S11.fits"


@pytest.fixture
def presence(service_environment: pytest.MonkeyPatch) -> ModuleType:
    return load("presence")


def ask(service: ModuleType, path: str) -> Any:
    return service.app.test_client().get(path)


def test_absent_image(presence: ModuleType) -> None:
    answer = ask(presence, PATH)
    assert answer.status_code == 200
    assert answer.json == {"error": False, "present": False}


def test_present_image_stays(presence: ModuleType, store: redis.Redis) -> None:
    store.set(KEY, URI)
    for _ in range(2):
        answer = ask(presence, PATH)
        assert answer.status_code == 200
        assert answer.json == {"error": False, "present": True, "uri": URI}


@pytest.mark.parametrize("value", ["", "false", "1"])
def test_delete_seen_is_on_when_set_to_anything(
    service_environment: pytest.MonkeyPatch, store: redis.Redis, value: str
) -> None:
    service_environment.setenv("DELETE_SEEN", value)
    service = load("presence")
    store.set(KEY, URI)
    assert ask(service, PATH).json["present"] is True
    assert ask(service, PATH).json["present"] is False


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/presence/lsstcam/g/0/R22_S11", "Unknown instrument lsstcam"),
        ("/presence/LSSTCam-imSim/g/0/R22_S11", "Unknown instrument LSSTCam-imSim"),
        ("/presence/LSSTCam/g/0/R00_SW0", "Unrecognized detector name R00_SW0"),
        ("/presence/LSSTCam/g/0/R44_SG1", "Unrecognized detector name R44_SG1"),
        ("/presence/LSSTCam/g/0/94", "Unrecognized detector name 94"),
    ],
)
def test_refusals(presence: ModuleType, path: str, message: str) -> None:
    answer = ask(presence, path)
    assert answer.status_code == 400
    assert answer.json == {"error": True, "message": message}


@pytest.mark.parametrize("name", ["LATISS", "LSSTComCam", "LSSTComCamSim", "LSSTCam", "LSST-TS8"])
def test_instruments_and_a_detector_that_only_begins_well(presence: ModuleType, name: str) -> None:
    assert ask(presence, f"/presence/{name}/g/0/R00_S00_more").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/presence/LSSTCam/g/-1/R22_S11",
        "/presence/LSSTCam/g/x/R22_S11",
        "/presence/LSSTCam/a/b/0/R22_S11",
        "/",
    ],
)
def test_no_such_page(presence: ModuleType, path: str) -> None:
    answer = ask(presence, path)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"


def test_without_redis(presence: ModuleType, service_environment: pytest.MonkeyPatch) -> None:
    service_environment.setattr(presence, "r", redis.Redis(port=free_port(), **NO_RETRY))
    answer = ask(presence, PATH)
    assert answer.status_code == 500
    assert answer.json["error"] is True
    assert "refused" in answer.json["message"]


@pytest.mark.parametrize("name", ["REDIS_HOST", "REDIS_PASSWORD"])
def test_missing_variable(service_environment: pytest.MonkeyPatch, name: str) -> None:
    service_environment.delenv(name)
    with pytest.raises(KeyError, match=name):
        load("presence")
