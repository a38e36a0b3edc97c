"""Changes of every kind one after the other, some of them killed: they come to rest as declared."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from embargo_butler.buckets.inventory import generations
from embargo_butler.cli.job.command import main
from embargo_butler.errors import HooksError
from tests.unit.conftest import Write
from tests.unit.engine.test_kill_points import Killed, stand_between
from tests.unit.fakes import FakeWorld
from tests.unit.jobs.test_buckets import BUCKET, EVENTS, FOREIGN, THEIR_STATEMENT, Site

_WALKS, _STEPS = 25, 12
_DRAINED_SECONDS = 3601
_TOPICS, _IDS = (BUCKET, "second", "third"), ("to-http", "a", "b")


class Walk:
    """A site that people change, not always in a wise order.

    Attributes:
        done: What was changed, and what the run after it did.
    """

    def __init__(self, at: Site, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.at = at
        self.random = random.Random(seed)
        self.done: list[str] = []
        self.topics: dict[str, Any] = at.document["bucketConfig"]["topics"]
        self.notifications: dict[str, Any] = at.bucket["notifications"]
        self._fresh = iter(range(1, 10_000))
        self._deadly: Iterator[bool] = iter(())
        stand_between(monkeypatch, self._write)

    def _write(self, do: Callable[[], None], *_: Any) -> None:
        # Asked twice: a run may die before a call is done, and before its answer.
        if next(self._deadly, False):
            raise Killed
        do()
        if next(self._deadly, False):
            raise Killed

    def step(self) -> None:
        """Change something, and run; four of ten runs are killed somewhere."""
        change = self.random.choice(_CHANGES)
        renew = change(self, self.random.choice(list(self.topics))) or ()
        if self.random.random() < 0.4:
            self._deadly = iter([False] * self.random.randrange(16) + [True])
        self.done.append(f"{change.__name__}: {self.run(renew)}")
        self._deadly = iter(())

    def run(self, renew: tuple[str, ...] = ()) -> str:
        try:
            return ", ".join(self.at.run(renew=renew))
        except Killed:
            return "killed"
        except HooksError as problem:
            return f"refused: {problem}"

    def move(self, _: str) -> None:
        self.at.moves(f"198.19.200.{next(self._fresh) % 250 + 1}")

    def reseal(self, _: str) -> None:
        self.at.secret(f"secret-{next(self._fresh)}")

    def renew(self, topic: str) -> tuple[str, ...]:
        return () if "unconfirmed" in self.topics[topic] else (topic,)

    def retry(self, topic: str) -> None:
        self.topics[topic]["attributes"]["max_retries"] = next(self._fresh)

    def queue(self, topic: str) -> None:
        attributes = self.topics[topic]["attributes"]
        attributes["persistent"] = not attributes["persistent"]

    def share(self, topic: str) -> None:
        if self.topics[topic].pop("shared", None) is None:
            self.topics[topic]["shared"] = ["consumers"]

    def doubt(self, topic: str) -> None:
        entry = self.random.choice([self.topics[topic], *self.notifications.values()])
        if entry.pop("unconfirmed", None) is None:
            entry["unconfirmed"] = "not known yet"

    def rename_topic(self, topic: str) -> None:
        if (name := self.random.choice(_TOPICS)) not in self.topics:
            self.topics[name] = self.topics.pop(topic)
            for entry in self.notifications.values():
                entry["topic"] = name if entry["topic"] == topic else entry["topic"]

    def rename_notification(self, _: str) -> None:
        name = self.random.choice(_IDS)
        if self.notifications and name not in self.notifications:
            self.notifications[name] = self.notifications.pop(
                self.random.choice(list(self.notifications))
            )

    def add(self, _: str) -> None:
        name, other = self.random.choice(_TOPICS), self.random.choice(_IDS)
        if name not in self.topics and other not in self.notifications:
            attributes = {
                "push-endpoint": "http://{{ enqueue.address }}:8080/notify?x",
                "persistent": True,
            }
            self.topics[name] = {"owner": BUCKET, "attributes": attributes}
            self.notifications[other] = {"topic": name, "events": sorted(EVENTS)}

    def remove(self, topic: str) -> None:
        if len(self.topics) > 1:
            del self.topics[topic]
            for name, entry in list(self.notifications.items()):
                if entry["topic"] == topic:
                    del self.notifications[name]

    def retarget(self, topic: str) -> None:
        if self.notifications:
            self.random.choice(list(self.notifications.values()))["topic"] = topic

    def withdraw(self, _: str) -> None:
        live = self.at.store.notifications[BUCKET]
        live[:] = [each for each in live if each == FOREIGN or self.random.random() < 0.3]

    def grant(self, _: str) -> None:
        self.at.bucket["grants"] = {"read": [self.random.choice("xyz")]}

    def wait(self, _: str) -> None:
        self.at.wait(_DRAINED_SECONDS)

    def uninstall(self, _: str) -> None:
        file = str(self.at.write(self.at.document))
        assert main(["clean-up", "--config", file], self.at.world) == 0
        self.reseal("")


_CHANGES: tuple[Callable[[Walk, str], tuple[str, ...] | None], ...] = (
    *(Walk.move, Walk.reseal, Walk.renew, Walk.retry, Walk.queue, Walk.share, Walk.doubt),
    *(Walk.rename_topic, Walk.rename_notification, Walk.add, Walk.remove, Walk.retarget),
    *(Walk.withdraw, Walk.grant, Walk.wait, Walk.uninstall),
)


@pytest.mark.parametrize("follows", [False, True], ids=["16 and 18", "20"])
@pytest.mark.parametrize("seed", range(_WALKS))
def test_changes_and_kills_come_to_rest_as_declared(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    follows: bool,
) -> None:
    at = Site(site, write, world)
    at.store.follows = follows
    at.store.notifications[BUCKET] = [FOREIGN]
    at.store.policies[BUCKET] = [THEIR_STATEMENT]
    at.bucket["foreign"] = [FOREIGN.name]
    at.run()
    walk = Walk(at, monkeypatch, seed)
    for _ in range(_STEPS):
        walk.step()
        names = [name for name, _ in at.ids()]
        assert len(names) == len(set(names)), ("an Id stands there twice", walk.done)
        assert FOREIGN in at.store.notifications[BUCKET], walk.done
        assert THEIR_STATEMENT in at.store.policies[BUCKET], walk.done
    # What a person would have to say by name is said: here it is the rest that counts.
    ids = [name for name, _ in at.ids() if name != FOREIGN.name]
    at.bucket["retired"] = {
        "notifications": unwanted(ids, walk.notifications),
        "topics": unwanted(at.store.topics, walk.topics),
    }
    for entry in (*walk.topics.values(), *walk.notifications.values()):
        entry.pop("unconfirmed", None)
    for _ in range(3):
        walk.done.append(walk.run())
        at.wait(_DRAINED_SECONDS)
    assert walk.run() == "", walk.done
    at_rest(walk)


def unwanted(there: Iterable[str], declared: Iterable[str]) -> list[str]:
    kept = {name for each in declared for name in (each, *generations(each, there))}
    return [name for name in there if name not in kept]


def at_rest(walk: Walk) -> None:
    """Each declared notification is there once, on its topic, and knows what that is now."""
    store = walk.at.store
    for name, entry in walk.notifications.items():
        [live] = (
            each
            for each in store.notifications[BUCKET]
            if each.name == name or generations(name, [each.name])
        )
        topic = entry["topic"]
        assert live.topic == topic or generations(topic, [live.topic]), walk.done
        assert live.topic in store.topics, walk.done
        if not store.follows:
            copy = store.copies[BUCKET, live.name]
            assert copy == store.topics[live.topic].attributes, walk.done
