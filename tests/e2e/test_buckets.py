"""The buckets job against the real gateway, Vault and cluster, with a bucket of its own."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.rig.site import RGW_URL
from tests.support.bucket_place import BucketPlace
from tests.support.gateway import endpoint
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
    code, said = place.run("buckets")
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


class Door(socketserver.ThreadingTCPServer):
    """An address that refuses connections until it is opened, and then hands them on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Through, bind_and_activate=False)
        self.server_bind()

    @contextmanager
    def opened(self) -> Iterator[None]:
        self.server_activate()
        serving = threading.Thread(target=self.serve_forever, args=(0.05,))
        serving.start()
        yield
        self.shutdown()
        serving.join()


class _Through(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        gateway = urlsplit(RGW_URL)
        address = str(gateway.hostname), gateway.port or 80
        with socket.create_connection(address) as behind:
            other = {self.request: behind, behind: self.request}
            while ready := select.select(list(other), [], [], 30)[0]:
                for each in ready:
                    data = each.recv(65536)
                    if not data:
                        return
                    other[each].sendall(data)


@pytest.fixture
def away(place: BucketPlace) -> Iterator[Door]:
    """The gateway at an address where nobody listens yet."""
    with Door() as door:
        place.place.config["bucketConfig"]["endpoint"] = (
            f"http://127.0.0.1:{door.server_address[1]}"
        )
        yield door


def test_a_gateway_that_is_away_is_waited_for(place: BucketPlace, away: Door) -> None:
    run = place.start("buckets")
    assert run.stdout
    for line in run.stdout:
        if line.startswith("waiting for the gateway: "):
            assert "the gateway cannot be reached" in line
            break
    with away.opened():
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert len(place.gateway.notifications(place.name)) == 1


def test_a_rollback_goes_on_without_the_gateway(place: BucketPlace, away: Door) -> None:
    place.place.config["hooks"]["deadlineSeconds"] = 60  # of which a rollback takes half
    code, said = place.run("buckets", "--rollback")
    assert code == 0, said
    last = said.splitlines()[-1]
    assert "rollback goes on without it" in last
    assert "the gateway cannot be reached" in last
    events = place.place.kubectl(
        "get", "events", "-o", "name", "--field-selector=reason=PassedOver"
    )
    assert len(events.split()) == 1


def test_two_runs_at_once_make_one_generation(simple: BucketPlace) -> None:
    hold_lease(simple, "a test", 600)
    simple.attributes["push-endpoint"] = "http://127.0.0.1:9/second"
    runs = [simple.start("buckets") for _ in range(2)]
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
    code, said = simple.run("buckets")
    assert code == 0
    assert "held by a pod that was killed" in said
    assert said.splitlines()[-1].endswith("nothing to do")


def test_a_plan_waits_for_nobody_and_a_run_says_for_whom_it_waited(simple: BucketPlace) -> None:
    hold_lease(simple, "buckets apply of somebody@login1 (c0ffee)", 600)
    assert simple.run("buckets", "--dry-run")[0] == 0
    simple.place.config["hooks"]["deadlineSeconds"] = 18
    code, said = simple.run("buckets")
    assert code == 1
    assert "held by buckets apply of somebody@login1 (c0ffee), who still renews it" in said


SERVICE = "enqueue"
ADDRESS = "198.19.255.1"


@pytest.fixture
def behind(place: BucketPlace) -> BucketPlace:
    """The topic announces to a Service that has neither an address nor a ready endpoint."""
    place.place.config["enqueue"] = {"service": SERVICE, "port": 8080, "address": None}
    place.attributes["push-endpoint"] = "http://{{ enqueue.address }}:8080/notify"
    spec = {
        "type": "LoadBalancer",
        "loadBalancerClass": "nobodys.example/none",
        "allocateLoadBalancerNodePorts": False,
        "ports": [{"port": 8080}],
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE}, "spec": spec}
    place.place.apply(service)
    return place


def give_address(place: BucketPlace) -> None:
    status = {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}
    what = ("service", SERVICE, "--subresource=status", "--type=merge", "-p", json.dumps(status))
    place.place.kubectl("patch", *what)


def give_endpoint(place: BucketPlace, *, ready: bool) -> None:
    labels = {"kubernetes.io/service-name": SERVICE}
    endpoint = {"addresses": ["198.18.255.1"], "conditions": {"ready": ready}}
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": SERVICE, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"port": 8000}],
        "endpoints": [endpoint],
    }
    place.place.apply(slice_)


def endpoint_of(place: BucketPlace) -> str:
    [notification] = place.gateway.notifications(place.name)
    return str(endpoint(place.gateway.topic(notification.topic))["EndpointAddress"])


def test_the_address_and_a_ready_endpoint_are_waited_for(behind: BucketPlace) -> None:
    run = behind.start("buckets")
    assert run.stdout
    for line in run.stdout:
        if line == f"waiting for the address of Service {SERVICE}\n":
            break
    give_address(behind)
    give_endpoint(behind, ready=False)
    give_endpoint(behind, ready=True)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert endpoint_of(behind) == f"http://{ADDRESS}:8080/notify"
    behind.place.config["enqueue"]["address"] = "198.19.255.9"
    behind.place.config["hooks"]["deadlineSeconds"] = 17  # until then the Service may get it
    code, said = behind.run("buckets")
    assert code == 1
    differs = f"has the load-balancer address {ADDRESS}, but enqueue.address says 198.19.255.9"
    assert differs in said
    assert endpoint_of(behind) == f"http://{ADDRESS}:8080/notify"


@pytest.mark.parametrize(
    ("address", "ready", "told"),
    [
        (False, False, "still without a load-balancer address and without a ready endpoint;"),
        (False, True, "still without a load-balancer address;"),
        (True, False, f"still without a ready endpoint (its address is {ADDRESS});"),
    ],
)
def test_what_is_missing_at_the_deadline_is_told(
    behind: BucketPlace, address: bool, ready: bool, told: str
) -> None:
    behind.place.config["hooks"]["deadlineSeconds"] = 17
    give_endpoint(behind, ready=ready)
    if address:
        give_address(behind)
    code, said = behind.run("buckets")
    assert code == 1
    assert f"Service {SERVICE}: {told}" in said
    assert "nothing was written" in said
    assert behind.gateway.notifications(behind.name) == []


def test_a_kafka_topic_needs_no_address(behind: BucketPlace) -> None:
    behind.attributes["push-endpoint"] = "kafka://127.0.0.1:9094"
    code, said = behind.run("buckets")
    assert code == 0, said
    assert endpoint_of(behind) == "kafka://127.0.0.1:9094"
