"""Stand-in for the idle service: the lists of workers that stand still go back to the queue."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from typing import Any

import redis

IDLE_MAX: float = 10
"""Seconds between two looks, and seconds without a change after which a list is given back."""

logger = logging.getLogger(__name__)


def configure_logging() -> None:
    """Log to standard error, at the levels that LOG_CONFIG asks for."""
    logging.basicConfig(
        level=logging.INFO,
        format="{levelname} {asctime} {name} ({filename}:{lineno}) - {message}",
        style="{",
        stream=sys.stderr,
        force=True,
    )
    for component, level in re.findall(r"(?:([\w.]*)=)?(\w+)", os.environ.get("LOG_CONFIG", "")):
        logging.getLogger("lsst" if component == "." else component).setLevel(level)


def restore(r: Any) -> None:
    """Give back every worker's list that has not changed for more than `IDLE_MAX` seconds."""
    for worker in r.scan_iter("WORKER:*"):
        idle = r.object("idletime", worker)
        if idle is None:
            continue  # it was worked off since it was found
        if idle > IDLE_MAX:
            logger.info("Restoring idle queue %s (%f sec)", worker, idle)
            # The second field is the bucket, unless a tenant stands before it.
            queue = f"QUEUE:{worker.decode().split(':')[1]}"
            while r.lmove(worker, queue, "RIGHT", "LEFT") is not None:
                pass
            logger.info("Done restoring idle queue %s", worker)


def main() -> None:
    """Look again and again; whatever Redis refuses ends the process."""
    configure_logging()
    r = redis.Redis(host=os.environ["REDIS_HOST"], password=os.environ["REDIS_PASSWORD"])
    while True:
        time.sleep(IDLE_MAX)
        logger.debug("Checking for idle queues")
        restore(r)


if __name__ == "__main__":
    main()
