"""What the object store tells enqueue of a new object.

Source: Ceph's documentation, "S3 Bucket Notifications Compatibility", as far as enqueue reads it.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def notification(bucket: str, keys: Sequence[str], opaque: str) -> dict[str, Any]:
    """Return a notification about some objects.

    Args:
        bucket: The bucket, without a profile.
        keys: The objects' keys.
        opaque: What proves that it comes from the object store; empty for Kafka.
    """
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return {
        "Records": [
            {
                "eventVersion": "2.2",
                # enqueue's Kafka consumer skips what begins with "s3:".
                "eventName": "ObjectCreated:Put",
                "eventTime": now,
                "eventSource": "embargo-butler:trigger",
                "s3": {
                    "bucket": {"name": bucket},
                    "object": {"key": urllib.parse.quote_plus(key, safe="/")},
                },
                "opaqueData": opaque,
            }
            for key in keys
        ]
    }
