"""Stand-in for the ingest service: takes object names from Redis, puts the images into a Butler."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from typing import Any

import redis
from lsst.daf.butler import Butler, DimensionRecord
from lsst.resources import ResourcePath

import guiders
import visits
from ledger import Ledger
from paths import parse
from raws import RawIngester
from repository import DuplicateIngestError, Hooks, Repository, UndefinedExposureError
from settings import Settings

GUIDER_PAUSE = 0.5
"""Seconds before guiders whose exposure is not there are tried again."""

logger = logging.getLogger(__name__)


class Worker:
    """One worker: a list in Redis, and what is done with it.

    Args:
        r: Redis.
        repository: Where images go.
        settings: The environment.
    """

    def __init__(self, r: Any, repository: Repository, settings: Settings) -> None:
        self._r = r
        self._repository = repository
        self._settings = settings
        self._does = settings.does
        self._ledger = Ledger(r, settings)
        # In a batch nobody is told of failed inserts: each file is tried again alone.
        self._batch = Hooks(self._ledger.success, self._ledger.metadata_failure)
        self._alone = Hooks(
            self._ledger.success,
            self._ledger.metadata_failure,
            self._ledger.ingest_failure,
            self._ledger.undefined_exposure,
        )
        self._raws = RawIngester(repository, self._batch, settings)
        self._single_raws = RawIngester(repository, self._alone, settings)

    def process(self) -> None:
        """Ingest everything on the worker's list, raws before guiders."""
        queue = self._settings.worker_queue
        if self._r.llen(queue) == 0:
            return
        taken = [path.decode() for path in self._r.lrange(queue, 0, -1)]
        guided = {path for path in taken if "_guider" in path and self._does["guiders"]}
        raws = [ResourcePath(f"s3://{path}") for path in taken if path not in guided]
        waiting = [ResourcePath(f"s3://{path}") for path in taken if path in guided]
        if raws:
            if not self._settings.is_lfa:
                self._ledger.record_groups(raws)
            self._ingest_raws(raws)
        if waiting:
            self._ingest_guiders(waiting)

    def take(self) -> None:
        """Wait for work if there is none, then take as much as there is, up to the maximum."""
        queue, worker_queue = self._settings.queue, self._settings.worker_queue
        count = self._r.llen(worker_queue)
        if count == 0:
            self._r.blmove(queue, worker_queue, 0, "RIGHT", "LEFT")
            count = 1
        while count < self._settings.max_ingests and self._r.lmove(
            queue, worker_queue, "RIGHT", "LEFT"
        ):
            count += 1

    def _ingest_raws(self, resources: list[ResourcePath]) -> None:
        logger.info("Ingesting %s", resources)
        if self._does["second_failure_drops"]:
            arrived = self._all_or_each(resources)
            if self._does["visits_by_batch"] and not self._settings.is_lfa:
                for exposure in {each.id: each for each in arrived}.values():
                    visits.define(self._repository.butler, exposure)
            return
        try:
            self._raws.run(resources)
        except RuntimeError:
            for resource in resources:
                try:
                    self._single_raws.run([resource])
                except DuplicateIngestError:
                    pass
                except Exception:
                    logger.exception("Error while ingesting %s", resource)
        except Exception:
            # Nothing was counted and nothing comes off the list: this repeats at once.
            logger.exception("Error while ingesting %s", resources)

    def _all_or_each(self, resources: list[ResourcePath]) -> list[DimensionRecord]:
        """Ingest a batch, or each file alone, and drop what fails then, whatever it is."""
        arrived: list[DimensionRecord] = []
        try:
            return self._raws.run(resources)
        except Exception:
            logger.exception("Error while ingesting %s, retrying one by one", resources)
        for resource in resources:
            try:
                arrived += self._single_raws.run([resource])
            except Exception:
                logger.exception("Error while ingesting %s", resource)
                self._ledger.drop(parse(resource.geturl()).path)
        return arrived

    def _ingest_guiders(self, resources: list[ResourcePath]) -> None:
        logger.info("Ingesting %s", resources)
        try:
            guiders.ingest(self._repository, resources, self._batch)
        except RuntimeError:
            pause = False
            for resource in resources:
                try:
                    guiders.ingest(self._repository, [resource], self._alone)
                except DuplicateIngestError:
                    pass
                except UndefinedExposureError:
                    pause = True
                except Exception:
                    logger.exception("Error while ingesting %s", resource)
            if pause:
                time.sleep(GUIDER_PAUSE)
        except Exception:
            logger.exception("Error while ingesting %s", resources)


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


def main() -> None:
    """Work for ever; a SIGTERM is not handled, so the first process of a container ignores it."""
    configure_logging()
    settings = Settings.read()
    logger.info("Stand-in for %(tag)s, which behaves as %(version)s", settings.does)
    r = redis.Redis(host=settings.redis_host, password=settings.redis_password)
    if settings.bucket.startswith("rubin:"):
        # A tenant before the bucket is no valid bucket name for the S3 client.
        os.environ["LSST_DISABLE_BUCKET_VALIDATION"] = "1"
    logger.info("Initializing Butler from %s", settings.butler_repo)
    with Butler.from_config(settings.butler_repo, writeable=True) as butler:
        worker = Worker(r, Repository(butler), settings)
        logger.info("Waiting on %s", settings.worker_queue)
        while True:
            worker.process()
            worker.take()


if __name__ == "__main__":
    main()
