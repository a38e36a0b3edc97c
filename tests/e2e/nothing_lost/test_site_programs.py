"""What the environment lives on is restarted, or away for half a minute."""

from __future__ import annotations

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig import vault
from tests.rig.release import Release
from tests.rig.site import POSTGRES_PORT, RGW_PORT
from tests.support import faults, site_faults

pytestmark = pytest.mark.soak

BLINK = 30.0


def test_the_gateway_is_killed(release: Release, night: Night) -> None:
    with night() as load:
        site_faults.kill_program("ceph-rgw")
        load.wait_for_more()
        faults.wait_until_ready(release)


def test_the_database_server_is_killed(release: Release, night: Night) -> None:
    with night() as load:
        site_faults.kill_program("postgres")
        load.wait_for_more()
        faults.wait_until_ready(release)


def test_vault_is_restarted_and_sealed(release: Release, night: Night) -> None:
    with night() as load:
        site_faults.kill_program("vault")  # one that starts is sealed
        try:
            load.wait_for_more(20)
        finally:
            vault.up(print)
        release.deploy(print)


@pytest.mark.parametrize("port", [POSTGRES_PORT, RGW_PORT], ids=["database", "object store"])
def test_ingest_loses_sight_of_it_for_half_a_minute(
    release: Release, night: Night, port: int
) -> None:
    with night() as load:
        with site_faults.unreachable(release, "ingest", port):
            load.go_on(BLINK)
        load.wait_for_more()
        faults.wait_until_ready(release, timeout=300)
