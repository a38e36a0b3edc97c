"""A night as the bucket and Redis have it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery import focal_plane
from embargo_butler.delivery.days import READERS, of_day
from embargo_butler.delivery.night import Arrival, Night
from embargo_butler.delivery.stages import Places, why_dropped
from embargo_butler.errors import HooksError
from embargo_butler.model.ports import Objects, Records


def look(
    environment: str, config: PipelineConfig, objects: Objects, records: Records, day: str
) -> Night:
    """Look through a night; writes nothing.

    Args:
        environment: The environment's name.
        config: Its pipeline.
        objects: The bucket.
        records: Redis.
        day: The observation day, `YYYYMMDD`.

    Raises:
        HooksError: It is no day, or the bucket or Redis could not be read.
    """
    try:
        datetime.strptime(day, "%Y%m%d")
    except ValueError:
        raise HooksError(f"--night {day}: expected an observation day, YYYYMMDD") from None
    places = Places.read(records, config.bucket)
    arrivals, lists = [], []
    for listed in of_day(config.bucket, objects, day):
        lists += [stored for stored in listed if focal_plane.is_listing(stored.key)]
        put = {f"{config.bucket}/{stored.key}": stored.put for stored in listed}
        paths = [path for path in put if config.regexp.search(path)]
        for path, record in zip(paths, records.files(paths), strict=True):
            stage, why = places.stage(path, record), why_dropped(record)
            arrivals.append(Arrival(path, put[path], record.ingested, stage, why, record.received))
    with ThreadPoolExecutor(READERS, thread_name_prefix="lists") as pool:
        contents = pool.map(lambda stored: focal_plane.listing([stored], objects), lists)
        said = {
            stored.key.rpartition("/")[0]: content
            for stored, content in zip(lists, contents, strict=True)
        }
    return Night(environment, day, datetime.now(UTC), arrivals, said)
