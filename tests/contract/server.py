"""A gateway under test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.secret import Secret

CREATED = frozenset({"s3:ObjectCreated:*"})
ENDPOINT = {"push-endpoint": Secret("http://127.0.0.1:9/notify")}
"""What a topic is made with that nobody listens to."""


@dataclass(frozen=True)
class Server:
    """A gateway and the keys of its users."""

    version: str
    endpoint: str
    region: str
    owner: Mapping[str, str]
    other: Mapping[str, str]
    tenant: Mapping[str, str]

    def gateway(self, who: str = "owner", endpoint: str = "") -> RgwGateway:
        """Return it with a user's keys, as the jobs have it."""
        keys = getattr(self, who)
        access, secret = Secret(keys["access_key"]), Secret(keys["secret_key"])
        return RgwGateway(endpoint or self.endpoint, self.region, keys["user"], access, secret)

    def s3(self, who: str = "owner") -> Any:
        """Return a client of S3 with a user's keys."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=getattr(self, who)["access_key"],
            aws_secret_access_key=getattr(self, who)["secret_key"],
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
