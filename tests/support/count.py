"""What became of every object that the gateway acknowledged."""

from __future__ import annotations

import csv
import math
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields

from tests.rig.errors import RigError
from tests.rig.listener import RECEIVED
from tests.rig.release import Release
from tests.rig.site import LOGS
from tests.support import connect, received
from tests.support.foreign import Foreign
from tests.support.load import Load
from tests.support.presence import Presence
from tests.support.repository import Repository

FIGURES = LOGS / "nothing-lost.csv"
"""A line for each scenario."""
SLOWEST = 5.0
"""Seconds that no PUT may take on this machine; without any load and change it is below one."""
_INTERVAL = 1.0
_ASKERS = 8


@dataclass
class Count:
    """The result, key by key; all lists are empty when nothing is wrong.

    Attributes:
        put: How many objects were acknowledged.
        refused: Whose PUT failed, be it once before it was acknowledged.
        slow: Whose PUT took longer than `SLOWEST`.
        lost: Not in the Butler.
        surplus: Datasets that are there twice, or of nothing that was put.
        invisible: Science files that presence does not find.
        without_visit: Exposures without exactly one visit, or off the sky and with one.
        waiting: Redis lists that hold anything.
        unannounced: Files of which Prompt Processing's endpoint got no event.
        twice: How many more announcements enqueue counted than objects were put; fewer are none,
            as what is queued by reconcile or backfill is not announced.
        longest: Seconds from the PUT to ingest's note, of the file that took longest.
    """

    put: int
    refused: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    invisible: list[str] = field(default_factory=list)
    without_visit: list[int] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    unannounced: list[str] = field(default_factory=list)
    twice: int = 0
    longest: float = 0.0

    def problems(self) -> dict[str, int]:
        """Return how many of each kind there are, without the kinds of which there are none."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: len(keys) for name, keys in found.items() if isinstance(keys, list) and keys}


class Ledger:
    """Counts a release's objects from the moment at which it is made.

    Args:
        release: The release; its Redis has to answer now.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self._foreign = Foreign.observe(release)
        self._announced = connect.queues(release).announcements()

    def settle(self, load: Load, timeout: float = 300, lost: int = 0) -> Count:
        """Wait until every object is everywhere, and count; what does not come is missing.

        Args:
            load: What was put.
            timeout: Seconds in which nothing more comes.
            lost: How many objects are not to be waited for.

        Raises:
            RigError: Something that is another team's has changed.
        """
        done = {"lost": lost} if lost else {}
        least, deadline = math.inf, 0.0
        with connect.repository(self.release) as repository:
            while (count := self._look(load, repository)).problems() != done:
                left = sum(count.problems().values())
                if left < least:
                    least, deadline = left, time.monotonic() + timeout
                if time.monotonic() > deadline:
                    break
                time.sleep(_INTERVAL)
        if Foreign.observe(self.release) != self._foreign:
            raise RigError(f"Prompt Processing's topic or notification on {self.release.bucket}")
        return count

    def missing(self, load: Load) -> set[str]:
        """Return the paths of what is not in the Butler now."""
        bucket = self.release.bucket
        with connect.repository(self.release) as repository:
            found = {each.uri for each in repository.datasets(load.exposures)}
        return {f"{bucket}/{key}" for key in load.puts if f"s3://{bucket}/{key}" not in found}

    def invisible(self, load: Load) -> list[str]:
        """Return the keys of the science files that presence does not find now."""
        presence = connect.presence(self.release)
        return _invisible(load, presence, f"s3://{self.release.bucket}/")

    def _look(self, load: Load, repository: Repository) -> Count:
        queues = connect.queues(self.release)
        slow = [key for key, put in load.puts.items() if put.acknowledged - put.begun > SLOWEST]
        count = Count(len(load.puts), list(load.refused), slow)
        found = Counter(each.uri for each in repository.datasets(load.exposures))
        where = f"s3://{self.release.bucket}/"
        count.lost = [key for key in load.puts if where + key not in found]
        count.waiting = queues.lists()
        tried = load.puts.keys() | load.refused.keys() | load.excused.keys()
        count.surplus = [
            uri for uri, times in found.items() if times > 1 or uri.removeprefix(where) not in tried
        ]
        if count.lost or count.waiting:
            return count  # the rest takes longer, and cannot be right yet
        visits = Counter(exposure for _, exposure in repository.visits(load.exposures))
        exposures = {
            exposure.exposure_id: exposure
            for exposure in load.exposures
            if load.puts.keys() & exposure.keys.keys()
        }
        count.without_visit = [
            number for number, each in exposures.items() if visits[number] != int(each.on_sky)
        ]
        count.invisible = self.invisible(load)
        heard = received.keys(RECEIVED, bucket=self.release.bucket)
        count.unannounced = [key for key in load.puts if key not in heard]
        count.twice = max(0, queues.announcements() - self._announced - len(load.puts))
        notes = queues.notes(list(load.puts))
        delays = [
            note.ingested - load.puts[key].acknowledged
            for key, note in notes.items()
            if note.ingested is not None
        ]
        count.longest = max(delays, default=math.nan)
        return count


def write_down(row: str, helm: str, load: Load, count: Count, backfill: str = "") -> None:
    """Append a scenario's figures to the table; `backfill` says what had to be done, if so."""
    columns = {
        "row": row,
        "helm": helm,
        "objects": count.put,
        "refused PUTs": len(load.refused),
        "slowest PUT (s)": f"{load.slowest:.2f}",
        "lost": len(count.lost),
        "announced again": count.twice,
        "longest delay (s)": f"{count.longest:.1f}",
        "backfill": backfill or "no",
    }
    new = not FIGURES.exists()
    with FIGURES.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if new:
            writer.writeheader()
        writer.writerow(columns)


def _invisible(load: Load, presence: Presence, where: str) -> list[str]:
    asked = [
        (key, exposure.group, detector.name)
        for exposure in load.exposures
        for key, detector in exposure.keys.items()
        if detector.is_science and key in load.puts
    ]

    def missing(question: tuple[str, str, str]) -> bool:
        key, group, detector = question
        try:
            return presence.ask(group, detector).uri != where + key
        except OSError:
            return True

    with ThreadPoolExecutor(_ASKERS) as pool:
        answers = pool.map(missing, asked)
        return [key for (key, _, _), bad in zip(asked, answers, strict=True) if bad]
