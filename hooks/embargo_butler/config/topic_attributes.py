"""The attributes that Ceph documents for a topic, and which endpoints have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from embargo_butler.config.reader import Node
from embargo_butler.config.templates import TemplateError, references
from embargo_butler.model.resources import (
    DECLARED_ATTRIBUTES,
    FLAGS,
    LIMITS,
)

_HTTP, _KAFKA = ("http://", "https://"), ("kafka://",)
SCHEMES = (*_HTTP, *_KAFKA)
_CHOICES = {
    "kafka-ack-level": ("none", "broker"),
    "mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"),
}
_OF_SOME = {
    "verify-ssl": _HTTP,
    "use-ssl": _KAFKA,
    "ca-location": _KAFKA,
    "mechanism": _KAFKA,
    "user-name": _KAFKA,
    "password": _KAFKA,
    "kafka-ack-level": _KAFKA,
    "kafka-brokers": _KAFKA,
}


def topic_attribute(
    name: str,
    node: Node,
    endpoint: Node,
    has_enqueue: bool,
    secrets: Mapping[str, Mapping[str, Any] | None],
) -> str:
    """Read one declared attribute, as text that may be a template.

    Args:
        name: The attribute.
        node: Its value.
        endpoint: The topic's push-endpoint.
        has_enqueue: Whether there is an enqueue service to refer to.
        secrets: The Secrets and their keys, None where somebody else makes it with whatever keys.
    """
    if name not in DECLARED_ATTRIBUTES:
        known = ", ".join(sorted(DECLARED_ATTRIBUTES))
        raise node.fail(f"unknown attribute; known here: {known}")
    url = str(endpoint.value)
    if url.startswith(SCHEMES) and not url.startswith(_OF_SOME.get(name, SCHEMES)):
        raise node.fail(f"only endpoints of {', '.join(_OF_SOME[name])} have it")
    if name in FLAGS:
        if node.value is None:
            raise node.fail("expected true or false, found nothing")
        return str(node.flag()).lower()
    if name in LIMITS:
        return str(node.whole())
    if name in _CHOICES:
        return node.choice(*_CHOICES[name])
    text = node.text(empty=name == "OpaqueData")
    if name == "push-endpoint" and not text.startswith(SCHEMES):
        raise node.fail(f"expected a URL that begins with one of {', '.join(SCHEMES)}")
    if name == "Policy":
        try:
            is_policy = isinstance(json.loads(text), dict)
        except ValueError:
            is_policy = False
        if not is_policy:
            raise node.fail("expected a policy as JSON text")
    _check(node, text, has_enqueue, secrets)
    return text


def as_declared(name: str, text: str, endpoint: str) -> str | int | bool | None:
    """Return a live attribute's value as it can be declared; None where it cannot be.

    Args:
        name: The attribute.
        text: Its value, as a gateway gives it.
        endpoint: The topic's push-endpoint.
    """
    if name not in DECLARED_ATTRIBUTES or not endpoint.startswith(_OF_SOME.get(name, SCHEMES)):
        return None
    if name in FLAGS:
        return {"true": True, "false": False}.get(text.lower())
    if name in LIMITS:
        return int(text) if text.isdecimal() else None
    return None if text not in _CHOICES.get(name, (text,)) else text


def _check(
    node: Node, template: str, has_enqueue: bool, secrets: Mapping[str, Mapping[str, Any] | None]
) -> None:
    try:
        asked = references(template)
    except TemplateError as error:
        raise node.fail(str(error)) from None
    for path in asked:
        shown = ".".join(path)
        if path == ("enqueue", "address"):
            if not has_enqueue:
                raise node.fail("{{ enqueue.address }} needs the key `enqueue`, which is absent")
        elif len(path) != 3 or path[0] != "secrets":
            raise node.fail(
                f"{{{{ {shown} }}}}: expected enqueue.address or secrets.<Secret>.<key>"
            )
        elif (keys := secrets.get(path[1], {})) is not None and path[2] not in keys:
            raise node.fail(f"{{{{ {shown} }}}}: `secrets` declares no such key")
