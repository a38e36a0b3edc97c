"""Signed requests to the object gateway, sent again while it is away.

botocore signs and sends them; its clients are left out. That of S3 does not know Ceph's
notifications, and to make one, of S3 or SNS, takes as long as all requests of an environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ConnectionError, HTTPClientError, SSLError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from embargo_butler.adapters.rgw import answer_xml, topic_xml
from embargo_butler.adapters.rgw.hints import AWAY, hint
from embargo_butler.adapters.why import why
from embargo_butler.errors import GatewayError, NoBucketError
from embargo_butler.model.ports import READERS
from embargo_butler.secret import Secret

_ATTEMPTS = 5
"""At least, however little time is left."""
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8
_TIMEOUT: Any = (5, 30)
"""Seconds to connect and to read; botocore's stubs know of one number only."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class Absent(GatewayError):
    """There is no such thing, by the gateway's own `code`: a proxy's 404 tells nothing of it."""

    def __init__(self, message: str, code: str) -> None:
        """Take the gateway's code."""
        super().__init__(message)
        self.code = code


class _AbsentBucket(Absent, NoBucketError):
    """The bucket itself is not there."""


class Requests:
    """What is asked of a gateway with one owner's keys."""

    def __init__(
        self,
        endpoint: str,
        region: str,
        owner: str,
        access: Secret,
        secret: Secret,
        until: float,
        say: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is sent yet. The arguments are those of `RgwGateway`.

        Raises:
            GatewayError: A key cannot be one.
        """
        self._endpoint = endpoint
        self._owner = owner
        keys = Credentials(_key("access", owner, access), _key("secret", owner, secret))
        self._keys = (keys.access_key, keys.secret_key)
        self._sign_s3 = S3SigV4Auth(keys, "s3", region).add_auth
        self._sign_sns = SigV4Auth(keys, "sns", region).add_auth
        self._until = until
        self._say = say
        # As botocore's clients do: the site's own authorities are named by the environment.
        bundles = map(os.environ.get, ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"))
        trusted: Any = next(filter(None, bundles), True)
        self._session = URLLib3Session(
            verify=trusted,
            proxies=get_environ_proxies(endpoint),
            timeout=_TIMEOUT,
            max_pool_connections=READERS,
        )

    def bucket(
        self, method: str, bucket: str, query: str, what: str, verb: str, body: bytes = b""
    ) -> bytes:
        """Send a request about a bucket.

        Args:
            method: The HTTP method.
            bucket: The bucket.
            query: What of it.
            what: What it is about, for messages; its first word is the kind.
            verb: What is done to that.
            body: What is sent.

        Returns:
            The gateway's answer.

        Raises:
            Absent: There is no such thing.
            GatewayError: It was refused, or the gateway is away.
        """

        def made() -> AWSRequest:
            url = f"{self._endpoint}/{quote(bucket)}?{query}"
            request = AWSRequest(method, url, data=body)
            self._sign_s3(request)
            return request

        return self._asked(what, verb, made)

    def topics(
        self,
        action: str,
        what: str,
        verb: str,
        fields: Mapping[str, str],
        attributes: Mapping[str, Secret] | None = None,
    ) -> bytes:
        """Send a request about topics.

        Args:
            action: The name of SNS's call.
            what: What it is about, for messages; its first word is the kind.
            verb: What is done to that.
            fields: The call's arguments.
            attributes: What a topic is made with.

        Returns:
            The gateway's answer.

        Raises:
            Absent: There is no such thing.
            GatewayError: It was refused, or the gateway is away.
        """

        def made() -> AWSRequest:
            body = topic_xml.form(action, fields, attributes or {})
            request = AWSRequest("POST", f"{self._endpoint}/", dict(_FORM), body)
            self._sign_sns(request)
            return request

        return self._asked(what, verb, made)

    def _asked(self, what: str, verb: str, made: Callable[[], AWSRequest]) -> bytes:
        """Send, and send again while the gateway is away and there is time; all calls may be.

        16.2.15 was seen to answer 500 under load to a deletion, and to do it when asked again.
        """
        pause: float = _PAUSE_SECONDS
        for attempt in count(1):
            try:
                return self._once(what, verb, made())
            except _Passing as problem:
                patient = problem.away and time.monotonic() + pause < self._until
                if attempt >= _ATTEMPTS and not patient:
                    raise
                if attempt == _ATTEMPTS:
                    self._say(f"waiting for the gateway: {problem}")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise AssertionError

    def _once(self, what: str, verb: str, request: AWSRequest) -> bytes:
        whom = f"{what}: cannot {verb} it as {self._owner} at {self._endpoint}"
        try:
            answer = self._session.send(request.prepare())
            content: bytes = answer.content
        except (ConnectionError, HTTPClientError) as error:
            problem = f"{whom}: the gateway cannot be reached: {why(error)}"
            raise _Passing(problem, away=not isinstance(error, SSLError)) from None
        if answer.raw.length_remaining:  # botocore takes what came for the whole
            problem = (
                f"{whom}: the gateway's answer breaks off; look at it, or at a proxy before it"
            )
            raise _Passing(problem, away=True)
        if (status := answer.status_code) < 300:
            return content
        code = answer_xml.error_code(content)
        if any(key in code for key in self._keys):  # it looks like a code, and is no word of theirs
            code = ""
        location = str(answer.headers.get("Location", ""))
        problem = f"{whom}: {code or 'no code'} ({status}){hint(code, status, what, location)}"
        if status >= 500 or status in AWAY:
            raise _Passing(problem, away=status in AWAY)
        if status != 404 or not code:
            raise GatewayError(problem)
        raise (_AbsentBucket if code == "NoSuchBucket" else Absent)(problem, code)


def _key(kind: str, owner: str, key: Secret) -> str:
    """Return a key's text; with a line's end in it no header can be sent, whoever answers."""
    if (text := key.text()) != text.strip():
        raise GatewayError(
            f"the {kind} key of {owner} begins or ends with whitespace; correct it in Vault"
        )
    return text


class _Passing(GatewayError):
    """Perhaps mended by waiting; `away` if that is likely."""

    def __init__(self, message: str, away: bool) -> None:
        super().__init__(message)
        self.away = away
