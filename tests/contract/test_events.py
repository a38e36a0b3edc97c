"""No event is lost while the camera goes on, seen at the endpoints that a gateway pushes to."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_hooks import jobs
from embargo_hooks.adapters.rgw import RgwGateway
from embargo_hooks.apply import apply
from embargo_hooks.bucket_import import imported
from embargo_hooks.config import Config, load
from embargo_hooks.plan import Plan
from embargo_hooks.report import Report
from embargo_hooks.resources import KubernetesSecret, Notification
from embargo_hooks.secret import Secret
from tests.contract.conftest import GATEWAYS, Server
from tests.contract.test_gateway import CREATED
from tests.unit.hooks.fakes import FakeWorld

_PUTS_A_SECOND = 20
# A persistent topic's queue is picked up within some 12 s; what it then has waiting comes at once.
_PATIENCE_SECONDS = 60
_FOREIGN = "their-notification"


class Endpoints(ThreadingHTTPServer):
    """Takes events at any path, and can refuse those of one."""

    request_queue_size = 2048
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: dict[str, Counter[str]] = {}
        self.secrets: dict[str, set[str]] = {}
        self.refuses = set[str]()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def keys(self, *paths: str) -> set[str]:
        return {key for path in paths for key in self.got.get(path, Counter())}


class _Handler(BaseHTTPRequestHandler):
    server: Endpoints

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = self.path in self.server.refuses
        for record in () if refused else body["Records"]:
            self.server.got.setdefault(self.path, Counter())[record["s3"]["object"]["key"]] += 1
        self.send_response(503 if refused else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class World(FakeWorld):
    """The fakes' Vault and cluster, and a real gateway."""

    def __init__(self, server: Server) -> None:
        super().__init__({"owner": {"access_key": "x", "secret_key": "x"}})
        self._gateway = server.gateway()

    def gateway(self, *_: Any) -> Any:
        return self._gateway


class Site:
    """A bucket with our notification and another team's, and a camera that PUTs into it."""

    def __init__(self, server: Server, bucket: str, endpoints: Endpoints, folder: Path) -> None:
        self.bucket = bucket
        self.endpoints = endpoints
        self.gateway: RgwGateway = server.gateway()
        self.now = datetime.now(UTC)
        self.world = World(server)
        self._s3 = server.s3()
        self._file = folder / "config.yaml"
        self.put: list[str] = []
        self.attributes: dict[str, Any] = {
            "push-endpoint": endpoints.url("/first"),
            "OpaqueData": "first",
            "persistent": True,
        }
        # As the gateway calls it: from Ceph 20 on a topic tells whose it is.
        owner = server.owner["user"]
        self.topics: dict[str, Any] = {bucket: {"owner": owner, "attributes": self.attributes}}
        self.notification = {"topic": bucket, "events": sorted(CREATED)}
        self.document: dict[str, Any] = {
            "environment": "contract",
            "cluster": "none",
            "namespace": "none",
            "fullname": "contract",
            "vault": {"address": "http://127.0.0.1", "mount": "m", "auth": {"method": "token"}},
            "secrets": {},
            "bucketConfig": {
                "endpoint": server.endpoint,
                "region": server.region,
                "owners": {
                    owner: {
                        "path": "owner",
                        "accessKey": "access_key",
                        "secretKey": "secret_key",
                    }
                },
                "topics": self.topics,
                "buckets": {
                    bucket: {
                        "owner": owner,
                        "notifications": {"ours": self.notification},
                        "foreign": [_FOREIGN],
                    }
                },
            },
        }

    def load(self) -> Config:
        self._file.write_text(yaml.safe_dump(self.document))
        return load(self._file)

    def run(self, *renew: str, later: float = 0) -> Plan:
        now = datetime.now(UTC) + timedelta(seconds=later)
        job = jobs.object_store(self.load(), self.world, silent(), 0, renew, now)
        apply(job.plan, job.cluster, job.gateways, silent())
        return job.plan

    def shoot(self, seconds: float) -> None:
        began = time.monotonic()
        for number in range(int(seconds * _PUTS_A_SECOND)):
            while time.monotonic() < began + number / _PUTS_A_SECOND:
                time.sleep(0.001)
            key = f"image {len(self.put)}+ä.fits"
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=b"")
            self.put.append(key)

    def during(self, change: Callable[[], Plan], seconds: float = 3) -> Plan:
        """Make a change in the middle of the camera's work."""
        camera = threading.Thread(target=self.shoot, args=(seconds,))
        begun = len(self.put)
        camera.start()
        self.wait("the camera", lambda: len(self.put) >= begun + seconds * _PUTS_A_SECOND / 3)
        try:
            return change()
        finally:
            camera.join()

    def wait(self, what: str, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not until():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)

    def announced(self, *paths: str, since: int = 0) -> None:
        keys = set(self.put[since:])
        self.wait(
            f"not announced: {len(keys - self.endpoints.keys(*paths))} of {len(keys)}",
            lambda: keys <= self.endpoints.keys(*paths),
        )

    def close(self) -> None:
        """Take all of it away."""
        for entry in self.gateway.notifications(self.bucket):
            self.gateway.delete_notification(self.bucket, entry.name)
        for name in self.gateway.topics():
            if name.startswith(self.bucket):
                self.gateway.delete_topic(name)
        for key in self.put:
            self._s3.delete_object(Bucket=self.bucket, Key=key)
        self._s3.close()


def silent() -> Report:
    return Report("", io.StringIO(), io.StringIO(), False)


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    server = Endpoints()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(ceph: Server, bucket: str, endpoints: Endpoints, tmp_path: Path) -> Iterator[Site]:
    made = Site(ceph, bucket, endpoints, tmp_path)
    theirs = f"{bucket}-theirs"
    attributes = {"push-endpoint": endpoints.url("/theirs"), "persistent": "true"}
    made.gateway.put_topic(theirs, {key: Secret(value) for key, value in attributes.items()})
    made.gateway.put_notification(bucket, Notification(_FOREIGN, theirs, CREATED))
    try:
        made.run()
        yield made
        assert [n.name for n in made.gateway.notifications(bucket)].count(_FOREIGN) == 1
        made.announced("/theirs")
    finally:
        made.close()


def moved(site: Site) -> Plan:
    site.attributes["push-endpoint"] = site.endpoints.url("/second")
    return site.run()


def resealed(site: Site) -> Plan:
    site.attributes["OpaqueData"] = "second"
    return site.run()


def renewed(site: Site) -> Plan:
    return site.run(site.bucket)


def renamed(site: Site) -> Plan:
    new = f"{site.bucket}-renamed"
    site.topics[new] = site.topics.pop(site.bucket)
    site.notification["topic"] = new
    return site.run()


def moved_back(site: Site) -> Plan:
    site.attributes["push-endpoint"] = site.endpoints.url("/first")
    return site.run()


def unqueued(site: Site) -> Plan:
    site.attributes["persistent"] = False
    return site.run()


def test_with_a_living_endpoint_every_event_of_every_change_arrives(site: Site) -> None:
    """Each change comes while the events of those before it still wait."""
    for change in (moved, resealed, renewed, moved_back, renamed, unqueued):
        plan = site.during(lambda change=change: change(site), 1.5)  # type: ignore[misc]
        assert plan.changes, change
    site.announced("/first", "/second")
    assert site.run().changes == ()
    site.run(later=3601)
    # Ours and theirs.
    assert len([name for name in site.gateway.topics() if name.startswith(site.bucket)]) == 2


# Ceph 20 changes endpoints in place, and tries a dead one without a pause: not here yet.
@pytest.mark.parametrize("ceph", [v for v in GATEWAYS if not v.startswith("20.")], indirect=True)
def test_with_a_dead_endpoint_the_new_one_gets_all_that_follows(site: Site) -> None:
    site.endpoints.refuses.add("/first")
    site.shoot(2)
    before = len(site.put)
    plan = site.during(lambda: moved(site))
    assert [(lookup.bucket, lookup.until) for lookup in plan.lookups] == [(site.bucket, "")]
    switched = before + _PUTS_A_SECOND * 2
    site.announced("/second", since=switched)
    # It came back within the drain time: what waited for it is delivered after all.
    site.endpoints.refuses.clear()
    site.announced("/first", "/second")


def test_what_is_live_is_imported_and_its_plan_is_empty(site: Site) -> None:
    held = {"secret": Secret("first")}
    site.world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", held)
    site.world.fake_cluster.config_maps.clear()
    site.document["secrets"] = {"notification": {"secret": {"value": ""}}}
    site.topics.clear()
    site.document["bucketConfig"]["buckets"][site.bucket]["notifications"] = {}
    config = site.load()
    assert config.buckets
    live = jobs.live_buckets(config, site.world, silent())
    site.document |= imported(config.buckets, live)
    entry = site.document["bucketConfig"]["topics"][site.bucket]
    assert entry["attributes"]["OpaqueData"] == "{{ secrets.notification.secret }}"
    assert site.run().changes == ()
