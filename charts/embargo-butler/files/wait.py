"""Run ingest so that it can wait for images for as long as none come.

    python wait.py ingest/ingest.py

With nothing to do the service asks Redis to answer when there is something (BLMOVE without a
timeout). redis-py lets a read take any time before version 8, so that a Redis whose node has
vanished is waited for for ever; from 8 on it allows 5 s, and after ten more tries, 58 s in all, the
service ends. Here any version allows a read the same time, and Redis is asked in rounds that are
shorter: one that ends without an image is followed by the next.
"""

from __future__ import annotations

import functools
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

ROUND_SECONDS = 20
READ_SECONDS = 30


def in_rounds(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a BLMOVE that may wait for ever wait in rounds."""

    @functools.wraps(method)
    def call(client: Any, *words: Any, **options: Any) -> Any:
        if words[0] != "BLMOVE" or words[-1] != 0:
            return method(client, *words, **options)
        while (moved := method(client, *words[:-1], ROUND_SECONDS, **options)) is None:
            pass
        return moved

    return call


def main() -> None:
    """Run the script that is named, as Python would."""
    init: Any = functools.partialmethod(redis.Redis.__init__, socket_timeout=READ_SECONDS)
    redis.Redis.__init__ = init  # type: ignore[method-assign]
    redis.Redis.execute_command = in_rounds(redis.Redis.execute_command)  # type: ignore[method-assign]
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
