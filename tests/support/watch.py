"""Watches files on their way: asks all parts of the site how far they have come."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tests.support.exposure import Exposure
from tests.support.journey import Journey, Stage
from tests.support.presence import Presence
from tests.support.queues import Queues


class Finder(Protocol):
    """Knows which files the Butler has."""

    def found(self, exposures: Iterable[Exposure]) -> set[str]:
        """Return the keys of the exposures' files that are there."""


class Watcher:
    """Fills in a journey by looking at Redis, the Butler and presence.

    Args:
        journey: What is watched.
        queues: The release's Redis.
        repository: The Butler repository.
        presence: The presence service.
    """

    def __init__(
        self, journey: Journey, queues: Queues, repository: Finder, presence: Presence
    ) -> None:
        self.journey = journey
        self.queues = queues
        self.repository = repository
        self.presence = presence

    def look(self) -> None:
        """Look once at everything that is still on its way."""
        self._look_at_presence()
        self._look_at_redis()
        self._look_at_butler()

    def until_complete(
        self, timeout: float, on_look: Callable[[], None] = lambda: None, interval: float = 0.3
    ) -> bool:
        """Look until all files have arrived everywhere; return whether they have in time."""
        deadline = time.monotonic() + timeout
        while True:
            self.look()
            on_look()
            if self.journey.complete:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(interval)

    def failures(self) -> dict[str, str]:
        """Return what ingest noted of the files that it failed on, and has not ingested."""
        notes = self.queues.notes(list(self.journey.detectors))
        return {
            key: note.failure for key, note in notes.items() if note.failure and not note.ingested
        }

    def _look_at_redis(self) -> None:
        now = time.time()
        waiting = self.queues.waiting()
        unsettled = {*self.journey.missing(Stage.ANNOUNCED), *self.journey.missing(Stage.INGESTED)}
        notes = self.queues.notes([key for key in unsettled if self.journey.furthest(key)])
        for key, note in notes.items():
            if note.announced is not None:
                self.journey.note(Stage.ANNOUNCED, key, note.announced)
            if note.ingested is not None:
                self.journey.note(Stage.INGESTED, key, note.ingested)
        # Seen in the queue, or already through it. Enqueue pushes a key just before it notes the
        # time, which therefore is the better time of the two.
        ingested = {key for key, note in notes.items() if note.ingested is not None}
        for key in (ingested | set(waiting)) & self.journey.detectors.keys():
            announced = self.journey.time(Stage.ANNOUNCED, key)
            self.journey.note(Stage.QUEUED, key, now if announced is None else announced)

    def _look_at_butler(self) -> None:
        missing = set(self.journey.missing(Stage.FOUND))
        under_way = [
            exposure
            for exposure in self.journey.exposures
            if any(
                key in missing and self.journey.time(Stage.QUEUED, key) is not None
                for key in exposure.keys
            )
        ]
        if not under_way:
            return
        found = self.repository.found(under_way)
        now = time.time()
        for key in found & missing:
            self.journey.note(Stage.FOUND, key, now)

    def _look_at_presence(self) -> None:
        # Redis says of which files an answer is to be had, so that the service, which has a small
        # CPU limit, is not asked hundreds of times for nothing. What counts is what it answers.
        missing: dict[Exposure, dict[str, str]] = defaultdict(dict)
        for exposure in self.journey.exposures:
            for key, detector in exposure.keys.items():
                if detector.is_science and self.journey.time(Stage.PRESENT, key) is None:
                    missing[exposure][detector.name] = key
        questions = [
            (exposure, name, names[name])
            for exposure, names in missing.items()
            for name in self.queues.answerable(exposure, list(names))
        ]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda question: self._ask(*question), questions))

    def _ask(self, exposure: Exposure, detector: str, key: str) -> None:
        try:
            uri = self.presence.ask(exposure.group, detector).uri
        except OSError:
            return  # no answer is not an answer: it is asked again at the next look
        if uri == f"s3://{self.queues.bucket}/{key}":
            self.journey.note(Stage.PRESENT, key, time.time())
