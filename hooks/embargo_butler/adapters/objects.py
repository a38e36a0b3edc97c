"""The bucket as ingest reads it: with its address and keys, in the ways of lsst.resources."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.handlers import validate_bucket_name
from botocore.session import Session as CoreSession

from embargo_butler.adapters.rgw.hints import hint
from embargo_butler.adapters.why import why
from embargo_butler.errors import ConfigError, GatewayError
from embargo_butler.model.ports import Stored
from embargo_butler.secret import Secret

_CONNECTIONS = 24
_PROFILE = "LSST_RESOURCES_S3_PROFILE_"
_OF_PEOPLE = ("config_file", "credentials_file")


class BucketObjects:
    """One bucket."""

    def __init__(self, bucket: str, env: Mapping[str, Secret]) -> None:
        """Make a client; nothing is sent yet.

        Args:
            bucket: The bucket, with its profile if it has one (`profile@bucket`).
            env: What ingest's environment says about S3.

        Raises:
            ConfigError: It says too little.
        """
        profile, _, self._bucket = bucket.rpartition("@")
        self._endpoint, access, key = _login(profile, env)
        # Everything is said here: a person's own profiles are not looked at, be they broken.
        core = CoreSession(session_vars=dict.fromkeys(_OF_PEOPLE, (None, None, os.devnull, None)))
        core.session_var_map["profile"] = (None, None, None, None)
        self._s3: Any = Session(
            aws_access_key_id=access,
            aws_secret_access_key=key,
            region_name="default",
            botocore_session=core,
        ).client(
            "s3",
            endpoint_url=self._endpoint,
            config=Config(
                max_pool_connections=_CONNECTIONS,
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 5},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        # A tenant stands before the bucket, with a colon that the client takes for a mistake.
        self._s3.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)

    def folders(self, prefix: str) -> list[str]:
        """Return the folders right below a prefix, each with its slash."""
        pages = self._pages(Prefix=prefix, Delimiter="/")
        return [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]

    def listing(self, prefix: str) -> Iterator[Sequence[Stored]]:
        """Yield all objects below a prefix, page by page."""
        for page in self._pages(Prefix=prefix):
            yield [_stored(entry) for entry in page.get("Contents", ())]

    def stored(self, keys: Sequence[str]) -> list[Stored | None]:
        """Return those of some objects that exist, None for the others."""
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="head") as pool:
            return list(pool.map(self._stored, keys))

    def head(self, key: str, count: int) -> bytes:
        """Return the first bytes of an object."""
        with self._telling(f"object {key}", "read"):
            try:
                answer = self._s3.get_object(
                    Bucket=self._bucket, Key=key, Range=f"bytes=0-{count - 1}"
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":
                    return b""  # it is empty
                raise
            content: bytes = answer["Body"].read()
            return content

    def _stored(self, key: str) -> Stored | None:
        try:
            with self._telling(f"object {key}", "look at"):
                answer = self._s3.head_object(Bucket=self._bucket, Key=key)
        except _Absent:
            return None
        return Stored(key, answer["LastModified"].timestamp())

    def _pages(self, **what: str) -> Iterator[Any]:
        with self._telling(f"bucket {self._bucket}, {what['Prefix'] or 'all folders'}", "list"):
            yield from self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, **what
            )

    @contextmanager
    def _telling(self, what: str, verb: str) -> Iterator[None]:
        told = f"{what}: cannot {verb} it with ingest's keys at {self._endpoint}"
        try:
            yield
        except ClientError as error:
            answer: Any = error.response
            status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(answer.get("Error", {}).get("Code") or "no code")
            kind = _Absent if status == 404 else GatewayError
            raise kind(f"{told}: {code} ({status}){hint(code, status, what)}") from None
        except (ConnectionError, HTTPClientError) as error:
            raise GatewayError(f"{told}: the gateway cannot be reached: {why(error)}") from None
        except BotoCoreError as error:
            raise GatewayError(f"{told}: {type(error).__name__}") from None


class _Absent(GatewayError):
    """There is no such object."""


def _stored(entry: Any) -> Stored:
    return Stored(entry["Key"], entry["LastModified"].timestamp())


def _login(profile: str, env: Mapping[str, Secret]) -> tuple[str, str, str]:
    """Return endpoint, access key and secret key."""
    if profile:
        name = f"{_PROFILE}{profile}"
        if name not in env:
            raise ConfigError(f"pipeline.ingest.env.{name}: is missing, but the bucket names it")
        url = urlsplit(env[name].text())
        if not (url.hostname and url.username and url.password):
            raise ConfigError(
                f"pipeline.ingest.env.{name}: is no URL of the form https://ACCESS:SECRET@HOST"
            )
        host = url.netloc.rpartition("@")[2]
        return f"{url.scheme}://{host}", unquote(url.username), unquote(url.password)
    names = ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in names if name not in env]:
        raise ConfigError(f"pipeline.ingest.env.{missing[0]}: is missing, so the bucket is closed")
    endpoint, access, key = (env[name].text() for name in names)
    return endpoint, access, key
