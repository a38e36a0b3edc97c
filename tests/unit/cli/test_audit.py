from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embargo_butler.buckets.endpoints import silent
from embargo_butler.cli.job.command import main
from embargo_butler.errors import KubernetesError, VaultError
from embargo_butler.model.ports import LeaseState, ServiceState
from embargo_butler.model.resources import Topic
from embargo_butler.secret import Secret
from tests.unit.conftest import PIPELINE, Write
from tests.unit.fakes import FakeWorld

BUCKET, LEASE = "rubin-summit", "embargo-butler-hooks"
Output = pytest.CaptureFixture[str]
Drift = Callable[[FakeWorld], None]


@pytest.fixture
def endpoint() -> Iterator[socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0))
    yield listening
    listening.close()


@pytest.fixture
def config(
    site: dict[str, Any], write: Write, world: FakeWorld, endpoint: socket.socket, capsys: Output
) -> Path:
    """The site as declared."""
    attributes = site["bucketConfig"]["topics"][BUCKET]["attributes"]
    attributes["push-endpoint"] = f"http://127.0.0.1:{endpoint.getsockname()[1]}/notify"
    file = write(site)
    for area in ("secrets", "buckets"):
        assert main([area, "--config", str(file)], world) == 0
    capsys.readouterr()
    return file


def audit(config: Path, world: FakeWorld, *more: str) -> int:
    return main(["audit", "--config", str(config), *more], world)


def test_what_is_as_declared_is_said_so(config: Path, world: FakeWorld, capsys: Output) -> None:
    assert audit(config, world, "--event", "embargo-butler-audit") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "audit: summit: all is as declared"
    assert world.fake_cluster.events == []
    assert main(["plan", "--config", str(config)], world) == 0


def blanked(world: FakeWorld) -> None:
    world.store.notifications[BUCKET] = []


def elsewhere(world: FakeWorld) -> None:
    there = world.store.topics[BUCKET]
    wrong = {**there.attributes, "push-endpoint": Secret("http://127.0.0.1:1/other")}
    world.store.topics[BUCKET] = Topic(BUCKET, wrong)


def granted(world: FakeWorld) -> None:
    [ours, _] = world.store.policies[BUCKET]
    world.store.policies[BUCKET] = [{**ours, "Action": ["s3:*"]}]


def granted_by_another_kind(world: FakeWorld) -> None:
    [ours, deny] = world.store.policies[BUCKET]
    provider = {"Federated": ["arn:aws:iam:::oidc-provider/another"]}
    world.store.policies[BUCKET] = [{**ours, "Principal": ours["Principal"] | provider}, deny]


def granted_beside(world: FakeWorld) -> None:
    someone = {"AWS": "arn:aws:iam:::user/someone"}
    statement = {"Sid": "Mine", "Effect": "Allow", "Principal": someone}
    more = {"Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    world.store.policies[BUCKET] = [*world.store.policies[BUCKET], {**statement, **more}]


def rotated(world: FakeWorld) -> None:
    world.fake_vault.documents["site/summit"] = {"redis": "new", "notification": "n"}


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        (blanked, "put notification to-http of bucket rubin-summit: new"),
        (elsewhere, "new generation: endpoint http://127.0.0.1:1/*** ->"),
        (granted, "put policy of bucket rubin-summit"),
        (granted_by_another_kind, "put policy of bucket rubin-summit"),
        (granted_beside, "policy of bucket rubin-summit: its statement Mine is not declared"),
        (rotated, "apply Secret redis"),
    ],
)
def test_drift_is_told_and_nothing_is_written(
    config: Path, world: FakeWorld, capsys: Output, drift: Drift, told: str
) -> None:
    drift(world)
    written = list(world.store.writes), list(world.fake_cluster.writes)
    assert audit(config, world, "--event", "embargo-butler-audit") == 2
    out = capsys.readouterr().out
    assert told in out
    assert out.splitlines()[-1].startswith("audit: summit: drifted: ")
    [event] = world.fake_cluster.events
    assert event.startswith("CronJob/embargo-butler-audit: Drifted: ")
    assert told in event
    assert (world.store.writes, world.fake_cluster.writes) == written


def test_an_endpoint_that_does_not_answer_is_drift(
    config: Path, world: FakeWorld, endpoint: socket.socket, capsys: Output
) -> None:
    endpoint.close()
    assert audit(config, world) == 2
    said = "warning: topic rubin-summit: its endpoint http://127.0.0.1:"
    assert said in capsys.readouterr().out


def test_an_endpoint_without_a_host_is_not_looked_for_here() -> None:
    topic = Topic("t", {"push-endpoint": Secret("http:///notify")})
    [told] = silent([topic], lambda: None)
    assert told == "topic t: its endpoint *** does not answer (it is no URL)"


def test_an_enqueue_that_is_away_is_told_with_what_it_endangers_and_hides_no_drift(
    config: Path,
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    endpoint: socket.socket,
    capsys: Output,
) -> None:
    port = site["enqueue"]["port"] = endpoint.getsockname()[1]
    there = f"http://{{{{ enqueue.address }}}}:{port}/notify"
    site["bucketConfig"]["topics"][BUCKET]["attributes"]["push-endpoint"] = there
    world.fake_cluster.states = [ServiceState("127.0.0.1", False)]
    endpoint.close()
    world.store.policies[BUCKET] = []
    assert audit(write(site), world, "--event", "embargo-butler-audit") == 1
    out = capsys.readouterr().out
    for told in (
        "without a ready endpoint",
        "does not answer",
        "the gateway answers the camera's PUTs with 503",
        "put policy of bucket rubin-summit",
    ):
        assert told in out
        assert told in world.fake_cluster.events[0]


def test_a_problem_hides_no_drift(config: Path, world: FakeWorld, capsys: Output) -> None:
    blanked(world)
    world.fake_vault.documents["site/summit"] = {"redis": "redis-value"}
    assert audit(config, world, "--event", "embargo-butler-audit") == 1
    out = capsys.readouterr().out
    assert "error: " in out
    assert "put notification to-http of bucket rubin-summit" in out
    assert "put notification to-http" in world.fake_cluster.events[0]


def test_a_problem_is_not_said_to_be_drift(config: Path, world: FakeWorld, capsys: Output) -> None:
    world.fake_vault.documents["site/summit"] = VaultError("the path is broken")
    assert audit(config, world, "--event", "embargo-butler-audit") == 1
    assert "the path is broken" in capsys.readouterr().out
    [event] = world.fake_cluster.events
    assert event.startswith("CronJob/embargo-butler-audit: AuditFailed: the path is broken")


def test_a_misfortune_is_drift(
    config: Path, site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    site["bucketConfig"]["buckets"][BUCKET]["foreign"] = ["theirs"]
    assert audit(write(site), world, "--event", "embargo-butler-audit") == 2
    out = capsys.readouterr().out
    assert out.count("the foreign notification theirs is not there") == 1
    assert "drifted: 0 changes to be made, 1 findings beside them" in out
    del world.fake_vault.documents["owners/rubin-summit"]
    assert audit(config, world, "--event", "embargo-butler-audit") == 2
    [theirs, keys] = world.fake_cluster.events
    assert theirs.startswith("CronJob/embargo-butler-audit: Drifted: bucket rubin-summit: the fore")
    assert keys.startswith("CronJob/embargo-butler-audit: Drifted: owner rubin-summit: its keys")


def test_a_bucket_that_is_gone_is_drift_where_it_is_declared(
    config: Path, site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    others = {"owner": BUCKET, "grants": {"read": ["people"]}}
    whole = {**site["bucketConfig"]["buckets"], "others": others}
    file = str(write({**site, "bucketConfig": {**site["bucketConfig"], "buckets": whole}}))
    assert main(["buckets", "--config", file], world) == 0
    world.store.gone.add("others")
    assert audit(Path(file), world) == 2
    assert "bucket others: there is no such bucket" in capsys.readouterr().out
    assert audit(write(site), world) == 0
    out = capsys.readouterr().out
    assert "warning: bucket others: there is no such bucket" in out
    assert out.splitlines()[-1] == "audit: summit: all is as declared"


def test_an_event_that_is_refused_hides_no_drift(
    config: Path, world: FakeWorld, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise KubernetesError("Event at CronJob embargo-butler-audit: permission denied")

    blanked(world)
    monkeypatch.setattr(world.fake_cluster, "warn", refused)
    assert audit(config, world, "--event", "embargo-butler-audit") == 2
    out = capsys.readouterr().out
    assert "warning: no Event could be left: Event at CronJob embargo-butler-audit: perm" in out
    assert out.splitlines()[-1].startswith("audit: summit: drifted: ")


def test_what_a_release_is_still_making_is_no_drift(
    config: Path,
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site["bucketConfig"]["topics"][BUCKET]["attributes"]["max_retries"] = 3
    file = write(site)
    cluster, lease, looks = world.fake_cluster, world.fake_cluster.lease, Counter[str]()
    cluster.leases[LEASE] = LeaseState("buckets apply of a pod", 20, "7")

    def ending(name: str) -> LeaseState | None:
        looks[name] += 1
        if looks[name] == 3:
            cluster.leases[LEASE] = LeaseState("", 20, "8")
            assert main(["buckets", "--config", str(file)], world) == 0
        return lease(name)

    monkeypatch.setattr(cluster, "lease", ending)
    assert audit(file, world, "--event", "embargo-butler-audit") == 0
    assert f"waiting for Lease {LEASE}, held by buckets apply of a pod" in capsys.readouterr().out
    assert cluster.events == []


def test_drift_that_a_run_does_not_end_is_told_as_not_known(
    config: Path, site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    site["hooks"]["deadlineSeconds"] = 2
    world.fake_cluster.leases[LEASE] = LeaseState("buckets apply of a pod", 20, "7")
    blanked(world)
    assert audit(write(site), world) == 1
    out = capsys.readouterr().out
    assert "plan: put notification to-http" in out
    assert "held by buckets apply of a pod, who still renews it" in out


def test_a_replaced_topic_that_is_left_is_no_drift(
    config: Path, world: FakeWorld, capsys: Output
) -> None:
    assert main(["renew", BUCKET, "--config", str(config)], world) == 0
    assert len(world.store.topics) == 2
    assert audit(config, world) == 0


class TestWhatEnqueueLeavesOut:
    """The last night's keys that its expression does not take, or that it fails on."""

    @pytest.fixture
    def put(
        self, config: Path, site: dict[str, Any], write: Write, world: FakeWorld
    ) -> Callable[[str], None]:
        """PUT an object into today's folder."""
        write({**site, "pipeline": PIPELINE})

        def one(name: str) -> None:
            world.fake_objects.put[f"LSSTCam/{time.strftime('%Y%m%d')}/{name}"] = time.time() - 60

        return one

    def test_is_listed_by_kind_and_is_no_drift(
        self, config: Path, world: FakeWorld, put: Callable[[str], None], capsys: Output
    ) -> None:
        for name in ("a.fits", "a.json", "b.txt", "c.fits.fz", "d.fits.fz"):
            put(f"MC_O_{time.strftime('%Y%m%d')}_000001/{name}")
        assert audit(config, world) == 0
        lines = [each for each in capsys.readouterr().out.splitlines() if "not taken" in each]
        assert [each.rpartition(": ")[0] for each in lines] == [
            "not taken by DATASET_REGEXP: 2 LSSTCam/**.fits.fz",
            "not taken by DATASET_REGEXP: 1 LSSTCam/**.txt",
        ], "a.json is the sidecar of what is taken"

    def test_what_enqueue_cannot_take_apart_is_drift(
        self, config: Path, world: FakeWorld, put: Callable[[str], None], capsys: Output
    ) -> None:
        put("odd.fits")
        assert audit(config, world, "--event", "embargo-butler-audit") == 2
        assert "/odd.fits; narrow enqueue.env.DATASET_REGEXP" in capsys.readouterr().out
        assert "500 for ever" in world.fake_cluster.events[0]

    def test_a_night_of_which_nothing_is_taken_is_drift(
        self, config: Path, world: FakeWorld, put: Callable[[str], None], capsys: Output
    ) -> None:
        put(f"MC_O_{time.strftime('%Y%m%d')}_000001/a.fits.fz")
        assert audit(config, world) == 2
        assert "DATASET_REGEXP takes none of 1 objects" in capsys.readouterr().out

    def test_an_empty_night_is_none(
        self, config: Path, world: FakeWorld, put: Callable[[str], None]
    ) -> None:
        assert audit(config, world) == 0

    def test_a_topic_that_announces_nothing_is_named(
        self, config: Path, world: FakeWorld, put: Callable[[str], None], capsys: Output
    ) -> None:
        def reconciled(seconds_ago: int) -> None:
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds_ago))
            last = json.dumps({"time": when, "unannounced": 7})
            world.fake_cluster.config_maps["embargo-butler-reconcile"] = {"last.json": last}

        reconciled(3600)
        assert audit(config, world) == 2
        assert "7 objects were never announced" in capsys.readouterr().out
        reconciled(2 * 24 * 3600)
        assert audit(config, world) == 0, "where it does not run by the clock, that is long ago"
