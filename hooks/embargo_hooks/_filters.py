"""What restricts a notification to some objects: of the key, of the metadata, of the tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from embargo_hooks._reader import Node

OF_KEY = ("prefix", "suffix", "regex")
Filter = Mapping[str, Mapping[str, str]]


def parse(node: Node) -> str:
    """Read a declared filter as canonical text, empty where it restricts nothing."""
    entries = node.mapping((), (*OF_KEY, "metadata", "tags"))
    of_key = {name: entries[name].text() for name in OF_KEY if name in entries}
    if "regex" in of_key:
        _check(entries["regex"])
    found = {"key": of_key}
    for part in ("metadata", "tags"):
        rules = entries[part].mapping() if part in entries else {}
        found[part] = {name: value.text(empty=True) for name, value in rules.items()}
    for name in found["metadata"]:
        if not name.startswith("x-amz-meta-"):
            place = entries["metadata"].child(name)
            raise place.fail("expected the name of a header that begins with x-amz-meta-")
    return text(found)


def _check(node: Node) -> None:
    """Check a regular expression, which is one of ECMAScript for Ceph, with what Python has."""
    # Escaped characters and classes are read first, as a `(?` in them is none.
    parts = re.findall(r"\\.|\[(?:\\.|[^\]\\])*\]|\(\?.?", node.text(), re.DOTALL)
    for part in parts:
        if part.startswith("(?") and part not in ("(?:", "(?=", "(?!"):
            raise node.fail(f"not a regular expression of ECMAScript, as Ceph takes them: {part!r}")
    try:
        re.compile(node.text())
    except (re.error, OverflowError) as error:
        raise node.fail(f"not a regular expression: {error}") from None


def text(rules: Filter) -> str:
    """Return rules as canonical text, empty for none."""
    given = {part: dict(some) for part, some in rules.items() if some}
    return json.dumps(given, sort_keys=True) if given else ""


def rules(canonical: str) -> Filter:
    """Return what `text` wrote."""
    found: Filter = json.loads(canonical) if canonical else {}
    return found
