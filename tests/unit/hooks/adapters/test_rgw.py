"""How each version of Ceph spells the same topic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embargo_hooks.adapters.rgw import parse_topic
from embargo_hooks.errors import GatewayError
from embargo_hooks.resources import Topic
from embargo_hooks.secret import Secret

URL = "http://198.19.200.1:8080/notify"
WANTED = Topic(
    "t",
    {
        "push-endpoint": Secret(URL),
        "OpaqueData": Secret("s&c=1"),
        "persistent": Secret("True"),
        "verify-ssl": Secret("false"),
    },
)
_TWICE = (
    f"Attributes.entry.1.key=push-endpoint&Attributes.entry.1.value={URL}"
    "&Attributes.entry.2.key=OpaqueData&Attributes.entry.2.value=s&c=1"
    f"&OpaqueData=s&c=1&Version=2010-03-31&persistent=true&push-endpoint={URL}&verify-ssl=false"
)
_ONCE = f"OpaqueData=s&c=1&Version=2010-03-31&persistent=true&push-endpoint={URL}&verify-ssl=false"
_REST = f"Version=2010-03-31&push-endpoint={URL}&verify-ssl=false"
_OWN = {"TimeToLive": "None", "MaxRetries": "None", "RetrySleepDuration": "None"}
VERSIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "16": ("", {"EndpointArgs": _TWICE, "Persistent": "true"}),
    "18": ("", {"EndpointArgs": _ONCE, "Persistent": True}),
    "20": ("rubin-summit", {"EndpointArgs": _REST, "Persistent": True, **_OWN}),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_the_same(version: str) -> None:
    user, endpoint = VERSIONS[version]
    document = json.dumps({"EndpointAddress": URL, "HasStoredSecret": "false", **endpoint})
    live = parse_topic("t", {"User": user, "EndPoint": document, "OpaqueData": "s&c=1"})
    assert WANTED.differs(live) == []
    assert live.persistent
    assert live.follows is (version == "20")


@pytest.mark.parametrize("field", ["TimeToLive", "MaxRetries"])
def test_what_has_a_field_of_its_own_counts(field: str) -> None:
    endpoint: dict[str, Any] = {"EndpointAddress": URL, "Persistent": True, **_OWN, field: "60"}
    live = parse_topic("t", {"User": "u", "EndPoint": json.dumps(endpoint)})
    assert WANTED.differs(live) == sorted(
        ["OpaqueData", "verify-ssl", {"TimeToLive": "time_to_live"}.get(field, "max_retries")]
    )


def test_an_unreadable_answer_is_an_error() -> None:
    with pytest.raises(GatewayError, match=r"topic t: .*unreadable EndPoint"):
        parse_topic("t", {"EndPoint": "{"})
