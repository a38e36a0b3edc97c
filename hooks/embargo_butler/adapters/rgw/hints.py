"""What Ceph's bare answers mean, and what to do about them."""

from __future__ import annotations

import re

AWAY = (429, 502, 503, 504)
"""What is answered by a gateway that is starting, migrating or overloaded, or by a proxy for it."""
_BY_CODE = {
    "AccessDenied": "these keys may not: only the bucket's owner may, or whom its policy lets: "
    "check `owner` and `grants`",
    "AuthorizationError": "another user owns it: check `owner`, or choose another name",
    "BucketNotEmpty": "the bucket holds objects",
    "InvalidAccessKeyId": "the access key is not of this gateway",
    "InvalidInput": "a push-endpoint with a password is accepted over HTTPS only",
    "MalformedPolicy": "the gateway does not understand the policy: look at the principals",
    "MalformedXML": "the gateway does not understand this form of notification",
    "NoSuchBucket": "correct the name, or its `owner`, which may be of a tenant (`tenant$user`), "
    "or make it",
    "QuotaExceeded": "the owner's quota is used up",
    "RequestTimeTooSkewed": "this machine's clock or the gateway's is wrong",
    "SignatureDoesNotMatch": "the secret key is not the one of this access key",
    "SlowDown": "the gateway is overloaded, or a persistent topic's queue is full",
}
_INVALID_ARGUMENT = {
    "policy": "an action, a resource or a principal that this version does not know",
    "notification": "an event or a filter that this version does not know",
    "topic": "an attribute, or a push-endpoint, that this version does not accept "
    "(one with a password is accepted over HTTPS only)",
}


def hint(code: str, status: int, what: str, location: str = "") -> str:
    """Return what to do about an answer, as the end of a sentence.

    Args:
        code: The gateway's code, empty where it gave none.
        status: The HTTP status.
        what: What it was about; its first word is the kind.
        location: Where a redirect leads.
    """
    kind = what.partition(" ")[0].removesuffix("s")
    found = _BY_CODE.get(code)
    if code == "NoSuchKey" and kind == "notification":
        found = "the topic of this notification is not there"
    elif code == "AccessDenied" and kind == "topic":
        # All versions: over plain HTTP, none is listed where one has a password in its endpoint.
        found = (
            "these keys may not: check `owner`; or a topic there holds a password, which the "
            "gateway shows over HTTPS only"
        )
    elif code in ("InvalidArgument", "InvalidParameter"):
        found = _INVALID_ARGUMENT.get(kind)
    elif code == "AuthorizationHeaderMalformed":
        found = "the requests are signed for another region: correct bucketConfig.region"
    elif 300 <= status < 400:
        place = f" ({_place(location)})" if location else ""
        found = f"this address points elsewhere{place}: correct bucketConfig.endpoint"
    elif status in AWAY and not found:
        found = "the gateway is not ready: it is starting, migrating or overloaded; run again"
    elif status < 500 and not code:
        found = (
            "this is no gateway's answer: is bucketConfig.endpoint right (http or https, port, "
            "proxy)?"
        )
    elif status == 405:
        found = "this gateway has no such call: are topics enabled on it (rgw enable apis)?"
    return f"; {found}" if found else ""


def _place(location: str) -> str:
    """Return an address without what may be secret in it: the user, and the query."""
    return re.split("[?#]", re.sub("//[^/]*@", "//", location))[0]
