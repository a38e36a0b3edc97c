"""What the chart's schema says of `bucketConfig`, and what the jobs say of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from embargo_butler.config import buckets as _buckets
from embargo_butler.config import names as _names
from embargo_butler.config.config import load
from embargo_butler.errors import HooksError
from tests.unit.conftest import Write
from tests.unit.jobs.test_buckets import BUCKET

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "charts/embargo-butler/values.schema.json").read_text()
)
PART = {"$defs": SCHEMA["$defs"], **SCHEMA["properties"]["bucketConfig"]}
PLACES = (("owners",), ("topics",), ("buckets",), ("buckets", BUCKET, "notifications"))
USERS = ["rubin-summit-users"]


def refused_by_the_chart(config: dict[str, Any]) -> list[str]:
    """Return the places, as the jobs name them."""
    found = jsonschema.Draft202012Validator(PART).iter_errors(config)
    paths = [("bucketConfig", *each.absolute_path) for each in found]
    return [
        "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]
        for path in paths
    ]


def changed(site: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return `bucketConfig` with another value at a place."""
    *parents, last = place.format(b=BUCKET).split(".")
    node = site["bucketConfig"]
    for name in parents:
        node = node.setdefault(name, {})
    node[last] = value
    config: dict[str, Any] = site["bucketConfig"]
    return config


def test_chart_and_jobs_know_the_same_events() -> None:
    known = SCHEMA["$defs"]["events"]["items"]["enum"]
    assert sorted(known) == sorted(_buckets.EVENTS)
    assert {"s3:ObjectLifecycle:*", "s3:ObjectLifecycle:Expiration:Noncurrent"} < set(known)
    assert {"s3:LifecycleExpiration:Delete", "s3:LifecycleTransition"} < set(known)


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        ("buckets.{b}.deny", [{"principals": [], "actions": ["s3:PutObject"]}], "[0].principals"),
        ("buckets.{b}.deny", [{"principals": USERS, "actions": []}], "[0].actions"),
        ("buckets.{b}.grants.read", [{"principals": [], "prefix": "a/"}], "[0].principals"),
        ("buckets.{b}.grants.read", ["x", "x"], ""),
        ("buckets.{b}.grants.read", ["a b"], "[0]"),
        ("buckets.{b}.grants.read", [{"principals": ["ü"], "prefix": "a"}], "[0].principals[0]"),
        ("buckets.{b}.deny", [{"principals": ["x", "x"], "actions": ["s3:*"]}], "[0].principals"),
        ("buckets.{b}.deny", [{"principals": USERS, "actions": ["GetObject"]}], "[0].actions[0]"),
        ("buckets.{b}.foreign", ["x", "x"], ""),
        ("buckets.{b}.retired.topics", ["x", "x"], ""),
        ("buckets.{b}.notifications.to-http.events", ["s3:ObjectCreated:*"] * 2, ""),
        ("buckets.{b}.unconfirmed", None, ""),
        ("topics.{b}.unconfirmed", None, ""),
        ("topics.{b}.shared", ["x", "x"], ""),
        ("topics.{b}.attributes.persistent", None, ""),
        ("topics.{b}.attributes.Policy", "[]", ""),
        ("topics.{b}.attributes.ca-location", "", ""),
        ("topics.{b}.attributes.user-name", "", ""),
        ("topics.{b}.attributes.password", "", ""),
        ("topics.{b}.attributes.kafka-brokers", "", ""),
        ("topics.{b}.attributes.push-endpoint", "amqps://mq:5671", ""),
        ("region", "a b", ""),
        ("zoneGroup", "Default", ""),
        ("drainSeconds", 10**12, ""),
        ("topics.{b}.drainSeconds", 2592001, ""),
    ],
)
def test_chart_and_jobs_refuse_the_same(
    site: dict[str, Any], write: Write, place: str, value: Any, where: str
) -> None:
    assert refused_by_the_chart(site["bucketConfig"]) == []
    named = f"bucketConfig.{place.format(b=BUCKET)}{where}"
    assert named in refused_by_the_chart(changed(site, place, value))
    with pytest.raises(HooksError) as caught:
        load(write(site))
    assert f"{named}: " in str(caught.value)


@pytest.mark.parametrize(
    "place",
    [
        "topics.{b}.attributes.amqp-exchange",
        "topics.{b}.attributes.amqp-ack-level",
        "topics.{b}.attributes.cloudevents",
        "buckets.{b}.statements",
        "buckets.{b}.notifications.to-http.filter.regex",
        "buckets.{b}.notifications.to-http.filter.metadata",
        "buckets.{b}.notifications.to-http.filter.tags",
    ],
)
def test_chart_and_jobs_know_no_such_key(site: dict[str, Any], write: Write, place: str) -> None:
    named = f"bucketConfig.{place.format(b=BUCKET)}"
    assert refused_by_the_chart(changed(site, place, "a{2")) == [named.rpartition(".")[0]]
    with pytest.raises(HooksError) as caught:
        load(write(site))
    assert f"{named}: unknown " in str(caught.value)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *((place, name) for place in PLACES for name in ("", "a b", "ü")),
        *((place, "x" * 257) for place in PLACES[1:]),
    ],
)
def test_chart_and_jobs_refuse_the_same_names(
    site: dict[str, Any], write: Write, place: tuple[str, ...], name: str
) -> None:
    node = site["bucketConfig"]
    for step in place:
        node = node[step]
    node[name] = next(iter(node.values()))
    where = ".".join(("bucketConfig", *place))
    assert refused_by_the_chart(site["bucketConfig"]) == [where]
    with pytest.raises(HooksError) as caught:
        load(write(site))
    assert f"{where}.{name}: expected " in str(caught.value)


def test_chart_and_jobs_have_the_same_patterns() -> None:
    places = SCHEMA["properties"]["bucketConfig"]["properties"]
    bucket = places["buckets"]["additionalProperties"]["properties"]
    denial = bucket["deny"]["items"]["properties"]
    patterns = {
        _names.USER: SCHEMA["$defs"]["user"],
        _names.IDENTIFIER: SCHEMA["$defs"]["identifier"],
        _names.BUCKET: places["buckets"]["propertyNames"],
        _names.ACTION: denial["actions"]["items"],
        _names.ZONE: places["region"],
    }
    for name, there in patterns.items():
        assert there["pattern"] == f"^{name.pattern}$", name.words


@pytest.mark.parametrize("name", ["a.b", "Prompt Processing", "ü"])
def test_what_others_call_theirs_is_taken(site: dict[str, Any], write: Write, name: str) -> None:
    config = changed(site, "buckets.{b}.foreign", [name])
    config["topics"][BUCKET]["shared"] = [name]
    assert refused_by_the_chart(config) == []
    load(write(site))
