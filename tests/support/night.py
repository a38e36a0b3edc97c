"""A few exposures at the camera's pace, with some files PUT again, watched until all is quiet."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.rig.command import wait_for
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.support import connect
from tests.support.camera import Camera
from tests.support.exposure import Exposure
from tests.support.journey import Journey, Stage
from tests.support.watch import Watcher

CADENCE = 20.0
"""Seconds from one exposure to the next."""
REPEAT_EVERY = 10


@dataclass(frozen=True)
class Night:
    """What was taken, and what was seen of it."""

    watcher: Watcher
    repeated: tuple[str, ...]
    stray: str
    announcements: int

    @property
    def journey(self) -> Journey:
        """How far each file came."""
        return self.watcher.journey

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """The exposures in the order in which they were taken."""
        return self.journey.exposures


def take(release: Release, count: int, timeout: float) -> Night:
    """Take exposures and wait until every file has arrived and every announcement is worked off.

    Args:
        release: Whose camera it is.
        count: How many exposures.
        timeout: Seconds for all of it.

    Raises:
        RigError: Something has not arrived in time, or waits in a queue for ever.
    """
    camera = connect.camera(release)
    day = Exposure.now(0).day
    first = camera.next_seq(day)
    begin = datetime.now(UTC)
    exposures = [
        Exposure(day, first + number, begun=begin + timedelta(seconds=CADENCE * number))
        for number in range(count)
    ]
    with connect.watcher(release, exposures) as watcher:
        journey = watcher.journey
        announced_before = watcher.queues.announcements(day)
        # The first PUT of all, so that it has long been announced to all when the others have come.
        stray = camera.put(f"{exposures[0].prefix}notes.txt", b"Seeing 0.7 arcsec.\n").key
        deadline = time.monotonic() + timeout
        with ThreadPoolExecutor(1) as pool:
            repeated = pool.submit(_take_all, camera, journey)

            def on_look() -> None:
                if repeated.done():
                    repeated.result()  # raises what the camera's PUT raised

            arrived = watcher.until_complete(timeout, on_look)
            again = tuple(repeated.result())
        if not arrived:
            missing = {str(stage): journey.missing(stage)[:5] for stage in Stage}
            raise RigError(f"after {timeout:g} s: {missing}; failures: {watcher.failures()}")
    due = len(journey.detectors) + len(again)
    announcements = wait_for(
        f"enqueue counts {due} announcements, repeated ones too",
        lambda: max(0, watcher.queues.announcements(day) - announced_before - due + 1),
        timeout=max(1.0, deadline - time.monotonic()),
    )
    wait_for(
        "no file is in a queue or with a worker",
        lambda: not watcher.queues.lists(),
        timeout=max(1.0, deadline - time.monotonic()),
    )
    return Night(watcher, again, stray, announcements + due - 1)


def _take_all(camera: Camera, journey: Journey) -> list[str]:
    """Take the exposures when each is due; PUT every tenth file again at once."""
    begin = time.monotonic()
    again: list[str] = []
    for number, exposure in enumerate(journey.exposures):
        files = dict(exposure.files())
        # The pace is the camera's, not a wait for anything.
        time.sleep(max(0.0, begin + CADENCE * number - time.monotonic()))
        camera.put_beside(exposure.listing())
        camera.put_all(files.items(), journey.note_put)
        # In no promised order: what comes late is read by nobody.
        camera.put_beside(*(exposure.sidecar(key) for key in list(files)[::REPEAT_EVERY]))
        repeats = list(files)[::REPEAT_EVERY]
        camera.put_all((key, files[key]) for key in repeats)
        again += repeats
    return again
