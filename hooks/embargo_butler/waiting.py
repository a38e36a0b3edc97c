"""Looking again and again until something is so, or the time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator


def until(end: float, pause: float) -> Iterator[float]:
    """Yield for each look the seconds that are left: once at least, and a last time at the end.

    Args:
        end: The monotonic time at which the last look is due.
        pause: Seconds between two looks.
    """
    while True:
        left = end - time.monotonic()
        yield left
        if left <= 0:
            return
        time.sleep(min(pause, left))
