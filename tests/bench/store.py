"""Many buckets on a real gateway, each with notifications and a policy."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.buckets import policy
from embargo_butler.config.buckets import BucketSpec, Grant
from embargo_butler.secret import Secret
from tests.rig import ceph, credentials
from tests.rig.store import REGION, Store

OWNER = "bench-owner"
NOTIFICATIONS = ("first", "second", "third")
_EVENT = "s3:ObjectCreated:*"
_AT_ONCE, _ATTEMPTS = 16, 5
_SHARING = 10
"""Buckets to a topic: with many more, Ceph 16 takes ever longer to put a notification."""


class ManyBuckets:
    """Buckets of an owner of their own, who may have more than a thousand.

    Attributes:
        name: What all names begin with.
        topics: The topics' ARNs by name; so many buckets share one.
        names: The buckets, as far as they were made.
    """

    def __init__(self, store: Store = ceph.STORE) -> None:
        """Have the owner."""
        self.store = store
        store.ensure_user(OWNER)
        store.admin("user", "modify", "--uid", OWNER, "--max-buckets", "100000")
        self.name = f"bench-{secrets.token_hex(4)}"
        self.topics: dict[str, str] = {}
        self.names: list[str] = []
        self.endpoint = "http://127.0.0.1:9/notify"
        self._gateway = self.gateway()
        self._s3, self._sns = store.client("s3", OWNER), store.client("sns", OWNER)

    def gateway(self) -> RgwGateway:
        """Return a gateway that nothing was sent over."""
        keys = credentials.load().s3(OWNER)
        access, secret = Secret(keys.access_key), Secret(keys.secret_key)
        return RgwGateway(self.store.url, REGION, OWNER, access, secret)

    def grow(self, size: int) -> None:
        """Have so many buckets."""
        fresh = [f"{self.name}-{number}" for number in range(len(self.names), size)]
        for topic in {self.topic(name) for name in fresh} - self.topics.keys():
            attributes = {"push-endpoint": self.endpoint}
            made = self._sns.create_topic(Name=topic, Attributes=attributes)
            self.topics[topic] = made["TopicArn"]
        self._all(self._make, fresh)
        # One after the other: of several at once, Ceph 16 answers most with 500.
        for name in fresh:
            self._announce(name)
        self.names += fresh

    def topic(self, bucket: str) -> str:
        """Return the topic that a bucket announces to."""
        number = int(bucket.rpartition("-")[2])
        return f"{self.name}-{number // _SHARING}"

    def declared(self, size: int) -> dict[str, Any]:
        """Return the `bucketConfig` of the first of them, without where the keys are."""
        names = self.names[:size]
        return {
            "endpoint": self.store.url,
            "region": REGION,
            "owners": {OWNER: {"path": "owner"}},
            "topics": {
                topic: {"owner": OWNER, "attributes": {"push-endpoint": self.endpoint}}
                for topic in dict.fromkeys(map(self.topic, names))
            },
            "buckets": {
                name: {
                    "owner": OWNER,
                    "grants": {"read": ["somebody"]},
                    "notifications": {
                        each: {"topic": self.topic(name), "events": [_EVENT]}
                        for each in NOTIFICATIONS
                    },
                }
                for name in names
            },
        }

    def remove(self) -> None:
        """Take all of it away, and what an interrupted run has left."""
        left = [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]
        self._all(lambda name: self._s3.delete_bucket(Bucket=name), left)
        for topic in self.topics.values():
            self._sns.delete_topic(TopicArn=topic)

    def _announce(self, name: str) -> None:
        arn = self.topics[self.topic(name)]
        entries = [{"Id": each, "TopicArn": arn, "Events": [_EVENT]} for each in NOTIFICATIONS]
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._s3.put_bucket_notification_configuration(
                    Bucket=name, NotificationConfiguration={"TopicConfigurations": entries}
                )
                return
            except ClientError:  # somebody else's on the same gateway
                if not left:
                    raise

    def _make(self, name: str) -> None:
        self._s3.create_bucket(Bucket=name)
        spec = BucketSpec(
            name,
            OWNER,
            True,
            (Grant("read", ("somebody",)),),
        )
        # As somebody has put it by hand: it says the same, so that nothing is to be written.
        by_hand = [{**each, "Sid": "hand"} for each in policy.declared(spec, "bench")]
        self._gateway.put_policy(name, by_hand)

    def _all(self, do: Callable[[str], object], names: Iterable[str]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(do, names))
