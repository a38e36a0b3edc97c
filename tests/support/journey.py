"""How far each file of some exposures has come, when, and how long each step took."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from tests.support.camera import Put
from tests.support.exposure import Exposure


class Stage(StrEnum):
    """What a file goes through, in the order in which it is counted."""

    PUT = "PUT"
    ANNOUNCED = "announced"
    QUEUED = "queued"
    INGESTED = "ingested"
    FOUND = "in the Butler"
    PRESENT = "present"


CAUSES = {
    Stage.ANNOUNCED: Stage.PUT,
    Stage.QUEUED: Stage.ANNOUNCED,
    Stage.INGESTED: Stage.QUEUED,
    Stage.FOUND: Stage.QUEUED,
    Stage.PRESENT: Stage.QUEUED,
}
"""What a step's time counts from. Ingest writes what presence reads before it asks the Butler to
take the file, and its own note after that, so these three do not wait for each other."""


@dataclass(frozen=True)
class Latency:
    """Seconds that a step took, over all files."""

    median: float
    p95: float
    maximum: float

    @classmethod
    def of(cls, seconds: Collection[float]) -> Latency | None:
        """Sum up; None for no file at all. The 95th percentile is by nearest rank."""
        if not seconds:
            return None
        ordered = sorted(seconds)
        rank = math.ceil(0.95 * len(ordered))
        return cls(median(ordered), ordered[rank - 1], ordered[-1])


class Journey:
    """The times at which the files of some exposures were first seen at each stage."""

    def __init__(self, exposures: Iterable[Exposure]) -> None:
        self.exposures = tuple(exposures)
        self.detectors = {k: d for exposure in self.exposures for k, d in exposure.keys.items()}
        self._seen: dict[Stage, dict[str, float]] = {stage: {} for stage in Stage}
        self._begun: dict[str, float] = {}

    def note(self, stage: Stage, key: str, when: float) -> None:
        """Note that a file was at a stage at a time; the earliest note counts.

        Raises:
            KeyError: The file is of none of these exposures.
        """
        if key not in self.detectors:
            raise KeyError(f"{key} is of none of {[exposure.name for exposure in self.exposures]}")
        times = self._seen[stage]
        times[key] = min(when, times.get(key, when))

    def note_put(self, put: Put) -> None:
        """Note an acknowledged PUT."""
        if put.key not in self._begun:
            self._begun[put.key] = put.begun
        self.note(Stage.PUT, put.key, put.acknowledged)

    def time(self, stage: Stage, key: str) -> float | None:
        """Return when a file reached a stage."""
        return self._seen[stage].get(key)

    def expected(self, stage: Stage) -> list[str]:
        """Return the files that are to reach a stage: presence knows science detectors only."""
        if stage is Stage.PRESENT:
            return [key for key, detector in self.detectors.items() if detector.is_science]
        return list(self.detectors)

    def reached(self, stage: Stage) -> int:
        """Return how many files have reached a stage."""
        return len(self._seen[stage])

    def missing(self, stage: Stage) -> list[str]:
        """Return the files that have still to reach a stage."""
        seen = self._seen[stage]
        return [key for key in self.expected(stage) if key not in seen]

    @property
    def complete(self) -> bool:
        """Whether every file has reached every stage."""
        return not any(self.missing(stage) for stage in Stage)

    def furthest(self, key: str) -> Stage | None:
        """Return the last stage that a file has reached."""
        return next((stage for stage in reversed(Stage) if key in self._seen[stage]), None)

    def step(self, stage: Stage) -> Latency | None:
        """Return what a stage took from its cause; for PUT, from the request to its answer."""
        return self._latency(stage, self._seen[CAUSES[stage]] if stage in CAUSES else self._begun)

    def since_put(self, stage: Stage) -> Latency | None:
        """Return how long after the acknowledged PUT files were at a stage."""
        return self._latency(stage, self._seen[Stage.PUT])

    def _latency(self, stage: Stage, starts: dict[str, float]) -> Latency | None:
        # The gateway may announce an object a moment before the PUT's answer has come back.
        return Latency.of(
            [
                max(0.0, when - starts[key])
                for key, when in self._seen[stage].items()
                if key in starts
            ]
        )
