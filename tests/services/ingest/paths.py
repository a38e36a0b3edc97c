"""What the path of an object, bucket and profile included, says about it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass
class Lfa:
    """A file of the Large File Annex."""

    path: str
    bucket: str
    instrument: str
    filename: str
    obs_day: str


@dataclass
class Exposure(Lfa):
    """A file of an exposure."""

    exp_id: str
    instrument_code: str
    controller: str
    seq_num: str


def parse(path: str) -> Lfa:
    """Return what a path says, with or without `s3://` before it.

    Raises:
        ValueError: The path has another number of parts than its kind has.
    """
    path = path.removeprefix("s3://")
    try:
        parts = path.split("/")
        if "rubinobs-lfa-" in path:
            if len(parts) == 8:
                del parts[6]  # a folder of its own, as a movie's frames have
            if len(parts) == 7:
                parts[1:3] = [f"{parts[1]}/{parts[2]}"]
            bucket, instrument, year, month, day, filename = parts
            return Lfa(path, bucket, instrument, filename, year + month + day)
        bucket, instrument, day, exp_id, filename = parts
        code, controller, own_day, seq_num = exp_id.split("_")
        if own_day != day:
            logger.warning("Mismatched observation dates: %s", path)
        return Exposure(path, bucket, instrument, filename, day, exp_id, code, controller, seq_num)
    except Exception:
        logger.exception("Unable to parse: %s", path)
        raise
