"""The camera at work while something else happens: exposures, single files, and what was taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice

from botocore.exceptions import BotoCoreError, ClientError

from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.support import connect
from tests.support.camera import Put
from tests.support.exposure import Exposure

CADENCE = 20.0
"""Seconds from one exposure to the next."""
_SINGLE_EVERY = 1.0
_SINGLES = "CPS"
"""Single files are exposures of other controllers, each of which counts by itself."""
_KINDS = ("OBJECT", "ACQ", "OBJECT", "BIAS", "OBJECT", "DARK", "OBJECT", "FLAT")
_AT_ONCE = 8
_CALM = 5.0
"""Seconds for which nothing may be under way: a gateway that was away announces again later."""


class Load:
    """PUTs an exposure of 205 files every 20 s and single files in between, from enter to exit.

    Attributes:
        puts: Every acknowledged PUT by its key.
        exposures: What they are of.
        refused: The keys whose PUT failed, be it once before it was acknowledged, each with why.
        excused: Likewise, while the test had the gateway away.
    """

    def __init__(self, release: Release) -> None:
        self.puts: dict[str, Put] = {}
        self.exposures: list[Exposure] = []
        self.refused: dict[str, str] = {}
        self.excused: dict[str, str] = {}
        self._gateway_is_away = False
        self._camera = connect.camera(release)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take, name=f"camera of {release.name}")
        self._failure: BaseException | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def wait(self, what: str, probe: Callable[[], object], timeout: float = 120) -> None:
        """Go on taking images until something is so; fail at once if the camera does."""

        def look() -> bool:
            if self._failure:
                raise self._failure
            return bool(probe())

        wait_for(what, look, timeout)

    def wait_for_more(self, files: int = 100) -> None:
        """Go on until so many more files were acknowledged: what follows is in mid-batch."""
        due = len(self.puts) + files
        self.wait(f"the camera has put {due} files", lambda: len(self.puts) >= due)

    def rest(self, what: str, probe: Callable[[], object], timeout: float = 300) -> None:
        """Wait, after the last image, until something is so and stays so for a while."""
        since: list[float] = []

        def calm() -> bool:
            if not probe():
                since.clear()
            elif not since:
                since.append(time.monotonic())
            return bool(since) and time.monotonic() - since[0] > _CALM

        wait_for(what, calm, timeout)

    def go_on(self, seconds: float) -> None:
        """Go on for so long."""
        until = time.monotonic() + seconds
        self.wait("the time is over", lambda: time.monotonic() > until, seconds + 10)

    @contextmanager
    def without_gateway(self) -> Iterator[None]:
        """Expect PUTs to fail as long as the context lasts: nobody acknowledges them."""
        self._gateway_is_away = True
        try:
            yield
        finally:
            self._gateway_is_away = False

    @property
    def slowest(self) -> float:
        """Seconds that the slowest acknowledged PUT took."""
        return max(put.acknowledged - put.begun for put in self.puts.values())

    def _take(self) -> None:
        try:
            day = Exposure.now(0).day
            singles = count(max(self._camera.next_seq(day, each) for each in _SINGLES))
            exposures = count(self._camera.next_seq(day))
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                while not self._stop.is_set():
                    due = time.monotonic() + CADENCE
                    exposure = Exposure.now(next(exposures))
                    self._camera.put_beside(exposure.listing())
                    self._put(pool, exposure, exposure.files())
                    while time.monotonic() < due and not self._stop.wait(_SINGLE_EVERY):
                        number = next(singles)
                        kind = _KINDS[number % len(_KINDS)]
                        who = _SINGLES[number % len(_SINGLES)]
                        exposure = replace(Exposure.now(number), controller=who, kind=kind)
                        [(key, content)] = islice(exposure.files(), 1)
                        if number % 5 > 1:  # of some of each kind and controller
                            self._camera.put_beside(exposure.sidecar(key))
                        self._put(pool, exposure, [(key, content)])
        except BaseException as error:  # raised again where it is seen
            self._failure = error

    def _put(
        self, pool: ThreadPoolExecutor, exposure: Exposure, files: Iterable[tuple[str, bytes]]
    ) -> None:
        self.exposures.append(exposure)
        list(pool.map(lambda file: self.put(*file), files))

    def put(self, key: str, content: bytes) -> None:
        """PUT one file, and write down how it went."""
        expected = self._gateway_is_away
        try:
            put = self.puts[key] = self._camera.put(key, content)
        except (ClientError, BotoCoreError) as error:
            why = str(error)
        else:
            why = f"acknowledged after {put.retries} retries" if put.retries else ""
        if why:
            failed = self.excused if expected or self._gateway_is_away else self.refused
            failed[key] = why
