"""A long plan, killed before and after each single call that writes, while the camera goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from embargo_butler.model.resources import Notification
from tests.unit.conftest import Write
from tests.unit.fakes import FakeCluster, FakeGateway, FakeWorld
from tests.unit.jobs.test_buckets import BUCKET, EVENTS, FOREIGN, Site

_GATEWAY_WRITES = (
    *("put_topic", "delete_topic", "put_notification", "delete_notification", "put_policy"),
)
Scenario = Callable[[Site], tuple[str, ...]]


class Killed(BaseException):
    """What a kill looks like from inside."""


def stand_between(monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]) -> None:
    """Have each writing call of a run made by a function.

    Args:
        monkeypatch: Ends it with the test.
        write: Takes what makes the call, the call's name and its arguments.
    """

    def stand(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def between(this: Any, *arguments: Any) -> None:
            write(lambda: real(this, *arguments), name, *arguments)

        monkeypatch.setattr(kind, name, between)

    for name in _GATEWAY_WRITES:
        stand(FakeGateway, name)
    stand(FakeCluster, "apply_config_map")


class Camera:
    """PUTs an object around each writing call; events wait in their topic's queue."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site = site
        self.taken: list[str] = []
        self.announced: set[str] = set()
        self.foreign: set[str] = set()
        self.waiting: dict[str, list[str]] = {}
        self.writes = 0
        self.kill: tuple[int, bool] | None = None
        stand_between(monkeypatch, self._write)

    def _write(self, do: Callable[[], None], name: str, *arguments: Any) -> None:
        self.writes += 1
        number, answered = self.kill or (0, False)
        if number == self.writes and not answered:
            raise Killed
        self.put()
        if name == "delete_topic":
            self.waiting.pop(arguments[0], None)
        do()
        self.put()
        if number == self.writes:
            raise Killed

    def put(self) -> None:
        key = f"image-{len(self.taken)}"
        self.taken.append(key)
        for entry in self.site.store.notifications.get(BUCKET, ()):
            if entry.name == FOREIGN.name:
                self.foreign.add(key)
            elif entry.topic in self.site.store.topics:
                self.waiting.setdefault(entry.topic, []).append(key)

    def deliver(self) -> None:
        for keys in self.waiting.values():
            self.announced.update(keys)
            keys.clear()


def moved(site: Site) -> tuple[str, ...]:
    """Another endpoint, another topic and notification beside, one retired, another policy."""
    site.moves("198.19.200.2")
    topics = site.document["bucketConfig"]["topics"]
    topics["second"] = topics.pop("extra")
    entry = {"topic": "second", "events": sorted(EVENTS)}
    site.bucket["notifications"] = {
        "to-http": site.bucket["notifications"]["to-http"],
        "second": entry,
    }
    site.bucket["grants"]["read"].append("more")
    return ()


def renamed(site: Site) -> tuple[str, ...]:
    topics = site.document["bucketConfig"]["topics"]
    topics["renamed"] = topics.pop(BUCKET)
    site.bucket["notifications"]["to-http"]["topic"] = "renamed"
    return ()


def resealed(site: Site) -> tuple[str, ...]:
    site.secret("new")
    site.attributes["max_retries"] = 3
    return ()


def unqueued(site: Site) -> tuple[str, ...]:
    site.attributes["persistent"] = False
    return ()


def renewed(site: Site) -> tuple[str, ...]:
    return (BUCKET,)


@pytest.fixture
def at(site: dict[str, Any], write: Write, world: FakeWorld) -> Site:
    made = Site(site, write, world)
    topics = made.document["bucketConfig"]["topics"]
    topics["extra"] = {**topics[BUCKET], "attributes": {**made.attributes}}
    made.bucket["notifications"]["extra"] = {"topic": "extra", "events": sorted(EVENTS)}
    made.store.notifications[BUCKET] = [FOREIGN]
    made.run()
    return made


@pytest.mark.parametrize("change", [moved, renamed, resealed, unqueued, renewed])
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 13))
def test_each_is_completed_by_the_next_run_and_nothing_is_lost(
    at: Site, monkeypatch: pytest.MonkeyPatch, change: Scenario, answered: bool, number: int
) -> None:
    camera = Camera(at, monkeypatch)
    renew = change(at)
    camera.kill = (number, answered)
    try:
        at.run(renew=renew)
    except Killed:
        assert all(entry.topic in {*at.store.topics, FOREIGN.topic} for entry in live(at))
    camera.kill = None
    for _ in range(3):
        at.run()
        camera.put()
        camera.deliver()
        at.wait()
    assert at.run() == []
    assert sorted(set(camera.taken) - camera.announced) == []
    assert camera.foreign == set(camera.taken)
    assert live(at)[0] == FOREIGN
    for entry in live(at)[1:]:
        copy = at.store.copies[BUCKET, entry.name]
        assert copy == at.store.topics[entry.topic].attributes, "an older copy of the topic"
    names = [entry.name for entry in live(at)]
    assert len(names) == len(set(names)), "an Id stands there twice"
    used = {entry.topic for entry in live(at)} - {FOREIGN.topic}
    declared = at.document["bucketConfig"]["topics"]
    assert used <= at.store.topics.keys()
    assert len(at.store.topics) == len(declared), "a topic was left behind"


def test_the_kill_points_reach_the_end_of_the_longest_plan(
    at: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(at, monkeypatch)
    moved(at)
    at.run()
    assert 8 < camera.writes <= 12


def live(site: Site) -> list[Notification]:
    return site.store.notifications[BUCKET]
