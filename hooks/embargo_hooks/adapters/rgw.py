"""Ceph's object gateway, through boto3: its S3 and SNS calls, and where it has ways of its own."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import count
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from boto3.session import Session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from botocore.httpsession import URLLib3Session

from embargo_hooks._buckets_config import tenant_of
from embargo_hooks.adapters import _notification_xml
from embargo_hooks.adapters._rgw_hints import hint
from embargo_hooks.buckets import READERS
from embargo_hooks.errors import GatewayError
from embargo_hooks.policy import VERSION
from embargo_hooks.resources import KNOWN_ATTRIBUTES, Notification, Topic
from embargo_hooks.secret import Secret

_ATTEMPTS = 5
"""At least, however little time is left."""
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8
_AWAY = (502, 503, 504)
"""Starting, migrating or overloaded; all calls here may be sent again."""
_CONNECT_SECONDS, _READ_SECONDS = 5, 30


Answer = TypeVar("Answer")


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
        """Make clients; nothing is sent yet.

        Args:
            endpoint: The gateway's URL.
            region: What requests are signed for.
            owner: The user; one of a tenant is `tenant$user`.
            access: The user's access key.
            secret: The user's secret key.
            zone_group: The one in the topics' ARNs, the region by default.
            until: The monotonic time until which it is asked again when it is away.
            say: Is told what it is waited for, once.
        """
        self._endpoint = endpoint
        self._region = region
        self._owner = owner
        self._credentials = Credentials(access.text(), secret.text())
        self._zone_group = zone_group or region
        self._until = until
        self._say = say
        self._arn_prefix = f"arn:aws:sns:{self._zone_group}:{tenant_of(owner)}:"
        config = Config(
            max_pool_connections=READERS,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        self._sns = _session().client(
            "sns",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access.text(),
            aws_secret_access_key=secret.text(),
            config=config,
        )
        # The gateway does not read "+" in a form as a space: it would become part of the secret.
        self._sns.meta.events.register_first("request-created.sns", _encode_spaces)
        self._raw = URLLib3Session(timeout=_READ_SECONDS, max_pool_connections=READERS)

    def topics(self) -> Mapping[str, int]:
        """Return all topics that are listed, each with the notifications seen to use it."""

        def listed() -> list[str]:
            pages = self._sns.get_paginator("list_topics").paginate()
            return [entry["TopicArn"] for page in pages for entry in page.get("Topics", ())]

        arns = self._asked("topics", "list", listed)
        if arns:
            self._arn_prefix = arns[0].rpartition(":")[0] + ":"
            if (found := arns[0].split(":")[3]) != self._zone_group:
                raise GatewayError(
                    f"topics at {self._endpoint} are of zone group {found}, not "
                    f"{self._zone_group}: correct bucketConfig.zoneGroup (or region)"
                )
        return {_name(arn): count - 1 for arn, count in Counter(arns).items()}

    def topic(self, name: str) -> Topic | None:
        """Return a topic, None where there is none."""
        try:
            read = partial(self._sns.get_topic_attributes, TopicArn=self._arn_prefix + name)
            answer = self._asked(f"topic {name}", "read", read)
        except _Absent:
            return None
        return parse_topic(name, answer["Attributes"])

    def put_topic(self, name: str, attributes: Mapping[str, Secret]) -> None:
        """Make a topic, or replace the attributes of an existing one."""
        plain = {key: value.text() for key, value in attributes.items()}
        put = partial(self._sns.create_topic, Name=name, Attributes=plain)
        answer = self._asked(f"topic {name}", "put", put)
        self._arn_prefix = answer["TopicArn"].rpartition(":")[0] + ":"

    def delete_topic(self, name: str) -> None:
        """Take a topic away; none there is fine."""
        try:
            delete = partial(self._sns.delete_topic, TopicArn=self._arn_prefix + name)
            self._asked(f"topic {name}", "delete", delete)
        except _Absent:
            return

    def notifications(self, bucket: str) -> tuple[Notification, ...]:
        """Return all of a bucket's notifications."""
        what = f"notifications of bucket {bucket}"
        try:
            return _notification_xml.read(self._send("GET", bucket, "notification", what, "read"))
        except ValueError:
            raise GatewayError(f"{what}: the gateway's answer cannot be read") from None

    def put_notification(self, bucket: str, notification: Notification) -> None:
        """Add a notification, or replace the one of its Id and topic.

        Ours alone is sent: on Ceph a put adds to what is there. To send the others too would write
        them, and would bring back one that its owner takes away at the same time.
        """
        what = f"notification {notification.name} of bucket {bucket}"
        body = _notification_xml.written(notification, self._arn_prefix + notification.topic)
        self._send("PUT", bucket, "notification", what, "put", body)

    def delete_notification(self, bucket: str, name: str) -> None:
        """Take one notification away by its Id, with Ceph's extension of S3."""
        if not name:
            raise ValueError("an empty Id would take all notifications away")
        with contextlib.suppress(_Absent):
            what = f"notification {name} of bucket {bucket}"
            query = f"notification={quote(name, safe='')}"
            self._send("DELETE", bucket, query, what, "delete")

    def _send(
        self, method: str, bucket: str, query: str, what: str, verb: str, body: bytes = b""
    ) -> bytes:
        """Send a request about a bucket; of notifications, boto3 knows S3's alone, not Ceph's.

        To make its S3 client would take as long as all requests of an environment together.
        """
        url = f"{self._endpoint}/{quote(bucket)}?{query}"

        def send() -> bytes:
            request = AWSRequest(method, url, data=body)
            S3SigV4Auth(self._credentials, "s3", self._region).add_auth(request)
            answer = self._raw.send(request.prepare())
            content: bytes = answer.content
            if answer.status_code >= 300:
                code = _notification_xml.error_code(content)
                raise self._answered(what, verb, code, answer.status_code)
            return content

        return self._asked(what, verb, send)

    def policy(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Return the statements of a bucket's policy, none where it has no policy."""
        what = f"policy of bucket {bucket}"
        try:
            text = self._send("GET", bucket, "policy", what, "read")
        except _Absent as absent:
            if absent.code == "NoSuchBucketPolicy":
                return []
            raise
        try:
            statements = json.loads(text)["Statement"]
        except (ValueError, KeyError, TypeError):
            raise GatewayError(
                f"{what}: what is there is not a policy; correct or delete it"
            ) from None
        return statements if isinstance(statements, list) else [statements]

    def put_policy(self, bucket: str, statements: Sequence[Mapping[str, Any]]) -> None:
        """Replace a bucket's policy; no statement at all takes it away."""
        what = f"policy of bucket {bucket}"
        if not statements:
            self._send("DELETE", bucket, "policy", what, "delete")
            return
        text = json.dumps({"Version": VERSION, "Statement": list(statements)})
        self._send("PUT", bucket, "policy", what, "put", text.encode())

    def _asked(self, what: str, verb: str, call: Callable[[], Answer]) -> Answer:
        """Call, and call again while the gateway is away and there is time.

        16.2.15 was seen to answer 500 under load to a deletion, and to do it when asked again.
        """
        pause: float = _PAUSE_SECONDS
        for attempt in count(1):
            try:
                with self._telling(what, verb):
                    return call()
            except _Passing as problem:
                patient = problem.away and time.monotonic() + pause < self._until
                if attempt >= _ATTEMPTS and not patient:
                    raise
                if attempt == _ATTEMPTS:
                    self._say(f"waiting for the gateway: {problem}")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise AssertionError

    @contextmanager
    def _telling(self, what: str, verb: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            answer: Any = error.response
            # S3 puts the code under Error; Ceph's answers to SNS calls have it at the top.
            code = str(answer.get("Error", {}).get("Code") or answer.get("Code") or "")
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise self._answered(what, verb, code, status) from None
        except (ConnectionError, HTTPClientError):
            raise self._unreachable(what, verb) from None
        except BotoCoreError as error:
            # Some of these quote the request, so only the kind is told.
            raise GatewayError(f"{self._whom(what, verb)}: {type(error).__name__}") from None

    def _answered(self, what: str, verb: str, code: str, status: int) -> GatewayError:
        problem = f"{self._whom(what, verb)}: {code or 'no code'} ({status})"
        problem += hint(code, status, what)
        if status >= 500:
            return _Passing(problem, away=status in _AWAY)
        return _Absent(problem, code) if status == 404 else GatewayError(problem)

    def _unreachable(self, what: str, verb: str) -> GatewayError:
        problem = f"{self._whom(what, verb)}: the gateway cannot be reached"
        return _Passing(problem, away=True)

    def _whom(self, what: str, verb: str) -> str:
        return f"{what}: cannot {verb} it as {self._owner} at {self._endpoint}"


class _Passing(GatewayError):
    """Perhaps mended by waiting; `away` if that is likely."""

    def __init__(self, message: str, away: bool) -> None:
        super().__init__(message)
        self.away = away


class _Absent(GatewayError):
    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def parse_topic(name: str, answer: Mapping[str, str]) -> Topic:
    """Turn GetTopicAttributes' answer, as any version spells it, into a topic.

    `EndPoint` is a JSON text. Its `EndpointArgs` is a query string whose values are not encoded on
    16, so what has a field of its own is taken from there.
    """
    try:
        endpoint = json.loads(answer.get("EndPoint") or "{}")
    except ValueError:
        raise GatewayError(
            f"topic {name}: the gateway's answer has an unreadable EndPoint"
        ) from None
    opaque = answer.get("OpaqueData") or ""
    found = {}
    for part in (
        str(endpoint.get("EndpointArgs", "")).replace(f"OpaqueData={opaque}", "").split("&")
    ):
        key, _, value = part.partition("=")
        if key in KNOWN_ATTRIBUTES:
            found[key] = value
    found |= {
        "push-endpoint": str(endpoint.get("EndpointAddress", "")),
        "OpaqueData": opaque,
        "persistent": str(endpoint.get("Persistent", "false")),
    }
    own = {
        "time_to_live": "TimeToLive",
        "max_retries": "MaxRetries",
        "retry_sleep_duration": "RetrySleepDuration",
    }
    found |= {key: str(endpoint[field]) for key, field in own.items() if field in endpoint}
    attributes = {key: Secret(value) for key, value in found.items()}
    if policy := answer.get("Policy"):
        attributes["Policy"] = Secret(policy)
    user = answer.get("User") or ""
    expires = isinstance(endpoint.get("Persistent"), bool)
    return Topic(name, attributes, follows=bool(user), owner=user, expires=expires)


@cache
def _session() -> Session:
    """Return what makes clients; to read the services' descriptions once is enough."""
    return Session()


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _encode_spaces(request: Any, **_: Any) -> None:
    if isinstance(request.data, dict):
        request.data = urlencode(request.data, quote_via=quote)
