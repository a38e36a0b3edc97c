"""A camera that PUTs images into a bucket, and remembers what the gateway acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from embargo_butler.delivery.focal_plane import expected

PUTS_A_SECOND = 20
_WRITERS = 4
_PATIENCE_SECONDS = 60


class Camera:
    """PUTs as long as its context lasts.

    Attributes:
        put: The keys that were acknowledged, with the times of PUT and answer, in seconds since
            1970.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        """Take a client and the bucket's name."""
        self.put: dict[str, tuple[float, float]] = {}
        self._s3 = s3
        self._bucket = bucket
        self._next = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._problems: list[Exception] = []
        self._parts = expected("LSSTCam")

    @contextmanager
    def working(self) -> Iterator[None]:
        """PUT beside what the block does.

        Raises:
            AssertionError: The gateway refused a PUT.
        """
        self._stop.clear()
        begun, first = time.monotonic(), self._next
        threads = [
            threading.Thread(target=self._write, args=(begun, first)) for _ in range(_WRITERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        assert not self._problems, self._problems[0]

    def more(self, seconds: float) -> None:
        """Wait until it has PUT for some seconds more."""
        goal = len(self.put) + seconds * PUTS_A_SECOND
        deadline = time.monotonic() + seconds + _PATIENCE_SECONDS
        while len(self.put) < goal and not self._problems:
            assert time.monotonic() < deadline, "the camera is too slow"
            time.sleep(0.01)

    def _write(self, begun: float, first: int) -> None:
        while True:
            with self._lock:
                number, self._next = self._next, self._next + 1
            due = begun + (number - first) / PUTS_A_SECOND
            if self._stop.wait(max(due - time.monotonic(), 0)):
                return
            key = self._key(number)
            before = time.time()
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=b"")
            except Exception as problem:
                self._problems.append(problem)
                return
            self.put[key] = before, time.time()

    def _key(self, number: int) -> str:
        exposure, part = divmod(number, len(self._parts))
        day = f"{datetime.now(UTC):%Y%m%d}"
        name = f"MC_O_{day}_{exposure:06d}"
        return f"LSSTCam/{day}/{name}/{name}_{self._parts[part]}.fits"
