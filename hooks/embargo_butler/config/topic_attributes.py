"""The attributes that Ceph documents for a topic, and which endpoints have them."""

from __future__ import annotations

import json
from dataclasses import make_dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo

from embargo_butler.config.reader import AnyText, Text, Whole, part
from embargo_butler.config.templates import TemplateError, references
from embargo_butler.model.resources import DECLARED_ATTRIBUTES, FLAGS, LIMITS

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


def _has(document: Any, secret: str, key: str) -> bool:
    """Whether a Secret has a key, as far as the document tells: somebody else may make it."""
    secrets, existing = document.get("secrets"), document.get("existingSecrets")
    if not isinstance(secrets, dict) or (isinstance(existing, list) and secret in existing):
        return True
    keys = secrets.get(secret, {})
    return not isinstance(keys, dict) or key in keys


def _template(text: str, info: ValidationInfo) -> str:
    try:
        asked = references(text)
    except TemplateError as error:
        raise ValueError(str(error)) from None
    for path in sorted(asked):
        written = f"{{{{ {'.'.join(path)} }}}}"
        if path == ("enqueue", "address"):
            if part(info.context).get("enqueue") is None:
                raise ValueError(f"{written} needs the key `enqueue`, which is absent")
        elif len(path) != 3 or path[0] != "secrets":
            raise ValueError(f"{written}: expected enqueue.address or secrets.<Secret>.<key>")
        elif not _has(info.context, *path[1:]):
            raise ValueError(f"{written}: `secrets` declares no such key")
    return text


def _endpoint(text: str) -> str:
    if not text.startswith(SCHEMES):
        raise ValueError(f"expected a URL that begins with one of {', '.join(SCHEMES)}")
    return text


def _policy(text: str) -> str:
    try:
        is_policy = isinstance(json.loads(text), dict)
    except ValueError:
        is_policy = False
    if not is_policy:
        raise ValueError("expected a policy as JSON text")
    return text


_ANY_TEMPLATE = Annotated[AnyText, AfterValidator(_template)]
_TEMPLATE = Annotated[Text, AfterValidator(_template)]
_OWN = {
    "push-endpoint": Annotated[Text, AfterValidator(_endpoint), AfterValidator(_template)],
    "Policy": Annotated[Text, AfterValidator(_policy), AfterValidator(_template)],
}


def _kind(name: str) -> Any:
    """Return what pydantic reads an attribute as."""
    if name in FLAGS:
        kind: Any = Annotated[bool, Strict()]
    elif name in LIMITS:
        kind = Annotated[Whole, Field(ge=0)]
    elif name in _CHOICES:
        kind = Literal[_CHOICES[name]]
    elif name == "OpaqueData":
        kind = _ANY_TEMPLATE
    else:
        kind = _OWN.get(name, _TEMPLATE)

    def of_endpoint(value: Any, info: ValidationInfo) -> Any:
        schemes, endpoint = _OF_SOME.get(name, SCHEMES), info.data.get("push_endpoint")
        if endpoint and not endpoint.startswith(schemes):
            raise ValueError(f"only endpoints of {', '.join(schemes)} have it")
        return value

    return Annotated[kind, BeforeValidator(of_endpoint), Field(alias=name)]


_NAMES = sorted(DECLARED_ATTRIBUTES, key=lambda name: (name != "push-endpoint", name))
Attributes = make_dataclass(
    "Attributes",
    [
        (name.replace("-", "_"), _kind(name), *((None,) if name != "push-endpoint" else ()))
        for name in _NAMES
    ],
    frozen=True,
)
"""What a topic can be declared with."""


def as_texts(attributes: Any) -> dict[str, str]:
    """Return them as texts, by Ceph's names; they may be templates."""
    found = dict(zip(_NAMES, vars(attributes).values(), strict=True))
    return {
        name: str(value).lower() if name in FLAGS else str(value)
        for name, value in found.items()
        if value is not None
    }
