"""What another team has on our buckets, and is to find there unchanged."""

from __future__ import annotations

from dataclasses import dataclass

from tests.rig import ceph
from tests.rig.release import Release
from tests.rig.store import REGION
from tests.support.gateway import Gateway, fingerprints

FOREIGN = ceph.FOREIGN_NAME
"""Prompt Processing's topic, and the Id of its notification."""


@dataclass(frozen=True)
class Foreign:
    """The notification byte for byte, and of the topic's attributes the hashes, at one moment."""

    xml: bytes
    topic: dict[str, str]

    @classmethod
    def observe(cls, release: Release) -> Foreign:
        """Read both: the notification as the raw bucket's owner, the topic as its own."""
        bucket = release.bucket
        xml = Gateway(bucket).notification_xml(bucket, FOREIGN)
        attributes = Gateway(ceph.FOREIGN_USER).topic(f"arn:aws:sns:{REGION}::{FOREIGN}")
        return cls(xml, fingerprints(attributes))
