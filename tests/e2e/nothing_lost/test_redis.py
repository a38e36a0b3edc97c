"""What happens to Redis and to its volume; what is kept is what `appendfsync` promises."""

from __future__ import annotations

import shutil

import pytest
from redis.exceptions import ResponseError

from tests.e2e.nothing_lost.conftest import Night
from tests.rig.release import Release
from tests.support import connect, faults, mends, site_faults
from tests.support.namespace import Namespace

pytestmark = pytest.mark.soak

DISK_MEGABYTES = 32
PATIENCE = 300
"""Seconds: what ended again and again meanwhile is started after 10 s, 20 s, 40 s and so on."""


def test_it_is_made_anew_with_its_claim(release: Release, night: Night) -> None:
    with night() as load:
        Namespace(release.namespace).kubectl("delete", "pod", "redis-0", timeout=90)
        load.wait_for_more()
        faults.wait_until_ready(release, timeout=PATIENCE)


def test_its_file_is_cut_in_the_middle_of_a_record(release: Release, night: Night) -> None:
    with night(mends.forgotten) as load:
        with site_faults.redis_stopped(release) as folder:
            assert site_faults.cut_in_a_record(folder) > 0
        load.wait_for_more()
        faults.wait_until_ready(release, timeout=PATIENCE)


def test_its_disk_is_full(release: Release, night: Night) -> None:
    with night() as load, site_faults.small_disk(release, DISK_MEGABYTES) as folder:
        load.wait_for_more()
        with site_faults.full_disk(folder):
            load.wait("Redis refuses to write", lambda: _refuses(release))
            load.wait_for_more()
        load.wait("Redis writes again", lambda: not _refuses(release))
        faults.wait_until_ready(release, timeout=PATIENCE)


def test_it_may_use_no_more_memory(release: Release, night: Night) -> None:
    with night() as load:
        redis = connect.queues(release).redis
        redis.config_set("maxmemory", redis.info("memory")["used_memory"])
        try:
            load.wait("Redis refuses to write", lambda: _refuses(release))
            load.wait_for_more()
        finally:
            redis.config_set("maxmemory", 0)
        faults.wait_until_ready(release, timeout=PATIENCE)


def test_its_volume_is_lost(release: Release, night: Night) -> None:
    with night(mends.forgotten) as load:
        with site_faults.redis_stopped(release) as folder:
            for each in folder.iterdir():
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        load.wait_for_more()
        faults.wait_until_ready(release, timeout=PATIENCE)


def _refuses(release: Release) -> bool:
    """Whether Redis answers that it writes nothing; one that is away does not answer."""
    try:
        connect.queues(release).redis.set("written-by-the-tests", "1", ex=60)
    except ResponseError:
        return True
    return False
