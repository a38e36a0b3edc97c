"""Topics in SNS's form and XML, and how each version of Ceph spells their attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from embargo_butler.adapters.rgw.answer_xml import root, text
from embargo_butler.model.resources import KNOWN_ATTRIBUTES, Topic
from embargo_butler.secret import Secret

_VERSION = "2010-03-31"


def form(action: str, fields: Mapping[str, str], attributes: Mapping[str, Secret]) -> bytes:
    """Return the body of a request.

    The gateway does not read "+" as a space: it would become part of the secret.
    """
    asked = {"Action": action, "Version": _VERSION, **fields}
    for number, (key, value) in enumerate(attributes.items(), start=1):
        asked[f"Attributes.entry.{number}.key"] = key
        asked[f"Attributes.entry.{number}.value"] = value.text()
    return urlencode(asked, quote_via=quote).encode()


def listed(document: bytes) -> tuple[list[str], str]:
    """Return the ARNs of a page of ListTopics, and what asks for the next page, empty for none.

    Raises:
        ValueError: It is not one.
    """
    found = root(document, "ListTopicsResponse")
    entries = found.iterfind(".//{*}Topics/{*}member/{*}TopicArn")
    arns = [_whole(entry.text or "") for entry in entries]
    return arns, found.findtext(".//{*}NextToken") or ""


def arn(document: bytes) -> str:
    """Return the ARN in the answer to CreateTopic.

    Raises:
        ValueError: There is none.
    """
    return _whole(root(document, "CreateTopicResponse").findtext(".//{*}TopicArn") or "")


def _whole(arn: str) -> str:
    if not arn.startswith("arn:aws:sns:"):
        raise ValueError("not a topic's ARN")
    return arn


def read(name: str, document: bytes) -> Topic:
    """Turn GetTopicAttributes' answer into a topic.

    Raises:
        ValueError: It is not one.
    """
    entries = root(document, "GetTopicAttributesResponse").iterfind(".//{*}Attributes/{*}entry")
    return parse(name, {text(entry, "key"): text(entry, "value") for entry in entries})


def parse(name: str, answer: Mapping[str, str]) -> Topic:
    """Turn a topic's attributes, as any version spells them, into a topic.

    `EndPoint` is a JSON text. Its `EndpointArgs` is a query string whose values are not encoded on
    16, so what has a field of its own is taken from there.

    Raises:
        ValueError: The JSON is none, or no object.
    """
    endpoint = json.loads(answer.get("EndPoint") or "{}")
    if not isinstance(endpoint, dict):
        raise ValueError("not an object")
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
    follows = own["time_to_live"] in endpoint
    # 16 and 18 name no user there, or for one of a tenant the tenant alone (16.2.15, 18.2.7).
    return Topic(name, attributes, follows, owner=answer.get("User") or "" if follows else "")
