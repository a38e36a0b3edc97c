"""The files of a day that ingest has given up, by what Redis has noted of them.

A backfill finds them by the bucket's listing, together with what was never announced. For a look
that must be quick, Redis alone tells, and no more than the day is read of it.
"""

from __future__ import annotations

from collections.abc import Callable

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.days import day_folder
from embargo_butler.delivery.stages import Places, Stage, why_dropped
from embargo_butler.model.ports import Objects, Records

_LOOKED_AT = 500


def given_up(
    config: PipelineConfig,
    objects: Callable[[], Objects],
    records: Records,
    instrument: str,
    day: str,
) -> list[tuple[str, str]]:
    """Return the path of each, and why.

    What somebody has deleted since is none: that is looked at for the first ones.

    Args:
        config: The environment's pipeline.
        objects: Connects to the bucket, if there is anything to ask it.
        records: Redis.
        instrument: As the counters name it.
        day: The observation day.

    Raises:
        HooksError: Redis, or the bucket, could not be read.
    """
    paths = records.failed(f"{config.bucket}/{day_folder(config.bucket, f'{instrument}/', day)}")
    if not paths:
        return []
    # Where a failure is only noted, the file may wait for its next try.
    places = Places.read(records, config.bucket)
    noted = zip(paths, records.files(paths), strict=True)
    found = [
        (path, why_dropped(record))
        for path, record in noted
        if places.stage(path, record) is Stage.DROPPED
    ]
    first, rest = found[:_LOOKED_AT], found[_LOOKED_AT:]
    keys = [path.removeprefix(f"{config.bucket}/") for path, _ in first]
    there = objects().stored(keys) if keys else []
    return [each for each, stored in zip(first, there, strict=True) if stored] + rest
