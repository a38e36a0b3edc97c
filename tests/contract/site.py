"""A bucket with our notification and another team's, and what becomes of what is PUT there."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from embargo_butler.cli.job.command import main
from embargo_butler.config.config import Config, load
from embargo_butler.engine.apply import apply
from embargo_butler.engine.report import Report
from embargo_butler.jobs import buckets as buckets_job
from embargo_butler.model import times
from embargo_butler.model.plan import Plan
from embargo_butler.model.ports import Gateway
from embargo_butler.model.resources import KubernetesSecret, Notification
from embargo_butler.secret import Secret
from tests.contract.camera import Camera
from tests.contract.receiver import Receiver
from tests.contract.server import CREATED, Server
from tests.unit.fakes import FakeWorld

_TOLD = "told"
FOREIGN = "their-notification"
# A persistent topic's queue is picked up within some 12 s; what it then has waiting comes at once.
_PATIENCE_SECONDS = 75
_QUIET_SECONDS = 15
_RETIREMENT_SECONDS = 3601


class World(FakeWorld):
    """The fakes' Vault and cluster, and a real gateway."""

    def __init__(self, gateway: Gateway) -> None:
        """Take the gateway, with the owner's keys."""
        super().__init__({"owner": {"access_key": "x", "secret_key": "x"}})
        self._gateway = gateway

    def gateway(self, *_: Any) -> Any:
        """Return it."""
        return self._gateway


@dataclass(frozen=True)
class Count:
    """What became of what was PUT.

    Attributes:
        puts: How many objects were PUT.
        lost: Those that were neither announced nor named.
        named: Those that were not announced, and lie in a time that the reports name for backfill.
        again: How many events came though their object had been announced before.
        foreign: Those that the other team did not hear of.
    """

    puts: int
    lost: frozenset[str]
    named: frozenset[str]
    again: int
    foreign: frozenset[str]


class Site:
    """A declared bucket.

    Attributes:
        first: Where the topic pushes to in the beginning.
        second: Another address.
        theirs: Where the other team's topic pushes to.
        camera: What PUTs into the bucket.
        reports: The runs' accounts, as JSON.
        document: The configuration; `topics`, `attributes` and `declared` are parts of it.
    """

    def __init__(self, server: Server, bucket: str, folder: Path, endpoint: str = "") -> None:
        """Declare it; nothing is sent yet.

        Args:
            server: The gateway.
            bucket: The bucket, which is there.
            folder: For the configuration.
            endpoint: The gateway's address where it is not the server's own.
        """
        self.server = server
        self.version = server.version
        self.bucket = bucket
        self.owner = server.owner["user"]
        self.first, self.second, self.theirs = Receiver(), Receiver(), Receiver()
        self.gateway = server.gateway(endpoint=endpoint)
        self.world = World(self.gateway)
        self.reports: list[dict[str, Any]] = []
        self.s3 = server.s3()
        self.camera = Camera(self.s3, bucket)
        self._file = folder / "config.yaml"
        self.attributes: dict[str, Any] = {
            "push-endpoint": self.first.url,
            "OpaqueData": "first",
            "persistent": True,
        }
        self.topics: dict[str, Any] = {bucket: {"owner": self.owner, "attributes": self.attributes}}
        self.declared: dict[str, Any] = {
            "owner": self.owner,
            "notifications": {"ours": {"topic": bucket, "events": sorted(CREATED)}},
            "foreign": [FOREIGN],
        }
        self.document: dict[str, Any] = {
            "environment": "contract",
            "cluster": "none",
            "namespace": "none",
            "fullname": "contract",
            "vault": {"address": "http://127.0.0.1", "mount": "m", "auth": {"method": "token"}},
            "secrets": {},
            "existingSecrets": [_TOLD],
            "bucketConfig": {
                "endpoint": endpoint or server.endpoint,
                "region": server.region,
                "owners": {self.owner: {"path": "owner"}},
                "topics": self.topics,
                "buckets": {bucket: self.declared},
            },
        }

    def add_theirs(self) -> None:
        """Put another team's topic and notification on the bucket."""
        name = f"{self.bucket}-theirs"
        attributes = {"push-endpoint": self.theirs.url, "persistent": "true"}
        self.gateway.put_topic(name, {key: Secret(value) for key, value in attributes.items()})
        self.gateway.put_notification(self.bucket, Notification(FOREIGN, name, CREATED))

    def declare(self, name: str, receiver: Receiver, *, persistent: bool = True) -> None:
        """Declare a topic and a notification of one name beside those there are."""
        attributes = {"push-endpoint": receiver.url, "persistent": persistent}
        topic = f"{self.bucket}-{name}"
        self.topics[topic] = {"owner": self.owner, "attributes": attributes}
        self.declared["notifications"][name] = {"topic": topic, "events": sorted(CREATED)}

    def write(self) -> Path:
        """Write the configuration; an OpaqueData is a key of a Secret, and only named there."""
        document, told = copy.deepcopy(self.document), dict[str, Secret]()
        for name, topic in document["bucketConfig"]["topics"].items():
            value = topic["attributes"].get("OpaqueData")
            if value and "{{" not in value:
                told[name] = Secret(value)
                topic["attributes"]["OpaqueData"] = f"{{{{ secrets.{_TOLD}['{name}'] }}}}"
        self.world.fake_cluster.secrets[_TOLD] = KubernetesSecret(_TOLD, told)
        self._file.write_text(yaml.safe_dump(document))
        return self._file

    def load(self) -> Config:
        """Return the configuration."""
        return load(self.write())

    def apply(self, verb: str = "buckets", *words: str, fails: bool = False) -> dict[str, Any]:
        """Run `buckets`, or another verb over them, as people do; its account."""
        return self.command(verb, *words, fails=fails)

    def command(self, *words: str, fails: bool = False) -> dict[str, Any]:
        """Run the command line; its account."""
        said, arguments = io.StringIO(), ["--output", "json", "--config", str(self.write())]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            code = main([*words, *arguments], self.world)
        report: dict[str, Any] = json.loads(said.getvalue())
        assert (code == 1) is fails, report
        self.reports.append(report)
        return report

    def run(self, *renew: str, later: float = 0) -> Plan:
        """Plan and apply, as if some time had gone by."""
        now = datetime.now(UTC) + timedelta(seconds=later)
        job = buckets_job.plan(self.load(), self.world, silent(), 0, renew, now)
        apply(job.plan, job.cluster, job.gateways, silent())
        return job.plan

    def wait(self, what: Callable[[], str], patience: float = _PATIENCE_SECONDS) -> None:
        """Wait until nothing is missing any more.

        Args:
            what: Tells what is missing, empty for nothing.
            patience: For how many seconds.
        """
        deadline = time.monotonic() + patience
        while missing := what():
            assert time.monotonic() < deadline, missing
            time.sleep(0.05)

    def announced(self, *receivers: Receiver, among: set[str] | None = None) -> None:
        """Wait until everything that was PUT has arrived at one of some receivers."""
        wanted = set(self.camera.put) if among is None else among

        def missing() -> str:
            left = wanted.difference(*(each.keys for each in receivers))
            return f"not announced: {len(left)} of {len(wanted)}" if left else ""

        self.wait(missing)

    def settle(self, *receivers: Receiver) -> Count:
        """Wait until nothing arrives any more, and count.

        Args:
            receivers: Those that stand for enqueue; one of them has to hear of each object.
        """
        deadline, heard, since = time.monotonic() + _PATIENCE_SECONDS, -1, 0.0
        while time.monotonic() < deadline:
            count = self.count(*receivers)
            if not (count.lost or count.named or count.foreign):
                break
            if (now := count.puts - len(count.lost | count.named)) != heard:
                heard, since = now, time.monotonic()
            # The queue of a topic that was just made is picked up late.
            if not (count.lost or count.foreign) and time.monotonic() - since > _QUIET_SECONDS:
                break
            time.sleep(0.5)
        return self.count(*receivers)

    def count(self, *receivers: Receiver) -> Count:
        """Count what became of what was PUT until now."""
        put = set(self.camera.put)
        missing = put.difference(*(each.keys for each in receivers))
        named = self._named() & missing if missing else set()
        times = [times for each in receivers for key, times in each.arrived.items() if key in put]
        events = sum(map(len, times))
        again = events - len(put - missing)
        foreign = frozenset(put - self.theirs.keys)
        return Count(len(put), frozenset(missing - named), frozenset(named), again, foreign)

    def windows(self) -> Iterator[tuple[float, float]]:
        """Yield the times that the reports name for backfill, in seconds since 1970."""
        for report in self.reports:
            for entry in report["backfill"]:
                assert entry["bucket"] == self.bucket
                yield _seconds(entry["since"]), _seconds(entry["until"])

    def _named(self) -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        windows = list(self.windows())
        return {
            entry["Key"]
            for page in pages
            for entry in page.get("Contents", ())
            if any(since <= entry["LastModified"].timestamp() <= until for since, until in windows)
        }

    def retire(self) -> None:
        """Let the drain time go by, and take away what was left; nothing is to do after that."""
        self.run(later=_RETIREMENT_SECONDS)
        assert self.run(later=2 * _RETIREMENT_SECONDS).changes == ()
        assert {name for name in self.gateway.topics() if name.startswith(self.bucket)} == {
            f"{self.bucket}-theirs",
            *(topic for entry in self.ours() for topic in (entry.topic,)),
        }

    def ours(self) -> list[Notification]:
        """Return the notifications that are not the other team's."""
        found = self.gateway.notifications(self.bucket)
        return [entry for entry in found if entry.name != FOREIGN]

    def close(self) -> None:
        """Take all of it away."""
        for entry in self.gateway.notifications(self.bucket):
            self.gateway.delete_notification(self.bucket, entry.name)
        for name in self.gateway.topics():
            if name.startswith(self.bucket):
                self.gateway.delete_topic(name)
        keys = list(self.camera.put)
        for start in range(0, len(keys), 1000):
            doomed: Any = {"Objects": [{"Key": key} for key in keys[start : start + 1000]]}
            self.s3.delete_objects(Bucket=self.bucket, Delete=doomed)
        self.s3.close()
        for receiver in (self.first, self.second, self.theirs):
            receiver.close()


def silent() -> Report:
    """Return an account that nobody reads."""
    return Report("", io.StringIO(), io.StringIO(), False)


def _seconds(text: str) -> float:
    return times.read(text).timestamp() if text else 0.0
