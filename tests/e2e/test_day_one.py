"""Day one: from a look at what runs to a release, by a person with a token and AWS profiles."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.e2e.nothing_lost.conftest import _counted
from tests.rig import ceph, environment
from tests.rig.command import wait_for
from tests.rig.credentials import S3Keys
from tests.rig.release import Release
from tests.rig.store import Store
from tests.support import connect, faults, mends
from tests.support.day_one import OTHER_PAIR, DayOne
from tests.support.exposure import Exposure
from tests.support.predecessor import SUFFIX

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def place(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DayOne]:
    made = DayOne(Release(f"first-{secrets.token_hex(3)}"), tmp_path_factory.mktemp("first"))
    try:
        made.begin()
        yield made
    finally:
        environment.remove(made.release)
        made.close()


@pytest.fixture(scope="module")
def exposure(place: DayOne) -> Exposure:
    """One that the predecessor has ingested."""
    camera, queues = connect.camera(place.release), connect.queues(place.release)
    made = Exposure.now(camera.next_seq(Exposure.now(0).day))
    camera.put_all(made.files())

    def ingested() -> bool:
        notes = queues.notes(list(made.keys)).values()
        return sum(bool(each.ingested) for each in notes) == 205

    wait_for("it is ingested", ingested, timeout=180)
    return made


def test_all_can_be_seen_and_nothing_is_written(place: DayOne, exposure: Exposure) -> None:
    before, name = place.everything(), place.release.name

    said = place.type("status")
    print(said.all)
    take_over = f"make take-over ENV={name}"
    assert f"none: what runs here was made without Helm; `{take_over}`" in said.out
    assert "docker.io/redis:7.0.15" in said.out
    assert f"QUEUE:{place.release.bucket}" in said.out
    assert exposure.name in said.out
    assert f"as in Vault: notification{SUFFIX}, redis{SUFFIX}, s3{SUFFIX}" in said.out
    assert "cannot be shown" not in said.out

    traced = place.type("trace", exposure.name)
    print(traced.all)
    assert traced.status == 0, traced.all
    assert "all 205 files have arrived" in traced.out

    found = place.type("backfill", "--since", "1h")
    print(found.all)
    assert found.status == 0, found.all
    assert "nothing to queue" in found.out

    plan = place.type("plan")
    print(plan.all)
    assert plan.status == 2, plan.all
    assert "StatefulSet redis: changed" in plan.out
    assert "Secret redis: new" in plan.out
    assert f"owner {place.release.users_bucket}: " in plan.out, "what has neither key nor profile"

    assert place.everything() == before


def test_what_a_take_over_would_refuse_is_told_by_a_plan(place: DayOne) -> None:
    with place.another_value(notification="not-the-running-one"):
        plan, said = place.type("plan"), place.type("status")
    told = f"Secret notification{SUFFIX}, key secret: Vault has another value, and a take-over is"
    assert told in plan.all
    assert told in said.all
    assert "not-the-running-one" not in plan.all + said.all


@pytest.fixture
def other_store(place: DayOne) -> Iterator[Store]:
    """Another store: the same names of bucket and owner, and other keys."""
    store, name = ceph.EMBARGO, place.release.bucket
    store.up(print)
    pair = ("--access-key", OTHER_PAIR[0], "--secret-key", OTHER_PAIR[1])
    store.admin("user", "create", "--uid", name, "--display-name", name, *pair)
    store.client("s3", name, S3Keys(*OTHER_PAIR)).create_bucket(Bucket=name)
    yield store
    store.admin("user", "rm", "--uid", name, "--purge-data")
    store.stop()


def test_each_store_is_asked_with_its_own_pair(place: DayOne, other_store: Store) -> None:
    name, there = place.release.bucket, {"endpoint": other_store.url, "zoneGroup": "sdfembargo"}
    here = place.type("buckets", "plan")
    print(here.all)
    assert here.status == 2, here.all

    asked = place.type(
        "buckets", "plan", bucketConfig={**there, "owners": {name: {"profile": "embargo-rw"}}}
    )
    print(asked.all)
    assert asked.status == 2, asked.all
    assert f"put topic {name}" in asked.out

    crossed = place.type("buckets", "plan", bucketConfig=there)
    print(crossed.all)
    assert crossed.status == 1
    assert "nothing was written" in crossed.all
    assert OTHER_PAIR[1] not in here.all + asked.all + crossed.all


@pytest.mark.soak
def test_a_take_over_is_undone(place: DayOne, request: pytest.FixtureRequest) -> None:
    with _counted(place.release, request.node.name, mends.by_itself, 300) as load:
        before = place.announcing()
        said = place.type("take-over", "--yes")
        print(said.all)
        assert said.status == 0, said.all
        load.wait_for_more(20)
        back = place.type("take-over", "--yes", "--back")
        print(back.all)
        assert back.status == 0, back.all
        faults.wait_until_ready(place.release)
        assert place.announcing() == before
    assert f"redis{SUFFIX}" in place.type("status").out


@pytest.mark.soak
def test_it_is_taken_over_and_deployed_and_nothing_is_lost(
    place: DayOne, request: pytest.FixtureRequest
) -> None:
    keys = place.credentials
    with _counted(place.release, request.node.name, mends.by_itself, 300) as load:
        said = place.type("take-over", "--yes")
        print(said.all)
        assert said.status == 0, said.all
        load.wait_for_more(20)
        buckets = place.type("buckets", "apply")
        print(buckets.all)
        assert buckets.status == 0, buckets.all
        applied = place.type("apply", "--yes")
        print(applied.all)
        assert applied.status == 0, applied.all
        faults.wait_until_ready(place.release)
    looked = place.type("status")
    print(looked.all)
    assert "revision 2, deployed" in looked.out
    assert "as in Vault: " in looked.out
    [ours] = place.ours()
    assert ours.id.startswith(place.release.bucket)
    for each in (said, buckets, applied, looked):
        assert not [key for key in keys if key in each.all]
    assert "embargo-butler-wrapped" not in place.kubectl("get", "secrets", "-o", "name")
