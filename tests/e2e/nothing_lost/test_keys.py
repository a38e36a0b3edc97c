"""Keys that no image has: they stop nothing, and the audit names them."""

from __future__ import annotations

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig.release import Release
from tests.support import connect, verbs
from tests.support.exposure import Exposure

pytestmark = pytest.mark.soak


def test_a_key_that_cannot_be_taken_apart_stops_nothing_and_is_named(
    release: Release, night: Night
) -> None:
    camera, stray = connect.camera(release), f"LSSTCam/{Exposure.now(0).day}/stray.fits"
    with night() as load:
        camera.put(stray, b"no image")
        load.wait_for_more()
    code, document = verbs.run(release, "audit")
    assert code == 0, document["summary"]
    assert document["leftOut"]["LSSTCam/**.fits"] == [stray]
