"""The chart's schema and the jobs' dataclasses say the same of the same places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from embargo_butler.config.config import Config

CHART = json.loads(
    (Path(__file__).parents[3] / "charts/embargo-butler/values.schema.json").read_text()
)
JOBS = TypeAdapter(Config).json_schema()


def resolved(whole: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def places(
    whole: dict[str, Any], node: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is said of each place that a document may have; `*` is any name or index."""
    node = resolved(whole, node)
    yield ".".join(path), node
    for option in (*node.get("oneOf", ()), *node.get("anyOf", ()), *node.get("allOf", ())):
        yield from places(whole, option, path)
    for option in (node[word] for word in ("then", "else") if word in node):
        yield from places(whole, option, path)
    for name, below in node.get("properties", {}).items():
        # What begins with NUL is put in by whoever reads the document.
        if not name.startswith("\0"):
            yield from places(whole, below, (*path, name))
    entries = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    for below in (*entries, node.get("items")):
        if isinstance(below, dict):
            yield from places(whole, below, (*path, "*"))


def said(whole: dict[str, Any], part: str, what: str) -> dict[str, set[str]]:
    """Return what is said by one word of each place of a part."""
    found = dict[str, set[str]]()
    for place, node in places(whole, whole["properties"][part]):
        values = node.get(what, ())
        found.setdefault(place, set()).update(
            map(str, values if isinstance(values, list | tuple) else (values,))
        )
    return found


@pytest.mark.parametrize("part", ["bucketConfig", "secrets", "vault"])
def test_both_know_the_same_places(part: str) -> None:
    assert said(CHART, part, "").keys() == said(JOBS, part, "").keys()


@pytest.mark.parametrize("part", ["bucketConfig", "secrets", "vault"])
@pytest.mark.parametrize("what", ["enum", "minimum", "maximum"])
def test_what_the_jobs_allow_is_what_the_chart_allows(part: str, what: str) -> None:
    chart = said(CHART, part, what)
    for place, allowed in said(JOBS, part, what).items():
        assert not allowed or chart[place] == allowed, place


def test_what_the_jobs_need_of_buckets_is_what_the_chart_needs() -> None:
    """Of `vault` and `secrets` the chart has defaults; it asks for `environment` by itself."""
    chart, jobs = said(CHART, "bucketConfig", "required"), said(JOBS, "bucketConfig", "required")
    for place, needed in jobs.items():
        declared = {key for key in needed if not key.startswith("\0")}
        assert declared - {"environment"} == chart[place], place
