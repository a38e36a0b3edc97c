"""The site itself: bringing it up again changes nothing that is right and mends what is not."""

from __future__ import annotations

import os
import signal

import pytest

from tests.rig import lifecycle, supervisor
from tests.rig.cluster import kubectl
from tests.rig.command import wait_for
from tests.rig.progress import Display
from tests.rig.release import SUMMIT

pytestmark = pytest.mark.alone


def bring_up() -> None:
    with Display() as display:
        lifecycle.up(display, SUMMIT.images(), for_tests=True)


def containers() -> list[str]:
    """Return the release's containers that run, each with how often it was started."""
    path = "{.metadata.uid} {.status.containerStatuses[0].restartCount}"
    found = kubectl(
        *("get", "pods", "-n", SUMMIT.namespace, "--field-selector=status.phase=Running"),
        *("-o", f'jsonpath={{range .items[*]}}{path}{{"\\n"}}{{end}}'),
    )
    return sorted(found.splitlines())


def test_bringing_it_up_again_restarts_nothing(release: None) -> None:
    programs = supervisor.running()
    assert len(programs) > 10
    bring_up()
    assert supervisor.running() == programs


@pytest.mark.parametrize("killed", ["etcd", "ceph-osd", "vault", "containerd", "supervisord"])
def test_what_was_killed_is_mended_and_the_pods_run_on(release: None, killed: str) -> None:
    before, pods = supervisor.running(), containers()
    assert len(pods) == 5
    os.kill(before[killed], signal.SIGKILL)
    bring_up()
    after = supervisor.running()
    assert after.keys() == before.keys()
    assert after[killed] != before[killed]
    wait_for("the same containers run", lambda: containers() == pods, timeout=60)
