"""The camera's exposures and files."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from astropy.io import fits
from botocore.exceptions import ClientError
from moto import mock_aws

from embargo_butler.delivery.focal_plane import expected
from tests.support.camera import Camera, Put
from tests.support.detectors import CORNERS, DETECTORS, Detector
from tests.support.exposure import Exposure

EXPOSURE = Exposure("20260603", 258)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return dict(EXPOSURE.files())


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="raws")
        yield Camera("https://s3.amazonaws.com", "access", "secret", "raws", threads=2)


def test_focal_plane_has_all_205_detectors() -> None:
    assert len(set(DETECTORS)) == 205
    kinds = Counter(
        detector.slot[:2] if detector.raft in CORNERS else "S" for detector in DETECTORS
    )
    assert kinds == {"S": 189, "SW": 8, "SG": 8}
    assert sum(detector.is_science for detector in DETECTORS) == 189
    assert sum(detector.is_guider for detector in DETECTORS) == 8


@pytest.mark.parametrize(
    ("detector", "file"),
    [
        (Detector("R22", "S11"), "MC_O_20260603_000258_R22_S11.fits"),
        (Detector("R04", "SW1"), "MC_O_20260603_000258_R04_SW1.fits"),
        (Detector("R00", "SG0"), "MC_O_20260603_000258_R00_SG0_guider.fits"),
    ],
)
def test_key(detector: Detector, file: str) -> None:
    assert EXPOSURE.key(detector) == f"LSSTCam/20260603/MC_O_20260603_000258/{file}"


def test_exposure_numbers() -> None:
    assert EXPOSURE.exposure_id == 2026060300258
    assert replace(EXPOSURE, controller="C").exposure_id == 3026060300258


def test_group_differs_between_exposures() -> None:
    assert EXPOSURE.group == "2026-06-03T23:10:48.123"
    assert Exposure.now(1).group != EXPOSURE.group


def test_each_file_is_fits_of_its_own_detector(files: dict[str, bytes]) -> None:
    assert list(files) == list(EXPOSURE.keys)
    for key in (next(iter(files)), EXPOSURE.key(Detector("R44", "SG1"))):
        with fits.open(io.BytesIO(files[key])) as hdus:
            hdus.verify("exception")
            header = hdus[0].header
            assert f"{header['RAFTBAY']}_{header['CCDSLOT']}" == EXPOSURE.keys[key].name
            assert hdus[1].data.shape == (8, 8)
            assert hdus[1].data.min() < hdus[1].data.max()


def test_header_has_what_the_services_read(files: dict[str, bytes]) -> None:
    header = fits.Header.fromstring(files[EXPOSURE.key(Detector("R22", "S11"))][: 2880 * 2])
    expected: dict[str, Any] = {
        "INSTRUME": "LSSTCam",
        "OBSID": "MC_O_20260603_000258",
        "DAYOBS": "20260603",
        "SEQNUM": 258,
        "CONTRLLR": "O",
        "GROUPID": EXPOSURE.group,
        "CURINDEX": 1,
        "MAXINDEX": 1,
        "RAFTBAY": "R22",
        "CCDSLOT": "S11",
        "FILTBAND": "i",
        "FILTER": "i_39",
        "IMGTYPE": "OBJECT",
        "EXPTIME": 30.0,
        "DATE-BEG": "2026-06-03T23:11:18.123",
        "DATE-END": "2026-06-03T23:11:48.123",
    }
    assert {keyword: header[keyword] for keyword in expected} == expected


def test_the_list_of_what_an_exposure_should_have() -> None:
    key, content = EXPOSURE.listing()
    assert key == f"{EXPOSURE.prefix}{EXPOSURE.name}_expectedSensors.json"
    assert {f"{EXPOSURE.prefix}{EXPOSURE.name}_{part}.fits" for part in expected("", content)} == (
        EXPOSURE.keys.keys()
    )


def test_a_sidecar_holds_the_header_of_its_file(files: dict[str, bytes]) -> None:
    for key in (EXPOSURE.key(Detector("R22", "S11")), EXPOSURE.key(Detector("R00", "SG0"))):
        beside, content = EXPOSURE.sidecar(key)
        assert beside == key.replace(".fits", ".json")
        header = fits.Header.fromstring(files[key][: 2880 * 2])
        told = json.loads(content)
        assert told == {keyword: header[keyword] for keyword in told}


@pytest.mark.parametrize("kind", ["OBJECT", "ACQ", "BIAS", "DARK", "FLAT"])
def test_the_cards_of_the_sky_are_there_where_the_shutter_opens(kind: str) -> None:
    header = replace(EXPOSURE, kind=kind).header()
    open_ = kind in ("OBJECT", "ACQ")
    assert all((card in header) is open_ for card in ("RA", "DEC", "ROTPA", "AZSTART", "ELSTART"))
    assert (header["SHUTTIME"] > 0) is open_
    assert all(card in header for card in ("LSST_NUM", "DATE", "ROTCOORD"))


def test_what_is_put_beside_fails_for_nobody(camera: Camera) -> None:
    camera.put_beside(EXPOSURE.listing())
    camera.bucket = "no-such-bucket"
    camera.put_beside(EXPOSURE.listing())


def test_files_are_small_all_different_and_made_fast(files: dict[str, bytes]) -> None:
    begun = time.process_time()
    again = dict(EXPOSURE.files())
    assert time.process_time() - begun < 2
    assert again == files
    assert len(set(files.values())) == 205
    pixels = {content[-2880:] for content in files.values()}
    assert len(pixels) == 205
    assert max(map(len, files.values())) < 16_384


def test_camera_puts_every_file_and_says_when(camera: Camera, files: dict[str, bytes]) -> None:
    said: list[Put] = []
    few = dict(list(files.items())[:5])
    puts = camera.put_all(few.items(), said.append)
    assert [put.key for put in puts] == list(few)
    assert said == puts
    assert all(put.begun <= put.acknowledged <= time.time() for put in puts)
    stored = boto3.client("s3", region_name="us-east-1")
    for key, content in few.items():
        assert stored.get_object(Bucket="raws", Key=key)["Body"].read() == content


def test_camera_raises_when_a_put_fails(camera: Camera) -> None:
    camera.bucket = "no-such-bucket"
    with pytest.raises(ClientError, match="NoSuchBucket"):
        camera.put_all([("key", b"content")])


def test_next_number_comes_after_those_in_the_bucket(camera: Camera) -> None:
    assert camera.next_seq("20260603") == 1
    for taken in (Exposure("20260603", 7), Exposure("20260603", 12), Exposure("20260604", 40)):
        camera.put(f"{taken.prefix}file.fits", b"")
    assert camera.next_seq("20260603") == 13
