"""More and fewer pods, pods that have to leave a node, and ingest stopped for planned work."""

from __future__ import annotations

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig import cluster
from tests.rig.release import Release
from tests.support import connect, faults, site_faults
from tests.support.changing import Changing
from tests.support.namespace import INGEST, Namespace

pytestmark = pytest.mark.soak


def test_ingest_is_scaled_by_hand(release: Release, night: Night) -> None:
    namespace = Namespace(release.namespace)
    with night() as load:
        for replicas in (1, 8, 0, 3):
            namespace.kubectl("scale", INGEST, f"--replicas={replicas}")
            cluster.wait_for_rollout(release.namespace, INGEST, timeout=240)
            load.wait_for_more()
    namespace.kubectl("scale", INGEST, "--replicas=1")


def test_all_pods_are_evicted_as_by_the_drain_of_a_node(release: Release, night: Night) -> None:
    with night() as load:
        release.deploy(print, "--set", "ingest.replicas=3")
        site_faults.evict(release)
        load.wait_for_more()
        faults.wait_until_ready(release)
    release.deploy(print)


def test_ingest_is_suspended_and_resumed(changing: Changing, changing_night: Night) -> None:
    queues = connect.queues(changing.release)
    with changing_night() as load:
        done = changing.upgrade({"ingest": {"suspend": True}})
        assert done.status == 0, done.all
        assert not faults.pods(changing.release, "ingest")
        load.wait("something waits in the queue", queues.waiting)
        load.wait_for_more()
        done = changing.upgrade({})
        assert done.status == 0, done.all
        faults.wait_until_ready(changing.release)
