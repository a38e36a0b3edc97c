"""The attributes that Ceph documents for a topic, and which endpoints have them."""

from __future__ import annotations

import json
import re
from dataclasses import make_dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo

from embargo_butler.config.reader import AnyText, Text, Whole, part, shown
from embargo_butler.config.templates import TemplateError, references
from embargo_butler.model.resources import DECLARED_ATTRIBUTES, FLAGS, LIMITS
from embargo_butler.model.statements import listed

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
                raise ValueError(
                    f"{written} is the address of enqueue's Service, which Kafka mode has not: "
                    "announce to kafka://..., or set `enqueue.mode` to webhook"
                )
        elif len(path) != 3 or path[0] != "secrets":
            raise ValueError(f"{written}: expected enqueue.address or secrets.<Secret>.<key>")
        elif not _has(info.context, *path[1:]):
            raise ValueError(f"{written}: `secrets` declares no such key")
    return text


def _no_literal(text: str) -> str:
    """Refuse a secret that stands here itself: everybody who reads the declaration has it."""
    if text and not any(path[0] == "secrets" for path in references(text)):
        raise ValueError(
            "expected what Vault keeps, by {{ secrets.<Secret>.<key> }}: what stands here itself "
            "is read by everybody who reads this file"
        )
    return text


def _endpoint(text: str, info: ValidationInfo) -> str:
    if not text.startswith(SCHEMES):
        raise ValueError(f"expected a URL that begins with one of {', '.join(SCHEMES)}")
    userinfo, _, place = text.partition("://")[2].rpartition("@")
    _no_literal(userinfo)
    # Enqueue answers 404 to what comes to another path, and Ceph would try again for ever.
    port = part(info.context, "enqueue").get("port")
    if ("enqueue", "address") in references(place) and isinstance(port, int):
        if re.fullmatch(rf"\{{\{{[^}}]*\}}\}}:{port}/notify([?#].*)?", place):
            return text
        raise ValueError(
            "leads past enqueue, which listens for what its Service's port brings: "
            f"expected http://{{{{ enqueue.address }}}}:{port}/notify"
        )
    return text


# As the gateways read them: a malformed one is refused with the whole policy.
_ARNS = {
    "AWS": re.compile(r"\*|[^:/*]+|arn:aws:(iam|sts)::[^:/]*:(root|(user|role|assumed-role)/.+)"),
    "Resource": re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+"),
}


def _policy(text: str) -> str:
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    statements = listed(policy.get("Statement", [])) if isinstance(policy, dict) else None
    if statements is None or not all(isinstance(each, dict) for each in statements):
        raise ValueError("expected a policy as JSON text")
    for each in statements:
        whom = each.get("Principal", each.get("NotPrincipal"))
        told = {
            "AWS": whom.get("AWS", []) if isinstance(whom, dict) else whom or [],
            "Resource": each.get("Resource", each.get("NotResource", [])),
        }
        for kind, values in told.items():
            for value in map(str, listed(values)):
                if not _ARNS[kind].fullmatch(value):
                    raise ValueError(
                        f"{shown(value)} is no ARN of {_WHAT[kind]}, and the gateway would refuse "
                        "the policy"
                    )
    return text


_WHAT = {
    "AWS": "a user (arn:aws:iam::<tenant>:user/<name>)",
    "Resource": "a topic (arn:aws:sns:<zone group>:<tenant>:<topic>)",
}
_ANY_TEMPLATE = Annotated[AnyText, AfterValidator(_template)]
_TEMPLATE = Annotated[Text, AfterValidator(_template)]
_OWN = {
    "push-endpoint": Annotated[Text, AfterValidator(_template), AfterValidator(_endpoint)],
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
        kind = Annotated[_ANY_TEMPLATE, AfterValidator(_no_literal)]
    elif name == "password":
        kind = Annotated[_TEMPLATE, AfterValidator(_no_literal)]
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
