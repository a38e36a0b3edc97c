"""The buckets job against the real gateway, Vault and cluster, with a bucket of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.bucket_place import BucketPlace
from tests.support.secret_place import FULLNAME

LEASE = f"{FULLNAME}-hooks"


@pytest.fixture
def place(site: None, tmp_path: Path) -> Iterator[BucketPlace]:
    made = BucketPlace(tmp_path)
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def simple(place: BucketPlace) -> BucketPlace:
    """One topic and one notification, made by a first run."""
    code, said = place.run("buckets", "apply")
    assert code == 0, said
    return place


def hold_lease(place: BucketPlace, holder: str, seconds: int) -> None:
    """Write the Lease as somebody else."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    lease: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": now},
    }
    place.place.apply(lease)


def test_two_runs_at_once_make_one_generation(simple: BucketPlace) -> None:
    hold_lease(simple, "a test", 600)
    simple.attributes["push-endpoint"] = "http://127.0.0.1:9/second"
    runs = [simple.start("buckets", "apply") for _ in range(2)]
    said = []
    for run in runs:
        assert run.stdout
        said.append(run.stdout.readline())
    assert said == [f"waiting for Lease {LEASE}, held by a test\n"] * 2
    hold_lease(simple, "", 600)
    ends = [run.communicate(timeout=60)[0].splitlines()[-1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ends
    stored = simple.place.kubectl("get", "configmap", f"{FULLNAME}-inventory", "-o", "json")
    [inventory] = json.loads(json.loads(stored)["data"]["inventory.json"])["stores"].values()
    known = inventory["topics"][simple.name]["names"]
    assert simple.topics() == set(known), "a topic that nobody knows of is an orphan"
    [notification] = simple.gateway.notifications(simple.name)
    assert notification.topic.endswith(f":{known[-1]}")
    assert sorted(end.rpartition(": ")[2] for end in ends)[-1] == "nothing to do"


def test_a_dead_holder_does_not_stop_the_next_run(simple: BucketPlace) -> None:
    hold_lease(simple, "a pod that was killed", 2)
    code, said = simple.run("buckets", "apply")
    assert code == 0
    assert "held by a pod that was killed" in said
    assert said.splitlines()[-1].endswith("nothing to do")


def test_a_plan_waits_for_nobody_and_a_run_says_for_whom_it_waited(simple: BucketPlace) -> None:
    hold_lease(simple, "buckets apply of somebody@login1 (c0ffee)", 600)
    assert simple.run("buckets", "plan")[0] == 0
    simple.place.config["hooks"]["deadlineSeconds"] = 18
    code, said = simple.run("buckets", "apply")
    assert code == 1
    assert "held by buckets apply of somebody@login1 (c0ffee), who still renews it" in said
