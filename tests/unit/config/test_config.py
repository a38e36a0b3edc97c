from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from embargo_butler.config.config import FieldSource, LiteralSource, load
from embargo_butler.errors import ConfigError, Problems
from embargo_butler.release.environments import read_values
from tests.unit.conftest import Write


def test_a_whole_site_is_read(site: dict[str, Any], write: Write) -> None:
    site["secrets"]["notification"] = {"secret": {"value": ""}}
    config = load(write(site))
    assert config.secrets["redis"]["redis-password"] == FieldSource("site/summit", "redis")
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
        r"OpaqueDate: unknown key; known here: OpaqueData",
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
    ("enqueue", None, r"push-endpoint: .*which Kafka mode has not"),
    ("vault.auth.method", "ldap", r"vault\.auth\.method: expected one of kubernetes, approle, jwt"),
    ("vault.auth", {"method": "wrapped"}, r"vault\.auth\.secret: is missing; the wrapped login"),
    ("vault.auth", {"method": "jwt"}, r"vault\.auth\.role: is missing; the jwt login"),
    ("vault.timeoutSeconds", 0, r"vault\.timeoutSeconds: expected at least 1"),
    ("vault.caBundel", "x", r"vault\.caBundel: unknown key"),
    ("secrets.redis.a b", {"value": ""}, r"expected as key of a Secret"),
    ("secrets.Redis", {}, r"secrets\.Redis: expected as name of a Secret"),
    ("hooks.secrets", {"retired": ["redis"]}, r"retired\[0\]: also declared: 'redis'"),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"just text", "the file: expected a mapping, found text"),
        (b"- a", "the file: expected a mapping, found a list"),
        (b"a: {[b]: c}", r", line 1: is not YAML \(ConstructorError\)"),
        (b"a: \xff", r": is not YAML \(UnicodeDecodeError\)"),
        (b"a: 2026-13-01", r": is not YAML \(ValueError\)"),
        (b"a: {once: 1,\n once: 2}", ", line 2: the key 'once' is given twice"),
    ],
)
def test_what_is_no_configuration_is_told_with_its_file(
    tmp_path: Path, text: bytes, message: str
) -> None:
    file = tmp_path / "summit.yaml"
    file.write_bytes(text)
    for read in (load, read_values):
        with pytest.raises(ConfigError, match=rf"summit\.yaml.*{message}"):
            read(file)


def test_a_number_as_name_of_an_owner(site: dict[str, Any], write: Write) -> None:
    owners = site["bucketConfig"]["owners"]
    site["bucketConfig"]["owners"] = {1: owners["rubin-summit"]}
    with pytest.raises(Problems, match=r"bucketConfig\.owners: expected text as key, found 1; put"):
        load(write(site))


def test_a_value_in_the_wrong_place_is_not_quoted(site: dict[str, Any], write: Write) -> None:
    site["secrets"]["redis"]["redis-password"] = "hunter2"
    with pytest.raises(ConfigError) as caught:
        load(write(site))
    assert "hunter2" not in str(caught.value)


def test_vault_as_far_as_it_goes(site: dict[str, Any], write: Write) -> None:
    site["vault"] |= {
        "namespace": "rubin/usdf",
        "caBundle": "/etc/ca.pem",
        "timeoutSeconds": 5,
        "retrySeconds": 0,
        "auth": {
            "method": "approle",
            "mount": None,
            "role": None,
            "audience": None,
            "secret": {"name": "login"},
        },
    }
    vault = load(write(site)).vault
    assert (vault.namespace, vault.ca_bundle, vault.timeout, vault.retry) == (
        "rubin/usdf",
        "/etc/ca.pem",
        5,
        0,
    )
    assert (vault.method, vault.login_mount, vault.stored) == ("approle", "approle", "login")
