"""Nobody is there for long: the camera must not notice, and nothing may be missing afterwards."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig.release import Release
from tests.support import faults, mends, site_faults, verbs
from tests.support.load import Load
from tests.support.namespace import FULLNAME, Namespace

pytestmark = pytest.mark.soak

AWAY = 60.0
SLOWER = 3.0
"""How many times as long the median PUT may take: other tests run on the same two cores."""


def test_enqueue_is_away(release: Release, night: Night) -> None:
    namespace = Namespace(release.namespace)
    enqueue = f"deployment/{FULLNAME}-enqueue"
    with night() as load:
        begun = time.time()
        namespace.kubectl("scale", enqueue, "--replicas=0")
        load.go_on(AWAY)
        namespace.kubectl("scale", enqueue, "--replicas=1")
        faults.wait_until_ready(release)
    assert_the_camera_did_not_notice(load, begun)


def test_the_whole_environment_is_away_and_its_notification_withdrawn(
    release: Release, night: Night, tmp_path: Path
) -> None:
    namespace = Namespace(release.namespace)

    with night(mends.forgotten) as load:
        begun = time.time()
        namespace.kubectl("scale", "deployment", "--all", "--replicas=0")
        with site_faults.redis_stopped(release):
            nowhere = site_faults.kubeconfig_of_no_cluster(tmp_path)
            withdraw = ("buckets", "withdraw", "--apply")
            code, document = verbs.run(release, *withdraw, kubeconfig=nowhere)
            assert (code, document["result"]) == (0, "changed"), document["summary"]
            load.go_on(AWAY)
        namespace.kubectl("scale", "deployment", "--all", "--replicas=1")
        faults.wait_until_ready(release)
        release.deploy(print)  # puts the notification back
        _, document = verbs.run(release, "status", "--pipeline-only")
        assert "asks to look from" in str(document), "reconcile is told where to look"
    assert_the_camera_did_not_notice(load, begun)


def assert_the_camera_did_not_notice(load: Load, begun: float) -> None:
    """PUTs took as long as before; that none failed is counted with all others."""
    before = [p.acknowledged - p.begun for p in load.puts.values() if p.acknowledged < begun]
    away = [p.acknowledged - p.begun for p in load.puts.values() if begun < p.begun < begun + AWAY]
    assert median(away) < SLOWER * median(before)
