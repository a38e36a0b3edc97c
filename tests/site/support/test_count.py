"""The count of nothing-lost is red for each kind of thing that may be wrong, and for no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.support import connect, count, received
from tests.support.camera import Put
from tests.support.exposure import Exposure
from tests.support.foreign import Foreign
from tests.support.load import Load
from tests.support.presence import Answer
from tests.support.queues import FileNotes

RELEASE = Release("night")
WHERE = f"s3://{RELEASE.bucket}/"
EXPOSURE = Exposure("20260603", 258)
KEYS = list(EXPOSURE.keys)
SCIENCE = next(key for key, detector in EXPOSURE.keys.items() if detector.is_science)


class Site:
    """What a site would say of one exposure, all of it well; a test spoils one thing."""

    def __init__(self) -> None:
        self.announced = 0
        self.foreign = Foreign(b"<NotificationConfiguration/>", {})
        self.uris = [WHERE + key for key in KEYS]
        self.visits = [(0, EXPOSURE.exposure_id)]
        self.lists: list[str] = []
        self.unseen = ""
        self.heard = Counter(KEYS)
        self.load: Any = SimpleNamespace(
            puts={key: Put(key, 99.0, 100.0) for key in KEYS},
            exposures=[EXPOSURE],
            refused={},
            excused={},
        )

    def ask(self, group: str, detector: str) -> Answer:
        [key] = [key for key, each in EXPOSURE.keys.items() if each.name == detector]
        return Answer(200, None if key == self.unseen else WHERE + key)

    @contextmanager
    def repository(self, _: Release) -> Iterator[Any]:
        yield SimpleNamespace(
            datasets=lambda exposures: [SimpleNamespace(uri=uri) for uri in self.uris],
            visits=lambda exposures: self.visits,
        )

    def queues(self, _: Release) -> Any:
        return SimpleNamespace(
            lists=lambda: self.lists,
            announcements=lambda: self.announced,
            notes=lambda keys: {key: FileNotes(101.0, 103.5, None) for key in keys},
        )

    def settled(self) -> count.Count:
        """Have the camera work while nothing else happens, and count."""
        ledger = count.Ledger(RELEASE)
        self.announced += len(KEYS)
        load: Load = self.load
        return ledger.settle(load, timeout=-1)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site()
    monkeypatch.setattr(connect, "queues", made.queues)
    monkeypatch.setattr(connect, "repository", made.repository)
    monkeypatch.setattr(connect, "presence", lambda release: made)
    monkeypatch.setattr(received, "keys", lambda file, bucket: made.heard)
    monkeypatch.setattr(Foreign, "observe", lambda release: made.foreign)
    monkeypatch.setattr(count, "_INTERVAL", 0.0)
    return made


def test_nothing_is_wrong(site: Site) -> None:
    counted = site.settled()
    assert counted.problems() == {}
    assert (counted.put, counted.twice, counted.longest) == (205, 0, 3.5)


def test_one_is_lost(site: Site) -> None:
    site.uris.remove(WHERE + SCIENCE)
    assert site.settled().lost == [SCIENCE]


def test_one_is_in_the_butler_twice(site: Site) -> None:
    site.uris.append(WHERE + SCIENCE)
    assert site.settled().problems() == {"surplus": 1}


def test_one_is_in_the_butler_that_nobody_put(site: Site) -> None:
    site.uris.append(f"{WHERE}other.fits")
    assert site.settled().surplus == [f"{WHERE}other.fits"]


def test_one_was_refused(site: Site) -> None:
    site.load.refused[SCIENCE] = "SlowDown"
    assert site.settled().refused == [SCIENCE]


def test_one_put_was_slow(site: Site) -> None:
    site.load.puts[SCIENCE] = Put(SCIENCE, 94.0, 100.0)
    assert site.settled().problems() == {"slow": 1}


def test_presence_does_not_find_one(site: Site) -> None:
    site.unseen = SCIENCE
    assert site.settled().invisible == [SCIENCE]


@pytest.mark.parametrize("visits", [0, 2])
def test_an_exposure_has_not_one_visit(site: Site, visits: int) -> None:
    site.visits *= visits
    assert site.settled().without_visit == [EXPOSURE.exposure_id]


def test_a_workers_list_is_left(site: Site) -> None:
    site.lists = [f"WORKER:{RELEASE.bucket}:ingest-1"]
    assert site.settled().problems() == {"waiting": 1}


def test_prompt_processing_did_not_hear_of_one(site: Site) -> None:
    del site.heard[SCIENCE]
    assert site.settled().unannounced == [SCIENCE]


def test_announcements_beyond_the_puts_are_counted(site: Site) -> None:
    ledger = count.Ledger(RELEASE)
    site.announced = len(KEYS) + 3
    assert ledger.settle(site.load).twice == 3


def test_what_is_another_teams_has_changed(site: Site) -> None:
    ledger = count.Ledger(RELEASE)
    site.foreign = Foreign(b"", {})
    with pytest.raises(RigError, match="Prompt Processing"):
        ledger.settle(site.load, timeout=-1)
