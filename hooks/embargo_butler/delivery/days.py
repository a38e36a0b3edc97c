"""The bucket's day folders: which of them a time window needs, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from embargo_butler.delivery.stages import is_annex
from embargo_butler.model.ports import Objects, Stored

# An observation day begins at noon (UTC) of its date and ends at the next; files that come late
# are looked for in the folders of two more days.
_DAYS_BEFORE = 2
READERS = 8


@dataclass(frozen=True)
class Window:
    """A span of time in which objects were PUT."""

    since: datetime
    until: datetime

    def holds(self, stored: Stored) -> bool:
        """Whether an object was PUT in it."""
        return self.since.timestamp() <= stored.put <= self.until.timestamp()

    def days(self) -> list[str]:
        """Return the observation days whose folders can hold such objects, `YYYYMMDD`."""
        first = (self.since - timedelta(days=_DAYS_BEFORE)).date()
        last = self.until.date()
        count = (last - first).days + 1
        return [f"{first + timedelta(days=number):%Y%m%d}" for number in range(count)]


def window(since: str, until: str, now: datetime, grace: timedelta) -> Window:
    """Make a window of what was typed.

    Args:
        since: A time (ISO 8601, UTC if it says nothing else) or a span before now: `90m`, `2h`.
        until: Likewise; empty for now but for a grace, as the newest objects are still on the way.
        now: The time.
        grace: That grace.

    Raises:
        ValueError: One of them is neither.
    """
    end = _moment(until, now) if until else now - grace
    begin = _moment(since, now)
    if begin >= end:
        raise ValueError(f"there is no time from {begin:%FT%TZ} to {end:%FT%TZ}")
    return Window(begin, end)


def _moment(text: str, now: datetime) -> datetime:
    if span := re.fullmatch(r"(\d+)([smhd])", text):
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[span[2]]
        return now - timedelta(**{unit: int(span[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a time (2026-06-03T22:00:00Z) nor a span (90m, 2h, 3d)"
        ) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def pages(
    bucket: str, objects: Objects, within: Window, look: Callable[[list[Stored]], None]
) -> int:
    """List the day folders of a window, several at once, and show what was PUT in it.

    Args:
        bucket: The bucket with its profile.
        objects: The bucket.
        within: The window.
        look: Is called with up to 1,000 objects at a time, from several threads.

    Returns:
        How many objects were listed.
    """

    def walk(folder: str) -> int:
        count = 0
        for page in objects.listing(folder):
            count += len(page)
            if inside := [stored for stored in page if within.holds(stored)]:
                look(inside)
        return count

    with ThreadPoolExecutor(READERS, thread_name_prefix="list") as pool:
        tops = objects.folders("")
        homes = [top for found in pool.map(_homes(bucket, objects), tops) for top in found]
        return sum(pool.map(walk, _day_folders(bucket, homes, within.days())))


def of_day(bucket: str, objects: Objects, day: str) -> Iterator[Sequence[Stored]]:
    """Yield all objects of an observation day, `YYYYMMDD`, page by page."""
    homes = [home for top in objects.folders("") for home in _homes(bucket, objects)(top)]
    for folder in _day_folders(bucket, homes, [day]):
        yield from objects.listing(folder)


def day_folder(bucket: str, home: str, day: str) -> str:
    """Return the folder of an observation day, below what an instrument's days are in."""
    return f"{home}{day[:4]}/{day[4:6]}/{day[6:]}/" if is_annex(f"{bucket}/") else f"{home}{day}/"


def _homes(bucket: str, objects: Objects) -> Callable[[str], list[str]]:
    """Return what finds the folders that hold days: of the annex, a CSC's or its generators'."""

    def homes(top: str) -> list[str]:
        if not is_annex(f"{bucket}/"):
            return [top]
        below = objects.folders(top)
        generators = [each for each in below if not re.search(r"/\d{4}/$", each)]
        return [*generators, *([top] if len(generators) < len(below) else [])]

    return homes


def _day_folders(bucket: str, homes: list[str], days: list[str]) -> Iterator[str]:
    return (day_folder(bucket, home, day) for home in homes for day in days)
