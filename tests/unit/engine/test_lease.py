from __future__ import annotations

import threading
import time
from io import StringIO

import pytest

from embargo_butler.engine import lease
from embargo_butler.engine.lease import Lease
from embargo_butler.engine.report import Report
from embargo_butler.errors import KubernetesError
from embargo_butler.model.ports import LeaseState
from tests.unit.fakes import FakeCluster

NAME = "embargo-butler-hooks"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0.02)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def out() -> StringIO:
    return StringIO()


def taking(cluster: FakeCluster, out: StringIO, seconds: float = 5) -> Lease:
    report = Report("buckets apply", out, out, as_json=False)
    return Lease(cluster, NAME, "buckets apply", time.monotonic() + seconds, report)


def test_two_never_hold_it_at_once(cluster: FakeCluster, out: StringIO) -> None:
    inside, seen = 0, []

    def run() -> None:
        nonlocal inside
        with taking(cluster, out, 20):
            inside += 1
            seen.append(inside)
            time.sleep(0.005)  # Long enough for the others to come in, if they could.
            inside -= 1

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 8
    assert cluster.leases[NAME].holder == ""


def test_who_holds_it_is_said_and_given_up_on(cluster: FakeCluster, out: StringIO) -> None:
    with taking(cluster, out):
        holder = cluster.leases[NAME].holder
        assert holder.startswith("buckets apply of ")
        with pytest.raises(KubernetesError, match=r"held by buckets apply of .* still renews it"):
            taking(cluster, out, 0.1).__enter__()
        assert cluster.leases[NAME].holder == holder
    assert out.getvalue() == f"waiting for Lease {NAME}, held by {holder}\n"


def test_a_holder_is_waited_for_by_who_only_looks(cluster: FakeCluster, out: StringIO) -> None:
    assert not taking(cluster, out).await_free()
    letting_go = threading.Timer(0.1, taking(cluster, out).__enter__().__exit__)
    letting_go.start()
    assert taking(cluster, out).await_free()
    letting_go.join()
    assert cluster.leases[NAME].holder == "", "it was not taken"
    assert not taking(cluster, out).await_free(), "it is free"
    cluster.leases[NAME] = LeaseState("a pod that was killed", 1, "99")
    assert not taking(cluster, out).await_free(), "nobody has done anything since"


def test_a_dead_holder_is_replaced_when_its_time_is_over(
    cluster: FakeCluster, out: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.leases[NAME] = LeaseState("a pod that was killed", 1, "7")
    begin = time.monotonic()
    with taking(cluster, out) as held:
        assert 1 <= time.monotonic() - begin < 2
        held.check()


def test_a_lost_lease_stops_the_next_change(cluster: FakeCluster, out: StringIO) -> None:
    with taking(cluster, out) as held:
        held.check()
        stolen = cluster.leases[NAME] = LeaseState("another run", 20, "99")
        held._renewing.join(timeout=5)
        with pytest.raises(KubernetesError, match="lost"):
            held.check()
    assert cluster.leases[NAME] == stolen, "what is another's is not given back"


def test_a_renewal_whose_answer_never_came_is_no_loss(cluster: FakeCluster, out: StringIO) -> None:
    with taking(cluster, out) as held:
        state = cluster.leases[NAME]
        cluster.leases[NAME] = LeaseState(state.holder, state.seconds, "50")
        while int(cluster.leases[NAME].version) < 52:
            assert held._renewing.is_alive()
            time.sleep(0.01)
        held.check()
