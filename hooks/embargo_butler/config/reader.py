"""Strict reading of parsed YAML: every mistake is said with its file and key path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from embargo_butler.errors import (
    ConfigError,
    HooksError,
    Problems,
)


class Node:
    """One place in a configuration file."""

    def __init__(self, value: Any, file: str, path: str = "") -> None:
        """Hold a value and where it stands."""
        self.value = value
        self.file = file
        self.path = path

    def fail(self, message: str) -> ConfigError:
        """Return an error about this place."""
        return ConfigError(f"{self.file}: {self.path or 'the file'}: {message}")

    def mapping(
        self, required: tuple[str, ...] = (), optional: tuple[str, ...] | None = None
    ) -> dict[str, Node]:
        """Return the mapping's entries.

        Args:
            required: Keys that must be there.
            optional: Keys that may be there beside; None allows any.
        """
        if not isinstance(self.value, Mapping):
            raise self.fail(f"expected a mapping, found {kind(self.value)}")
        found: list[HooksError] = []
        for key in self.value:
            if not isinstance(key, str):
                found.append(self.fail(f"expected text as key, found {key!r}; put it in quotes"))
            elif optional is not None and key not in required + optional:
                known = ", ".join(sorted(required + optional))
                found.append(self.child(key).fail(f"unknown key; known here: {known}"))
        found += [self.child(key).fail("is missing") for key in required if key not in self.value]
        if found:
            raise found[0] if len(found) == 1 else Problems(found)
        return {key: self.child(key) for key in self.value}

    def child(self, key: str) -> Node:
        """Return the place of a key, whose value is None where there is none."""
        value = self.value.get(key) if isinstance(self.value, Mapping) else None
        return Node(value, self.file, f"{self.path}.{key}" if self.path else key)

    def items(self) -> Iterator[Node]:
        """Iterate over a list."""
        if not isinstance(self.value, list):
            raise self.fail(f"expected a list, found {kind(self.value)}")
        for index, value in enumerate(self.value):
            yield Node(value, self.file, f"{self.path}[{index}]")

    def texts(self, least: int = 0) -> tuple[str, ...]:
        """Return a list of so many different texts or more, empty where the key is absent."""
        if self.value is None and not least:
            return ()
        found = list[str]()
        for item in self.items():
            if item.text() in found:
                raise self.fail(f"{item.value!r} stands there twice")
            found.append(item.text())
        if len(found) < least:
            raise self.fail(f"expected at least {least}, found {len(found) or 'none'}")
        return tuple(found)

    def text(self, empty: bool = False) -> str:
        """Return a text, not empty unless that is allowed."""
        if not isinstance(self.value, str):
            raise self.fail(f"expected text, found {kind(self.value)}")
        if not self.value and not empty:
            raise self.fail("expected text, found an empty one")
        return self.value

    def whole(self, minimum: int = 0, maximum: int | None = None) -> int:
        """Return a whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.fail(f"expected a whole number, found {kind(self.value)}")
        if self.value < minimum:
            raise self.fail(f"expected at least {minimum}, found {self.value}")
        if maximum is not None and self.value > maximum:
            raise self.fail(f"expected at most {maximum}, found {self.value}")
        return self.value

    def flag(self) -> bool:
        """Return true or false; absent is false."""
        if self.value is None:
            return False
        if not isinstance(self.value, bool):
            raise self.fail(f"expected true or false, found {kind(self.value)}")
        return self.value

    def choice(self, *allowed: str) -> str:
        """Return a text out of a few."""
        if (found := self.text()) not in allowed:
            raise self.fail(f"expected one of {', '.join(allowed)}, found {found!r}")
        return found


def kind(value: Any) -> str:
    """Return what kind of value it is: itself it is not told, as it may be a password."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a number", date: "a date", datetime: "a date"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)
