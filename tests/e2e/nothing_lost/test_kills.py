"""Processes and pods that die while the camera works."""

from __future__ import annotations

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig.release import Release
from tests.support import faults

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("app", ["redis", "enqueue", "ingest", "idle", "presence"])
def test_one_pods_process_is_killed(release: Release, night: Night, app: str) -> None:
    with night() as load:
        faults.kill(release, app)
        load.wait_for_more()
        faults.wait_until_ready(release)


def test_all_pods_processes_are_killed_at_once(release: Release, night: Night) -> None:
    with night() as load:
        faults.kill(release, *faults.APPS)
        load.wait_for_more()
        faults.wait_until_ready(release)
