"""What Redis is told of each file: the worker's list, the counters, the groups."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import requests
from lsst.daf.butler import FileDataset
from lsst.resources import ResourcePath

import headers
from paths import parse
from repository import DuplicateIngestError, UndefinedExposureError
from settings import Settings

DUPLICATE = "Datastore already contains"
WEBHOOK_TIMEOUT = 0.5

logger = logging.getLogger(__name__)


@dataclass
class Ledger:
    """Keeps the books of one worker."""

    r: Any
    settings: Settings
    waiting: dict[str, float] = field(default_factory=dict)
    """When a guider of an exposure that is not there was first met."""

    def record_groups(self, resources: list[ResourcePath]) -> None:
        """Write down where each image is, for the presence service: before it is ingested.

        Whatever S3 answers to the first question but "yes" and "no such object" ends the process.
        """
        with self.r.pipeline() as pipe:
            for resource in resources:
                if not resource.exists():
                    continue
                try:
                    self._record_group(pipe, resource, headers.for_groups(resource))
                except Exception:
                    logger.exception("Error reading snap/detector for %s", resource)
            pipe.execute()

    def _record_group(self, pipe: Any, resource: ResourcePath, header: headers.Header) -> None:
        if "GROUPID" not in header:
            return
        instrument, detector = headers.instrument(header), headers.detector(header)
        snap = int(header["CURINDEX"]) - 1
        key = f"GROUP:{instrument}:{header['GROUPID']}:{snap}:{detector}"
        pipe.set(key, str(resource))
        pipe.expire(key, self.settings.group_lifetime)

    def success(self, datasets: list[FileDataset]) -> None:
        """Count files that are in the Butler now, and tell the webhook of them."""
        arrived: dict[str, list[str]] = {}
        for dataset in datasets:
            logger.info("Ingested %s", dataset)
            info = parse(ResourcePath(dataset.path).geturl())
            with self.r.pipeline() as pipe:
                pipe.lrem(self.settings.worker_queue, 0, info.path)
                pipe.hset(f"FILE:{info.path}", "ingest_time", str(time.time()))
                pipe.hincrby(f"INGEST:{info.bucket}:{info.instrument}", info.obs_day, 1)
                pipe.execute()
            if self.settings.does["posts_each_file"]:
                self._tell(vars(info))
            elif not self.settings.is_lfa:
                arrived.setdefault(info.exp_id, []).append(info.filename)  # type: ignore[attr-defined]
            if self.settings.does["annex_breaks_off"]:
                # A file of the LFA has no exp_id: the real service breaks off here, too, after the
                # first file of a batch.
                self.waiting.pop(info.exp_id, None)  # type: ignore[attr-defined]
        for exp_id, filenames in arrived.items():
            self._tell({"exp_id": exp_id, "filenames": filenames})

    def _tell(self, message: dict[str, Any]) -> None:
        if not self.settings.webhook_uri:
            return
        try:
            answer = requests.post(self.settings.webhook_uri, json=message, timeout=WEBHOOK_TIMEOUT)
            logger.info("Webhook response %s: %s", message, answer)
        except Exception:
            if self.settings.does["refused_post_aborts"]:
                raise
            logger.exception("Webhook exception for %s", message)

    def metadata_failure(self, resource: ResourcePath, error: Exception) -> None:
        """Drop a file whose header cannot be read: it is not tried again."""
        logger.error("Failed to translate metadata for %s: %s", resource, error)
        info = parse(resource.geturl())
        with self.r.pipeline() as pipe:
            pipe.hincrby(f"FAIL:{info.bucket}:{info.instrument}", info.obs_day, 1)
            pipe.hset(f"FILE:{info.path}", "md_fail_exc", str(error))
            pipe.lrem(self.settings.worker_queue, 0, info.path)
            pipe.execute()

    def ingest_failure(self, resources: list[ResourcePath], error: Exception) -> None:
        """Count a failure of the one file of a run, and drop it when it has had its chances.

        Raises:
            DuplicateIngestError: The file is in the Butler already.
        """
        (resource,) = resources
        logger.info("Failed to ingest %s: %s", resource, error)
        info = parse(resource.geturl())
        if DUPLICATE in str(error) and not self.settings.does["duplicates_fail"]:
            logger.info("Already ingested %s", info.path)
            self.drop(info.path)
            raise DuplicateIngestError
        logger.warning("Marking for retry %s", info.path)
        file = f"FILE:{info.path}"
        with self.r.pipeline() as pipe:
            pipe.hincrby(f"FAIL:{info.bucket}:{info.instrument}", info.obs_day, 1)
            pipe.hset(file, "ing_fail_exc", str(error))
            pipe.hincrby(file, "ing_fail_count", 1)
            pipe.execute()
        # Where the second failure drops, it is the one alone: the worker sees to that.
        if int(self.r.hget(file, "ing_fail_count")) >= self.settings.max_failures:
            logger.error("Giving up on %s", info.path)
            self.drop(info.path)

    def undefined_exposure(self, resource: ResourcePath, obs_id: str) -> None:
        """Let a guider wait for its exposure, or drop it when it has waited long enough.

        Raises:
            UndefinedExposureError: Always, so that the caller pauses.
        """
        since = self.waiting.setdefault(obs_id, time.time())
        if since + self.settings.max_guider_wait <= time.time():
            info = parse(resource.geturl())
            with self.r.pipeline() as pipe:
                pipe.hincrby(f"FAIL:{info.bucket}:{info.instrument}", info.obs_day, 1)
                pipe.hset(f"FILE:{info.path}", "ing_fail_exc", "Max wait")
                pipe.execute()
            logger.error("Giving up on %s", info.path)
            self.drop(info.path)
            del self.waiting[obs_id]
        raise UndefinedExposureError

    def drop(self, path: str) -> None:
        """Take a path off the worker's list."""
        self.r.lrem(self.settings.worker_queue, 0, path)
