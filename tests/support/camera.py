"""The camera: puts exposures' files into the raw bucket, many at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.exposure import INSTRUMENT


@dataclass(frozen=True)
class Put:
    """One acknowledged PUT: when it was begun and acknowledged (seconds since 1970).

    Attributes:
        retries: How often it had failed before.
    """

    key: str
    begun: float
    acknowledged: float
    retries: int = 0


class Camera:
    """Puts files into the raw bucket with the owner's keys, many at once.

    Args:
        endpoint: URL of the object gateway.
        access_key: The bucket owner's access key.
        secret_key: The bucket owner's secret key.
        bucket: The raw bucket.
        threads: How many PUTs are under way at once.
    """

    def __init__(
        self, endpoint: str, access_key: str, secret_key: str, bucket: str, threads: int = 8
    ) -> None:
        self.bucket = bucket
        self._threads = threads
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name="default",
            config=Config(
                max_pool_connections=threads,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "max_attempts": 5},
            ),
        )

    def put_beside(self, *objects: tuple[str, bytes]) -> None:
        """PUT what nobody counts: sidecars, and the list of what an exposure should have.

        A gateway that is away just then is no fault: the files themselves are counted.
        """
        for key, content in objects:
            with contextlib.suppress(BotoCoreError, ClientError):
                self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def next_seq(self, day: str, controller: str = "O") -> int:
        """Return the first number after all of a controller's exposures of a day."""
        start = f"{INSTRUMENT}/{day}/MC_{controller}_{day}_"
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=start, Delimiter="/"
        )
        taken = [
            int(found["Prefix"].removeprefix(start).rstrip("/"))
            for page in pages
            for found in page.get("CommonPrefixes", [])
        ]
        return max(taken, default=0) + 1

    def put(self, key: str, content: bytes) -> Put:
        """PUT one object."""
        begun = time.time()
        answer = self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return Put(key, begun, time.time(), answer["ResponseMetadata"]["RetryAttempts"])

    def put_all(
        self, files: Iterable[tuple[str, bytes]], on_put: Callable[[Put], None] = lambda put: None
    ) -> list[Put]:
        """PUT files in parallel; the first failure is raised once all have ended.

        Args:
            files: Keys and contents.
            on_put: Called in the calling thread with each acknowledged PUT, in the files' order.
        """
        done = []
        with ThreadPoolExecutor(self._threads) as pool:
            for put in pool.map(lambda file: self.put(*file), list(files)):
                done.append(put)
                on_put(put)
        return done
