"""What the environment lives on is restarted, or away for half a minute."""

from __future__ import annotations

import pytest

from tests.e2e.nothing_lost.conftest import Night
from tests.rig import vault
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.rig.site import POSTGRES_PORT, RGW_PORT
from tests.support import connect, faults, mends, site_faults
from tests.support.load import Load

pytestmark = pytest.mark.soak

BLINK = 30.0
UNDER_WAY = 5.0
"""Seconds of it in which ingest may still note what it had done before."""


def test_the_gateway_is_killed(release: Release, night: Night) -> None:
    with night() as load:
        with load.without_gateway():
            site_faults.kill_program("ceph-rgw")
            load.wait_for_more()
        faults.wait_until_ready(release)


def test_the_database_server_is_killed(release: Release, night: Night) -> None:
    with night(mends.by_itself) as load:
        site_faults.kill_program("postgres")
        load.wait_for_more()
        faults.wait_until_ready(release)


def test_vault_is_restarted_and_sealed(release: Release, night: Night) -> None:
    with night() as load:
        site_faults.kill_program("vault")  # one that starts is sealed
        try:
            load.wait_for_more(20)
            pods = uids(release)
            with pytest.raises(RigError, match="secrets"):
                release.deploy(print, "--set", "ingest.env.MAX_INGESTS=7")
            assert uids(release) == pods, "a release does not begin without its secrets"
        finally:
            vault.up(print)
        release.deploy(print)


@pytest.mark.parametrize("port", [POSTGRES_PORT, RGW_PORT], ids=["database", "object store"])
def test_ingest_loses_sight_of_it_for_half_a_minute(
    release: Release, night: Night, port: int
) -> None:
    with night(mends.everything) as load:
        with site_faults.unreachable(release, "ingest", port):
            load.go_on(UNDER_WAY)
            before = ingested(release, load)
            load.go_on(BLINK - UNDER_WAY)
            assert ingested(release, load) == before, "ingest was to be stopped by it"
        load.wait_for_more()
        faults.wait_until_ready(release, timeout=300)


def uids(release: Release) -> set[str]:
    """Return which pods there are."""
    return {pod["metadata"]["uid"] for pod in faults.pods(release)}


def ingested(release: Release, load: Load) -> int:
    """Return of how many files ingest has noted that they are in the Butler."""
    notes = connect.queues(release).notes(list(load.puts))
    return sum(note.ingested is not None for note in notes.values())
