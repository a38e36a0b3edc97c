"""Topics and notifications as the object gateway keeps them, for one of its users."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.rig import ceph, credentials
from tests.rig.site import RGW_URL
from tests.rig.store import REGION


@dataclass(frozen=True)
class Notification:
    """A bucket notification: its Id and the ARN of its topic."""

    id: str
    topic: str


class Gateway:
    """The site's object gateway, used with one user's keys.

    Args:
        user: The user, as the gateway knows it.
    """

    def __init__(self, user: str) -> None:
        keys = credentials.load().s3(user)
        self._credentials = Credentials(keys.access_key, keys.secret_key)
        self._http = urllib3.PoolManager(timeout=30, retries=False)
        self._s3 = ceph.client("s3", user)
        self._sns = ceph.client("sns", user)

    def notification_xml(self, bucket: str, notification: str) -> bytes:
        """Return one notification of a bucket exactly as the gateway writes it."""
        return self._signed("GET", bucket, notification)

    def notifications(self, bucket: str) -> list[Notification]:
        """Return a bucket's notifications."""
        found = self._s3.get_bucket_notification_configuration(Bucket=bucket)
        return [
            Notification(entry["Id"], entry["TopicArn"])
            for entry in found.get("TopicConfigurations", [])
        ]

    def topic(self, arn: str) -> dict[str, str]:
        """Return a topic's attributes; they hold secrets, so never print them."""
        attributes: dict[str, str] = self._sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        return attributes

    def forget(self, bucket: str, notification: Notification) -> None:
        """Delete a notification and then its topic."""
        self.unsubscribe(bucket, notification)
        self._sns.delete_topic(TopicArn=notification.topic)

    def unsubscribe(self, bucket: str, notification: Notification) -> None:
        """Delete a notification; its topic stays."""
        self._signed("DELETE", bucket, notification.id)

    def _signed(self, method: str, bucket: str, notification: str) -> bytes:
        # A single notification is an extension of the gateway's that S3 clients do not know.
        url = f"{RGW_URL}/{bucket}?notification={quote(notification, safe='')}"
        request = AWSRequest(method, url)
        S3SigV4Auth(self._credentials, "s3", REGION).add_auth(request)
        response = self._http.request(method, url, headers=dict(request.headers))
        if response.status >= 300:
            raise OSError(f"{method} {url}: HTTP {response.status}\n{response.data.decode()}")
        return response.data


def endpoint(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return what a topic's attributes say of its endpoint; never print it either."""
    found: dict[str, Any] = json.loads(attributes["EndPoint"])
    return found


def fingerprints(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return a short hash of each value, so that a failed comparison does not show the values."""
    return {
        name: hashlib.sha256(value.encode()).hexdigest()[:12] for name, value in secrets.items()
    }
