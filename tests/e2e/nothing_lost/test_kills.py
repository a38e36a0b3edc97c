"""Processes and pods that die while the camera works."""

from __future__ import annotations

import random

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig.release import Release
from tests.support import faults, mends
from tests.support.namespace import INGEST, Namespace

SECONDS = 180
EVERY = 5.0


@pytest.mark.soak
@pytest.mark.parametrize("app", ["redis", "enqueue", "ingest", "idle", "presence"])
def test_one_pods_process_is_killed(release: Release, night: Night, app: str) -> None:
    with night(mends.by_itself) as load:
        faults.kill(release, app)
        load.wait_for_more()
        faults.wait_until_ready(release)


def test_all_pods_processes_are_killed_at_once(release: Release, night: Night) -> None:
    with night(mends.by_itself) as load:
        faults.kill(release, *faults.APPS)
        load.wait_for_more()
        faults.wait_until_ready(release, timeout=300)


@pytest.mark.soak
def test_a_random_process_is_killed_every_five_seconds(release: Release, night: Night) -> None:
    # Kubernetes starts what dies again and again after 10 s, 20 s, and so on to 5 min.
    chosen = random.Random(20260603)
    namespace, killed = Namespace(release.namespace), 0
    try:
        with night(mends.by_itself, timeout=600) as load:
            for _ in range(int(SECONDS / EVERY)):
                if running := faults.running(release):
                    faults.kill(release, chosen.choice(running))
                    killed += 1
                load.go_on(EVERY)
            # At times nothing is left that runs.
            assert killed > SECONDS / EVERY / 2
            faults.wait_until_ready(release, timeout=400)
            # Ceph 16 has announced thousands of times what enqueue could not take: a long queue,
            # which one pod works off at 12 files a second.
            namespace.kubectl("scale", INGEST, "--replicas=4")
    finally:
        namespace.kubectl("scale", INGEST, "--replicas=1")
