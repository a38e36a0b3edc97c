"""jinja2 templates over secrets: sandboxed, strict, and silent about values."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import SandboxedEnvironment

# jinja2 is imported where it is first needed: most declarations hold no template.
_MARKS = ("{{", "{%", "{#")


class TemplateError(ValueError):
    """The template is wrong, or asks for what is not there; never quotes a value."""


class MissingError(TemplateError):
    """The template is right, but asks for what is not there."""


def references(template: str) -> frozenset[tuple[str, ...]]:
    """Return what a template asks for, as paths: `{{ secrets.redis.password }}` is one of three.

    Raises:
        TemplateError: The template cannot be parsed.
    """
    if not any(mark in template for mark in _MARKS):
        return frozenset()
    from jinja2 import TemplateSyntaxError, meta, nodes

    try:
        tree = _environment().parse(template)
        # An unknown filter comes up only here.
        outside = meta.find_undeclared_variables(tree) - set(_environment().globals)
    except TemplateSyntaxError as error:
        raise TemplateError(f"template, line {error.lineno}: {error.message}") from None
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for node in tree.find_all(nodes.Getattr):
        # jinja2 takes what a mapping can do for what it holds.
        if hasattr(dict, node.attr) and id(node) not in called:
            there = ".".join(_path(node.node) or ("...",))
            raise TemplateError(
                f"template, line {node.lineno}: {there}.{node.attr} is no field but a method: "
                f'write {there}["{node.attr}"]'
            )
    return frozenset(path for path in _paths(tree) if path[0] in outside)


def render(template: str, context: Mapping[str, Any]) -> str:
    """Fill in a template, keeping it byte for byte elsewhere.

    Raises:
        TemplateError: Something it asks for is not there, or it fails.
    """
    if not any(mark in template for mark in _MARKS):
        return template
    for path in references(template):
        _require(path, context)
    try:
        return _environment().from_string(template).render(context)
    except Exception as error:
        # jinja2's messages can quote what the template computed with, so only the kind is told.
        raise TemplateError(f"template fails with {type(error).__name__}") from None


@cache
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    made = SandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    # jinja2's own urlencode leaves "/" as it is, which breaks the userinfo of a URL.
    made.filters["urlencode"] = lambda value: quote(str(value), safe="")
    made.filters["b64encode"] = lambda value: base64.b64encode(str(value).encode()).decode()
    return made


def _paths(tree: nodes.Node) -> Iterator[tuple[str, ...]]:
    if path := _path(tree):
        yield path
        return
    for child in tree.iter_child_nodes():
        yield from _paths(child)


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    from jinja2 import nodes

    if isinstance(node, nodes.Name) and node.ctx == "load":
        return (node.name,)
    if isinstance(node, nodes.Getattr) and (head := _path(node.node)):
        return (*head, node.attr)
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and (head := _path(node.node))
    ):
        return (*head, str(node.arg.value))
    return None


def _require(path: tuple[str, ...], context: Mapping[str, Any]) -> None:
    place: Any = context
    for depth, name in enumerate(path):
        if not isinstance(place, Mapping):
            return
        if name not in place:
            there = ", ".join(sorted(place)) or "nothing"
            under = f" under {'.'.join(path[:depth])}" if depth else ""
            raise MissingError(f"{{{{ {'.'.join(path)} }}}}: no {name!r}{under}; there: {there}")
        place = place[name]
