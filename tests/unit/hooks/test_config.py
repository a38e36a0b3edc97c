from __future__ import annotations

from typing import Any

import pytest

from embargo_hooks.config import FieldSource, LiteralSource, VaultPath, load
from embargo_hooks.errors import ConfigError
from tests.unit.hooks.conftest import Write


def test_a_whole_site_is_read(site: dict[str, Any], write: Write) -> None:
    site["secrets"]["notification"] = {"secret": {"value": ""}}
    config = load(write(site))
    assert config.secrets["redis"]["redis-password"] == FieldSource(
        VaultPath("site/summit"), "redis"
    )
    assert config.secrets["notification"]["secret"] == LiteralSource("")
    assert config.buckets
    assert config.buckets.topics["rubin-summit"].attributes["persistent"] == "true"
    assert config.inventory_name == "embargo-butler-inventory"


BAD: list[tuple[str, Any, str]] = [
    ("nonsense", 1, r"nonsense: unknown key; known here: .*environment"),
    ("vault.address", "vault.example.org", r"vault\.address: expected a URL"),
    ("secrets.redis.redis-password", {"path": "p"}, r"redis-password\.field: is missing"),
    ("secrets.redis.redis-password", {"path": "p", "value": ""}, r"exactly one of"),
    ("hooks.deadlineSeconds", "240", r"deadlineSeconds: expected a whole number, found text"),
    ("hooks.secrets", {"takeOver": ["rediss"]}, r"takeOver\[0\]: no such Secret"),
    ("bucketConfig.buckets.rubin-summit.owner", "x", r"owner: no such owner is declared: 'x'"),
    (
        "bucketConfig.topics.rubin-summit.attributes.OpaqueDate",
        "x",
        r"OpaqueDate: unknown attribute; known here: OpaqueData",
    ),
    (
        "bucketConfig.topics.rubin-summit.attributes.push-endpoint",
        "foo://x",
        r"push-endpoint: expected a URL that begins with one of http://",
    ),
    (
        "bucketConfig.topics.rubin-summit.attributes.OpaqueData",
        "{{ secrets.notification.secrt }}",
        r"secrets\.notification\.secrt \}\}: `secrets` declares no such key",
    ),
    (
        "bucketConfig.buckets.rubin-summit.notifications.to-http.events",
        ["s3:ObjectCreate:*"],
        r"to-http\.events: .*found s3:ObjectCreate:\*",
    ),
    ("bucketConfig.buckets.rubin-summit.foreign", ["to-http"], r"also named as foreign"),
    ("enqueue", None, r"push-endpoint: .*needs the key `enqueue`"),
]


@pytest.mark.parametrize(("place", "value", "message"), BAD)
def test_a_mistake_is_told_with_its_place(
    site: dict[str, Any], write: Write, place: str, value: Any, message: str
) -> None:
    *parents, last = place.split(".")
    node = site
    for name in parents:
        node = node[name]
    node[last] = value
    with pytest.raises(ConfigError, match=message) as caught:
        load(write(site))
    assert "config.yaml" in str(caught.value)
    assert (
        str(caught.value).split(": ")[1].startswith(place.split(".")[0][:6]) or place == "enqueue"
    )


def test_a_value_in_the_wrong_place_is_not_quoted(site: dict[str, Any], write: Write) -> None:
    site["secrets"]["redis"]["redis-password"] = "hunter2"
    with pytest.raises(ConfigError) as caught:
        load(write(site))
    assert "hunter2" not in str(caught.value)
