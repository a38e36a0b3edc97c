"""Keys that no image has: they stop nothing, and the audit names them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.nothing_lost.conftest import Night
from tests.rig.release import Release
from tests.support import connect, verbs
from tests.support.exposure import Exposure

pytestmark = pytest.mark.soak


WIDE = r"LSSTCam/\d{8}/\w*/[\w.]*\.fits$"
"""Takes keys too on which enqueue fails; one environment has it so."""


def test_a_key_on_which_enqueue_fails_for_ever_stops_nothing_and_is_named(
    release: Release, night: Night, tmp_path: Path
) -> None:
    camera, stray = connect.camera(release), f"LSSTCam/{Exposure.now(0).day}/flat/stray.fits"
    values = tmp_path / "wide.yaml"
    values.write_text(yaml.safe_dump({"enqueue": {"env": {"DATASET_REGEXP": WIDE}}}))
    with night() as load:
        release.deploy(print, "-f", str(values))
        camera.put(stray, b"no image")
        before = set(load.puts)
        load.wait_for_more()
        later = list(load.puts.keys() - before)
        queues = connect.queues(release)
        load.wait("later ones are announced", lambda: len(queues.notes(later)) == len(later))
        code, document = verbs.run(release, "audit")
        assert code == 2
        assert f"answers 500 for ever: {stray}; narrow" in str(document)
        # Ceph 16 has announced those beside it thousands of times: a long queue for one pod.
        release.deploy(print, "--set", "ingest.replicas=4")
    assert connect.queues(release).lists() == []
    release.deploy(print)


def test_a_key_that_is_not_taken_stops_nothing_and_is_named(release: Release, night: Night) -> None:
    camera, stray = connect.camera(release), f"LSSTCam/{Exposure.now(0).day}/stray.fits"
    with night() as load:
        camera.put(stray, b"no image")
        load.wait_for_more()
    code, document = verbs.run(release, "audit")
    assert code == 0, document["summary"]
    assert stray in document["leftOut"]["LSSTCam/**.fits"]
