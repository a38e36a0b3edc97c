"""Exposures and keys as people name them, and what the bucket has of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from embargo_butler.delivery.stages import parse
from embargo_butler.errors import GatewayError
from embargo_butler.model.ports import Objects, Stored

_EXPOSURE = re.compile(r"(?P<exposure>[A-Za-z]+_[A-Za-z]_(?P<day>\d{8})_\d+)(_(?P<part>\w+))?")
_NEAREST = 5


@dataclass(frozen=True)
class Subject:
    """What was asked for, found in the bucket.

    Attributes:
        instrument: The instrument, empty for a single key that is of no exposure.
        day: The observation day.
        exposure: The exposure.
        part: The detector that was asked for, empty for all.
        stored: The objects there are.
    """

    instrument: str
    day: str
    exposure: str
    part: str
    stored: tuple[Stored, ...]


def find(text: str, objects: Objects, bucket: str) -> Subject:
    """Find an exposure (`MC_O_20260603_000258`), one detector of it (`..._R22_S11`), or a key.

    Raises:
        GatewayError: There is none; the nearest ones that there are, are named.
    """
    if "/" in text:
        return _key(text, objects, bucket)
    match = _EXPOSURE.fullmatch(text.partition(".")[0])
    if match is None:
        raise GatewayError(
            f"{text}: is neither an exposure (MC_O_20260603_000258), nor one detector of it "
            "(MC_O_20260603_000258_R22_S11), nor an object's key"
        )
    exposure, day, part = match["exposure"], match["day"], match["part"] or ""
    for top in objects.folders(""):
        folder = f"{top}{day}/{exposure}/"
        stored = [each for page in objects.listing(folder) for each in page]
        chosen = [each for each in stored if _part(each.key, exposure).startswith(part)]
        if chosen:
            return Subject(top.rstrip("/"), day, exposure, part, tuple(chosen))
        if stored:
            raise _unknown(text, [f"{exposure}_{_part(each.key, exposure)}" for each in stored])
    raise _unknown(text, _around(day, objects))


def named(exposure: str, detector: str, key: str) -> str:
    """Return how `find` is asked for a file, or for the whole exposure if no detector is given.

    It is asked for by its key, where the name of its folder or its own is not as the camera's are.
    """
    text = f"{exposure}_{detector}" if detector else exposure
    return text if _EXPOSURE.fullmatch(text) else key


def _key(text: str, objects: Objects, bucket: str) -> Subject:
    (found,) = objects.stored([text])
    if found is None:
        folder = text.rpartition("/")[0] + "/"
        there = [each.key for page in objects.listing(folder) for each in page]
        raise _unknown(text, there or objects.folders(folder.rpartition("/")[0][:-1]))
    name = parse(f"{bucket}/{text}")
    if name is None:
        return Subject("", "", "", _part(text, ""), (found,))
    exposure = name.exposure
    return Subject(name.instrument, name.day, exposure, _part(text, exposure), (found,))


def _around(day: str, objects: Objects) -> list[str]:
    """Return the exposures of a day, or of the last day before it that has any."""
    found: list[str] = []
    for top in objects.folders(""):
        days = [each for each in objects.folders(top) if each <= f"{top}{day}/"]
        for folder in days[-1:]:
            found += [each.rstrip("/").rpartition("/")[2] for each in objects.folders(folder)]
    return found


def _unknown(text: str, there: Sequence[str]) -> GatewayError:
    nearest = difflib.get_close_matches(text, there, _NEAREST, cutoff=0.5)
    hint = f"; the nearest there: {', '.join(nearest)}" if nearest else "; nothing like it is there"
    return GatewayError(f"{text}: is not in the bucket{hint}")


def _part(key: str, exposure: str) -> str:
    return key.rpartition("/")[2].removeprefix(f"{exposure}_").partition(".")[0]
