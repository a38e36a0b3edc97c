"""The service's environment variables."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What the environment says; one that is set to nothing is not one that is unset."""

    redis_host: str
    redis_password: str
    bucket: str
    butler_repo: str
    webhook_uri: str | None
    max_failures: int
    max_guider_wait: float
    max_ingests: int
    group_lifetime: int
    worker: str
    does: Mapping[str, Any]
    """What this version does where versions differ: a column of `tests/services/versions.py`."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the variables.

        Raises:
            KeyError: One is missing.
            ValueError: One is not a number.
        """
        return cls(
            redis_host=environ["REDIS_HOST"],
            redis_password=environ["REDIS_PASSWORD"],
            bucket=environ["BUCKET"],
            butler_repo=environ["BUTLER_REPO"],
            webhook_uri=environ.get("WEBHOOK_URI"),
            max_failures=int(environ.get("MAX_FAILURES", "3")),
            max_guider_wait=float(environ.get("MAX_GUIDER_WAIT", "5.0")),
            max_ingests=int(environ.get("MAX_INGESTS", "10")),
            group_lifetime=int(environ.get("GROUP_LIFETIME", "86400")),
            worker=socket.gethostname(),
            does=json.loads(environ["STAND_IN"]),
        )

    @property
    def is_lfa(self) -> bool:
        """Whether the bucket holds the Large File Annex: no groups, no visits, no webhook."""
        return "rubinobs-lfa-" in self.bucket

    @property
    def queue(self) -> str:
        """The list that enqueue fills."""
        return f"QUEUE:{self.bucket}"

    @property
    def worker_queue(self) -> str:
        """The list of what this worker has taken and not done."""
        return f"WORKER:{self.bucket}:{self.worker}"
