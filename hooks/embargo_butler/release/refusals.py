"""What the API server says against an object, read from kubectl's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MANAGER = re.compile(r'conflicts? with "([^"]+)".*?:(?: (\.\S+))?$')


@dataclass(frozen=True)
class Conflict:
    """A field that somebody else has set to another value.

    Attributes:
        field: The field, as `.spec.replicas`.
        manager: Who set it: the field manager.
    """

    field: str
    manager: str


def conflicts(said: str) -> list[Conflict]:
    """Return the conflicts that a refused server-side apply names.

    Source: what kubectl 1.34 prints; one conflict stands in the sentence, several on lines below.
    """
    return list(_conflicts(said))


def _conflicts(said: str) -> Iterator[Conflict]:
    manager = ""
    for line in said.splitlines():
        if found := _MANAGER.search(line):
            manager = found[1]
            if found[2]:
                yield Conflict(found[2], manager)
        elif line.startswith("- ."):
            yield Conflict(line[2:].strip(), manager)


def unchangeable(said: str) -> str:
    """Return why the object cannot become so (a field that cannot change); empty for others."""
    found = re.search(r"^(?:The |error: )?(.*? is invalid: .*)", said, re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""
