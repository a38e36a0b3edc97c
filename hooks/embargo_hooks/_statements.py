"""Statements of a policy in S3's own language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embargo_hooks import _names
from embargo_hooks._reader import Node, kind
from embargo_hooks.templates import TemplateError, references

_EITHER = ("Principal", "Action", "Resource")
_BUCKET = ("name", "arn", "tenant")


def statement(node: Node) -> Mapping[str, Any]:
    """Read a statement: its form is checked, its meaning is S3's."""
    either = tuple(key for name in _EITHER for key in (name, f"Not{name}"))
    keys = node.mapping(("Effect",), ("Sid", "Condition", *either))
    keys["Effect"].choice("Allow", "Deny")
    for name in _EITHER:
        if (name in keys) == (f"Not{name}" in keys):
            raise node.fail(f"expected either {name} or Not{name}")
    for name, place in keys.items():
        if name == "Condition":
            _form(place, 2, str, bool, int, float)
        elif name in either:
            _form(place, int(name.endswith("Principal") and place.value != "*"), str)
    if "Sid" in keys:
        _names.check(keys["Sid"], keys["Sid"].text(), _names.STATEMENT_ID)
    _check(node)
    found: Mapping[str, Any] = node.value
    return found


def _form(node: Node, depth: int, *kinds: type) -> None:
    """Check that, below so many mappings, there are values of some kinds or lists of them."""
    if depth:
        for entry in node.mapping().values():
            _form(entry, depth - 1, *kinds)
        return
    for place in node.items() if isinstance(node.value, list) else (node,):
        if not isinstance(place.value, kinds):
            raise place.fail(f"expected text, found {kind(place.value)}")


def _check(node: Node) -> None:
    """Check the templates of all texts below a place."""
    if isinstance(node.value, Mapping):
        for entry in node.mapping().values():
            _check(entry)
    elif isinstance(node.value, list):
        for entry in node.items():
            _check(entry)
    elif isinstance(node.value, str):
        try:
            asked = references(node.value)
        except TemplateError as error:
            raise node.fail(str(error)) from None
        for path in asked:
            if len(path) != 2 or path[0] != "bucket" or path[1] not in _BUCKET:
                known = ", ".join(f"bucket.{name}" for name in _BUCKET)
                raise node.fail(f"{{{{ {'.'.join(path)} }}}}: expected one of {known}")
