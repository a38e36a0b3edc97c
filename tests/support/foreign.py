"""What another team has on our bucket, and is to find there unchanged."""

from __future__ import annotations

from dataclasses import dataclass

from tests.rig import ceph
from tests.support.gateway import Gateway, fingerprints

FOREIGN = ceph.FOREIGN_NAME
"""Prompt Processing's topic, and the Id of its notification."""


@dataclass(frozen=True)
class Foreign:
    """The notification byte for byte, and of the topic's attributes the hashes, at one moment."""

    xml: bytes
    topic: dict[str, str]

    @classmethod
    def observe(cls) -> Foreign:
        """Read both: the notification as the bucket's owner, the topic as its own."""
        xml = Gateway(ceph.FOREIGN_BUCKET).notification_xml(ceph.FOREIGN_BUCKET, FOREIGN)
        attributes = Gateway(ceph.FOREIGN_USER).topic(f"arn:aws:sns:{ceph.REGION}::{FOREIGN}")
        return cls(xml, fingerprints(attributes))
