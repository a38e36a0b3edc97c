"""Many buckets on a real gateway, each with notifications and a policy."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from embargo_hooks import policy
from embargo_hooks._buckets_config import BucketSpec
from embargo_hooks.adapters.rgw import RgwGateway
from embargo_hooks.secret import Secret
from tests.rig import ceph, credentials
from tests.rig.store import REGION, Store

OWNER = "bench-owner"
NOTIFICATIONS = ("first", "second", "third")
_EVENT = "s3:ObjectCreated:*"
_AT_ONCE = 16


class ManyBuckets:
    """Buckets of an owner of their own, who may have more than a thousand.

    Attributes:
        topic: The one topic that all of them announce to.
        names: The buckets, as far as they were made.
    """

    def __init__(self, store: Store = ceph.STORE) -> None:
        """Have the owner and the topic."""
        self.store = store
        store.ensure_user(OWNER)
        store.admin("user", "modify", "--uid", OWNER, "--max-buckets", "100000")
        self.topic = f"bench-{secrets.token_hex(4)}"
        self.names: list[str] = []
        self.endpoint = "http://127.0.0.1:9/notify"
        self._gateway = self.gateway()
        self._s3, self._sns = store.client("s3", OWNER), store.client("sns", OWNER)
        attributes = {"push-endpoint": self.endpoint}
        self.arn: str = self._sns.create_topic(Name=self.topic, Attributes=attributes)["TopicArn"]

    def gateway(self) -> RgwGateway:
        """Return a gateway that nothing was sent over."""
        keys = credentials.load().s3(OWNER)
        access, secret = Secret(keys.access_key), Secret(keys.secret_key)
        return RgwGateway(self.store.url, REGION, OWNER, access, secret)

    def grow(self, count: int) -> None:
        """Have so many buckets."""
        fresh = [f"{self.topic}-{number}" for number in range(len(self.names), count)]
        self._all(self._make, fresh)
        self.names += fresh

    def declared(self, count: int) -> dict[str, Any]:
        """Return the `bucketConfig` of the first of them, without where the keys are."""
        entries = {each: {"topic": self.topic, "events": [_EVENT]} for each in NOTIFICATIONS}
        owner = {"path": "owner", "accessKey": "access", "secretKey": "secret"}
        return {
            "endpoint": self.store.url,
            "region": REGION,
            "owners": {OWNER: owner},
            "topics": {
                self.topic: {"owner": OWNER, "attributes": {"push-endpoint": self.endpoint}}
            },
            "buckets": {
                name: {"owner": OWNER, "grants": {"read": ["somebody"]}, "notifications": entries}
                for name in self.names[:count]
            },
        }

    def remove(self) -> None:
        """Take all of it away."""
        self._all(lambda name: self._s3.delete_bucket(Bucket=name), self.names)
        self._sns.delete_topic(TopicArn=self.arn)

    def _make(self, name: str) -> None:
        self._s3.create_bucket(Bucket=name)
        entries = [{"Id": each, "TopicArn": self.arn, "Events": [_EVENT]} for each in NOTIFICATIONS]
        self._s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"TopicConfigurations": entries}
        )
        spec = BucketSpec(name, OWNER, True, {"read": ("somebody",)}, (), {}, (), (), ())
        # As somebody has put it by hand: it says the same, so that nothing is to be written.
        by_hand = [{**each, "Sid": "hand"} for each in policy.declared(spec)]
        self._gateway.put_policy(name, by_hand)

    def _all(self, do: Callable[[str], object], names: Iterable[str]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(do, names))
