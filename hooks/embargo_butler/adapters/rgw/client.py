"""Ceph's object gateway: topics by SNS's calls, notifications and policies by S3's."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from embargo_butler.adapters.rgw import notification_xml, topic_xml
from embargo_butler.adapters.rgw.answer_xml import root, text
from embargo_butler.adapters.rgw.requests import Absent, Requests
from embargo_butler.config.buckets import tenant_of
from embargo_butler.errors import GatewayError
from embargo_butler.model.resources import Notification, Topic
from embargo_butler.model.statements import VERSION
from embargo_butler.secret import Secret


class RgwGateway:
    """The gateway with one owner's keys."""

    def __init__(
        self,
        endpoint: str,
        region: str,
        owner: str,
        access: Secret,
        secret: Secret,
        zone_group: str = "",
        until: float = 0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            endpoint: The gateway's URL.
            region: What requests are signed for.
            owner: The user; one of a tenant is `tenant$user`.
            access: The user's access key.
            secret: The user's secret key.
            zone_group: The one in the topics' ARNs, the region by default.
            until: The monotonic time until which it is asked again when it is away.
            say: Is told what it is waited for, once.

        Raises:
            GatewayError: A key cannot be one.
        """
        self._endpoint = endpoint
        self._zone_group = zone_group or region
        self._arn_prefix = f"arn:aws:sns:{self._zone_group}:{tenant_of(owner)}:"
        self._policies: dict[str, dict[str, Any]] = {}
        self._requests = Requests(endpoint, region, owner, access, secret, until, say)

    def topics(self) -> Mapping[str, int]:
        """Return all topics that are listed, each with the notifications seen to use it."""
        arns, token = self._page({})
        while token:
            more, token = self._page({"NextToken": token})
            arns += more
        # A topic keeps the zone group of its time.
        groups = {arn.split(":")[3]: arn for arn in arns}
        if ours := groups.get(self._zone_group):
            self._arn_prefix = ours.rpartition(":")[0] + ":"
        elif groups:
            raise GatewayError(
                f"topics at {self._endpoint} are of zone group {', '.join(groups)}, not "
                f"{self._zone_group}: correct bucketConfig.zoneGroup (or region)"
            )
        return {arn.rpartition(":")[2]: count - 1 for arn, count in Counter(arns).items()}

    def _page(self, fields: Mapping[str, str]) -> tuple[list[str], str]:
        answer = self._requests.topics("ListTopics", "topics", "list", fields)
        with _readable("topics"):
            return topic_xml.listed(answer)

    def topic(self, name: str) -> Topic | None:
        """Return a topic, None where there is none."""
        what, at = f"topic {name}", {"TopicArn": self._arn_prefix + name}
        try:
            answer = self._requests.topics("GetTopicAttributes", what, "read", at)
        except Absent:
            return None
        with _readable(what):
            return topic_xml.read(name, answer)

    def put_topic(self, name: str, attributes: Mapping[str, Secret]) -> None:
        """Make a topic, or replace the attributes of an existing one."""
        what = f"topic {name}"
        answer = self._requests.topics("CreateTopic", what, "put", {"Name": name}, attributes)
        with _readable(what):
            self._arn_prefix = topic_xml.arn(answer).rpartition(":")[0] + ":"

    def delete_topic(self, name: str) -> None:
        """Take a topic away; none there is fine."""
        with contextlib.suppress(Absent):
            at = {"TopicArn": self._arn_prefix + name}
            self._requests.topics("DeleteTopic", f"topic {name}", "delete", at)

    def buckets(self) -> Sequence[str]:
        """Return the names of the owner's buckets."""
        answer = self._requests.bucket("GET", "", "", "buckets", "list")
        with _readable("buckets"):
            found = root(answer, "ListAllMyBucketsResult").iterfind("{*}Buckets/{*}Bucket")
            return [text(entry, "Name") for entry in found]

    def notifications(self, bucket: str) -> tuple[Notification, ...]:
        """Return all of a bucket's notifications."""
        what = f"notifications of bucket {bucket}"
        answer = self._requests.bucket("GET", bucket, "notification", what, "read")
        with _readable(what):
            return notification_xml.read(answer)

    def put_notification(self, bucket: str, notification: Notification) -> None:
        """Add a notification, or replace the one of its Id and topic.

        Ours alone is sent: on Ceph a put adds to what is there. To send the others too would write
        them, and would bring back one that its owner takes away at the same time.
        """
        what = f"notification {notification.name} of bucket {bucket} to topic {notification.topic}"
        body = notification_xml.written(notification, self._arn_prefix + notification.topic)
        self._requests.bucket("PUT", bucket, "notification", what, "put", body)

    def delete_notification(self, bucket: str, name: str) -> None:
        """Take one notification away by its Id, with Ceph's extension of S3.

        Where an Id stands several times, its first entry goes.
        """
        if not name:
            raise ValueError("an empty Id would take all notifications away")
        with contextlib.suppress(Absent):
            what = f"notification {name} of bucket {bucket}"
            query = f"notification={quote(name, safe='')}"
            self._requests.bucket("DELETE", bucket, query, what, "delete")

    def policy(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Return the statements of a bucket's policy, none where it has no policy."""
        what = f"policy of bucket {bucket}"
        try:
            answer = self._requests.bucket("GET", bucket, "policy", what, "read")
        except Absent as absent:
            if absent.code == "NoSuchBucketPolicy":
                return []
            raise
        with _readable(what):
            found = json.loads(answer)
        statements = found.get("Statement") if isinstance(found, dict) else None
        statements = statements if isinstance(statements, list) else [statements]
        if not all(map(_is_statement, statements)):
            raise GatewayError(f"{what}: what is there is not a policy; correct it")
        self._policies[bucket] = found
        return statements

    def put_policy(self, bucket: str, statements: Sequence[Mapping[str, Any]]) -> None:
        """Replace the statements of a bucket's policy; none at all takes the policy away.

        What it has beside them, if it was read, stays: its version tells what its variables mean.
        """
        what = f"policy of bucket {bucket}"
        if not statements:
            self._requests.bucket("DELETE", bucket, "policy", what, "delete")
            return
        before = self._policies.get(bucket, {"Version": VERSION})
        document = json.dumps({**before, "Statement": list(statements)})
        self._requests.bucket("PUT", bucket, "policy", what, "put", document.encode())


def _is_statement(found: Any) -> bool:
    """Whether it has the shape that `policy` compares."""
    conditions = found.get("Condition", {}) if isinstance(found, dict) else None
    return isinstance(conditions, dict) and all(
        isinstance(keys, dict) for keys in conditions.values()
    )


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise GatewayError(
            f"{what}: the gateway's answer cannot be read; is bucketConfig.endpoint a gateway?"
        ) from None
