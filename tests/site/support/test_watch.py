"""The watcher: which signs of the services count as which stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from tests.support.camera import Put
from tests.support.detectors import Detector
from tests.support.exposure import Exposure
from tests.support.journey import Journey, Stage
from tests.support.presence import Answer, Presence
from tests.support.queues import FileNotes, Queues
from tests.support.watch import Watcher

EXPOSURE = Exposure("20260603", 258)
SCIENCE = EXPOSURE.key(Detector("R22", "S11"))
GUIDER = EXPOSURE.key(Detector("R00", "SG0"))


class FakeQueues(Queues):
    def __init__(self) -> None:
        self.bucket = "rubin-summit"
        self.noted: dict[str, FileNotes] = {}
        self.queue: list[str] = []
        self.groups: set[str] = set()

    def notes(self, keys: Sequence[str]) -> dict[str, FileNotes]:
        return {key: self.noted[key] for key in keys if key in self.noted}

    def waiting(self) -> list[str]:
        return self.queue

    def answerable(self, exposure: Exposure, detectors: Sequence[str]) -> list[str]:
        return [name for name in detectors if name in self.groups]


class FakePresence(Presence):
    def __init__(self) -> None:
        self.uri: str | None = None

    def ask(self, group: str, detector: str) -> Answer:
        return Answer(200, self.uri)


class FakeRepository:
    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.asked = 0

    def found(self, exposures: Iterable[Exposure]) -> set[str]:
        self.asked += 1
        return self.keys


@pytest.fixture
def watcher() -> Watcher:
    journey = Journey([EXPOSURE])
    journey.note_put(Put(SCIENCE, 99.0, 100.0))
    return Watcher(journey, FakeQueues(), FakeRepository(), FakePresence())


def fakes(watcher: Watcher) -> tuple[FakeQueues, FakeRepository, FakePresence]:
    queues, repository, presence = watcher.queues, watcher.repository, watcher.presence
    assert isinstance(queues, FakeQueues)
    assert isinstance(repository, FakeRepository)
    assert isinstance(presence, FakePresence)
    return queues, repository, presence


def test_nothing_seen(watcher: Watcher) -> None:
    watcher.look()
    assert watcher.journey.furthest(SCIENCE) is Stage.PUT
    assert fakes(watcher)[1].asked == 0


def test_announced_file_is_queued_only_when_seen_so(watcher: Watcher) -> None:
    queues, _, _ = fakes(watcher)
    queues.noted[SCIENCE] = FileNotes(100.5, None, None)
    watcher.look()
    assert watcher.journey.furthest(SCIENCE) is Stage.ANNOUNCED
    queues.queue = [SCIENCE, "LSSTCam/of/another/exposure.fits"]
    watcher.look()
    assert watcher.journey.time(Stage.QUEUED, SCIENCE) == 100.5


def test_ingested_file_was_queued(watcher: Watcher) -> None:
    queues, _, _ = fakes(watcher)
    queues.noted[SCIENCE] = FileNotes(100.5, 103.0, None)
    watcher.look()
    assert watcher.journey.time(Stage.QUEUED, SCIENCE) == 100.5
    assert watcher.journey.time(Stage.INGESTED, SCIENCE) == 103.0
    assert watcher.journey.time(Stage.FOUND, SCIENCE) is None


def test_repeated_announcement_does_not_move_the_first(watcher: Watcher) -> None:
    queues, _, _ = fakes(watcher)
    queues.noted[SCIENCE] = FileNotes(100.5, None, None)
    watcher.look()
    queues.noted[SCIENCE] = FileNotes(130.0, 131.0, None)
    watcher.look()
    assert watcher.journey.time(Stage.ANNOUNCED, SCIENCE) == 100.5


def test_found_only_when_the_butler_has_it(watcher: Watcher) -> None:
    queues, repository, _ = fakes(watcher)
    queues.queue = [SCIENCE, GUIDER]
    repository.keys = {GUIDER}
    watcher.look()
    assert watcher.journey.time(Stage.FOUND, GUIDER) is not None
    assert watcher.journey.time(Stage.FOUND, SCIENCE) is None


@pytest.mark.parametrize(
    ("uri", "present"),
    [
        (None, False),
        ("s3://rubin-summit/another.fits", False),
        (f"s3://rubin-summit/{SCIENCE}", True),
    ],
)
def test_present_only_with_the_right_answer(
    watcher: Watcher, uri: str | None, present: bool
) -> None:
    queues, _, presence = fakes(watcher)
    queues.groups = {"R22_S11"}
    presence.uri = uri
    watcher.look()
    assert (watcher.journey.time(Stage.PRESENT, SCIENCE) is not None) is present


def test_gives_up_at_the_deadline(watcher: Watcher) -> None:
    looks: list[None] = []
    assert not watcher.until_complete(0.05, lambda: looks.append(None), interval=0.01)
    assert len(looks) > 1


def test_failures_are_those_that_ingest_noted(watcher: Watcher) -> None:
    queues, _, _ = fakes(watcher)
    queues.noted = {
        SCIENCE: FileNotes(1.0, None, "SQL"),
        GUIDER: FileNotes(1.0, 2.0, None),
    }
    assert watcher.failures() == {SCIENCE: "SQL"}
