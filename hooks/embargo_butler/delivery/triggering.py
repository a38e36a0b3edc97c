"""Single objects announced by hand: what exists, is for ingest, and is not under way already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.stages import Places, Stage, parse
from embargo_butler.model.ports import Records, Stored


class Fate(StrEnum):
    """What becomes of an object that was asked for."""

    TRIGGERED = "triggered"
    UNMATCHED = "left out: DATASET_REGEXP does not match it"
    UNPARSABLE = "left out: enqueue would fail on its key"
    UNDER_WAY = "left out: it is in the queue, or in a worker's hands"
    DONE = "left out: it is ingested"
    IN_BUTLER = "left out: the Butler has it"


@dataclass(frozen=True)
class Choice:
    """An object that was asked for, and what becomes of it."""

    path: str
    fate: Fate


def choose(
    config: PipelineConfig,
    stored: Sequence[Stored],
    records: Records,
    force: bool,
    known: Callable[[Sequence[str]], set[str]] | None,
) -> list[Choice]:
    """Decide what is triggered.

    Args:
        config: The environment's pipeline.
        stored: Objects that exist.
        records: Redis.
        force: Whether what is ingested, or under way, is triggered too.
        known: Returns those of some paths that the Butler has, which are left out; None: not asked.

    Raises:
        HooksError: Redis, or the Butler, could not be asked.
    """
    paths = list(dict.fromkeys(f"{config.bucket}/{each.key}" for each in stored))
    in_butler = known(paths) if known else set[str]()
    places = Places.read(records, config.bucket)
    choices = []
    for path, record in zip(paths, records.files(paths), strict=True):
        stage = places.stage(path, record)
        fate = Fate.TRIGGERED
        if not config.regexp.search(path):
            fate = Fate.UNMATCHED
        elif parse(path) is None:
            fate = Fate.UNPARSABLE
        elif path in in_butler:
            fate = Fate.IN_BUTLER
        elif stage in (Stage.QUEUED, Stage.WORKING) and not force:
            fate = Fate.UNDER_WAY
        elif stage is Stage.INGESTED and not force:
            fate = Fate.DONE
        choices.append(Choice(path, fate))
    return choices
