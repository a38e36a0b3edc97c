"""What became of a night's files: delays, detectors, failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import groupby
from statistics import median, quantiles

from embargo_butler.delivery.exposures import named
from embargo_butler.delivery.focal_plane import expected
from embargo_butler.delivery.stages import Stage, parse

BIN_SECONDS = 300
_MANY_TIMES = 10
_RAFT = 0.96
"""What a raft fills of its place, so that rafts stand apart."""
_CORNERS = {"SG0": (0, 0), "SG1": (0, 1), "SW0": (1, 0), "SW1": (1, 1)}


@dataclass(frozen=True)
class Arrival:
    """One file of the night; times are seconds since 1970, 0 for never.

    Attributes:
        path: Bucket, with its profile, and key.
        put: When it was PUT.
        ingested: When it was in the Butler.
        stage: How far it has come.
        why: Why it came no further; empty if it did.
        received: When it was announced, or queued again.
    """

    path: str
    put: float
    ingested: float
    stage: Stage
    why: str = ""
    received: float = 0.0

    @property
    def delay(self) -> float:
        """Seconds from PUT to ingested. The store's times are whole seconds, so it may be 0."""
        return max(0.0, self.ingested - self.put)

    @property
    def name(self) -> str:
        """The exposure and detector, as `trace` takes them, or the key."""
        found = parse(self.path)
        key = self.path.partition("/")[2]
        return named(found.exposure, found.detector, key) if found else key


@dataclass(frozen=True)
class Taken:
    """One exposure of the night.

    Attributes:
        exposure: Its name.
        expected: How many files it should have.
        there: How many are in the bucket.
        announced: Of how many enqueue has heard.
        ingested: How many are in the Butler.
        unsent: The detectors whose files are not in the bucket.
    """

    exposure: str
    expected: int
    there: int
    announced: int
    ingested: int
    unsent: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether every file is where it should be."""
        return not self.unsent and self.ingested == self.there


@dataclass(frozen=True)
class Spread:
    """Delays of some files: how many, and in seconds their median, 95th percentile and largest."""

    count: int
    median: float
    p95: float
    largest: float

    @classmethod
    def of(cls, delays: Sequence[float]) -> Spread:
        """Describe some delays; those of no file are all 0."""
        if len(delays) < 2:
            one = delays[0] if delays else 0.0
            return cls(len(delays), one, one, one)
        p95 = quantiles(delays, n=20, method="inclusive")[18]
        return cls(len(delays), median(delays), p95, max(delays))


@dataclass(frozen=True)
class Night:
    """What came in a night.

    Attributes:
        environment: The environment's name.
        day: The observation day, `YYYYMMDD`.
        written: When the bucket was looked through.
        arrivals: Its files.
        listed: What each exposure's list holds of what it should have, by the exposure's folder.
    """

    environment: str
    day: str
    written: datetime
    arrivals: Sequence[Arrival]
    listed: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def exposures(self) -> list[Taken]:
        """The exposures of the night, each with how far its files have come; none of the annex."""
        files: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
        for each in self.arrivals:
            if (name := parse(each.path)) and name.exposure:
                files[name.instrument, name.exposure].append(each)
        return [self._taken(*key, found) for key, found in sorted(files.items())]

    def _taken(self, instrument: str, exposure: str, found: Sequence[Arrival]) -> Taken:
        folder = found[0].path.partition("/")[2].rpartition("/")[0]
        due = expected(instrument, self.listed.get(folder, b""))
        there = {name.detector for each in found if (name := parse(each.path))}
        return Taken(
            exposure,
            len(due) or len(there),
            len(there),
            sum(bool(each.received) for each in found),
            sum(each.stage is Stage.INGESTED for each in found),
            tuple(each for each in due if each not in there),
        )

    @cached_property
    def done(self) -> list[Arrival]:
        """The files of which Redis still knows when they were ingested, by the time of PUT."""
        return sorted((each for each in self.arrivals if each.ingested), key=lambda each: each.put)

    @cached_property
    def spread(self) -> Spread:
        """The delays of the whole night."""
        return Spread.of([each.delay for each in self.done])

    @property
    def outliers(self) -> list[Arrival]:
        """The files that took ten times as long as the middle one, the slowest first."""
        limit = _MANY_TIMES * max(1.0, self.spread.median)
        found = [each for each in self.done if each.delay > limit]
        return sorted(found, key=lambda each: -each.delay)

    def bins(self) -> list[tuple[float, Spread]]:
        """Return the delays of five minutes each, by their beginning."""
        groups = groupby(self.done, key=lambda each: each.put // BIN_SECONDS * BIN_SECONDS)
        return [(begin, Spread.of([each.delay for each in group])) for begin, group in groups]

    def stages(self) -> dict[str, int]:
        """Return how many files stand at each stage, those that are done first."""
        counts = dict.fromkeys(Stage, 0)
        for each in self.arrivals:
            counts[each.stage] += 1
        return {str(stage): counts[stage] for stage in reversed(Stage) if counts[stage]}

    def failures(self) -> list[tuple[str, list[Arrival]]]:
        """Return the files that were given up, or never announced, by their reason."""
        groups: dict[str, list[Arrival]] = defaultdict(list)
        for each in self.arrivals:
            if each.stage in (Stage.DROPPED, Stage.UNSEEN):
                groups[each.why or str(each.stage)].append(each)
        return sorted(groups.items(), key=lambda item: -len(item[1]))

    def instruments(self) -> dict[str, tuple[int, int]]:
        """Return of each instrument the files in the bucket and those ingested."""
        found: dict[str, tuple[int, int]] = {}
        for each in self.arrivals:
            name = parse(each.path)
            instrument = name.instrument if name else "not to be taken apart"
            there, done = found.get(instrument, (0, 0))
            found[instrument] = (there + 1, done + (each.stage is Stage.INGESTED))
        return dict(sorted(found.items()))

    def detectors(self) -> list[Cell]:
        """Return LSSTCam's detectors, each with its files."""
        counts: dict[str, tuple[int, int]] = {}
        for each in self.arrivals:
            name = parse(each.path)
            if name and name.instrument == "LSSTCam":
                there, done = counts.get(name.detector, (0, 0))
                counts[name.detector] = (there + 1, done + (each.stage is Stage.INGESTED))
        cells = [_cell(name, *both) for name, both in sorted(counts.items())]
        return [cell for cell in cells if cell]


@dataclass(frozen=True)
class Cell:
    """A detector in the focal plane, in units of a raft from the lower left corner."""

    name: str
    x: float
    y: float
    size: float
    there: int
    done: int

    @property
    def kind(self) -> str:
        """A word for its colour."""
        return "whole" if self.done == self.there else "none" if not self.done else "part"


def _cell(name: str, there: int, done: int) -> Cell | None:
    raft, _, rest = name.partition("_")
    slot = rest.partition("_")[0]
    if len(raft) != 3 or not raft[1:].isdigit():
        return None
    row, column = int(raft[1]), int(raft[2])
    if slot in _CORNERS:
        inner_row, inner_column = _CORNERS[slot]
        size = _RAFT / 2
    elif len(slot) == 3 and slot[1:].isdigit():
        inner_row, inner_column = int(slot[1]), int(slot[2])
        size = _RAFT / 3
    else:
        return None
    x, y = column + inner_column * size, row + inner_row * size
    return Cell(name, x, y, size, there, done)
