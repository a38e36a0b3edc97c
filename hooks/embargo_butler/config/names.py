"""What the names in `bucketConfig` may be; the chart's schema has the same patterns."""

from __future__ import annotations

import re
from typing import NamedTuple

from embargo_butler.config.reader import Node


class Name(NamedTuple):
    """A kind of name."""

    pattern: str
    words: str

    def fits(self, name: str) -> bool:
        """Whether a name is of this kind."""
        return re.fullmatch(self.pattern, name) is not None


USER = Name(
    "([A-Za-z0-9._-]+[$])?[A-Za-z0-9._-]+",
    "a user: letters, digits, `.`, `_` and `-`; one of a tenant is `tenant$user`",
)
IDENTIFIER = Name("[A-Za-z0-9_-]{1,256}", "1 to 256 letters, digits, `_` and `-`")
BUCKET = Name(
    "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "the name of a bucket: 3 to 63 small letters, digits, `.` and `-`",
)
ZONE = Name("[a-z0-9-]+", "small letters, digits and `-`")
ACTION = Name("s3:[A-Za-z*]+", "an action, such as s3:GetObject")


def check(node: Node, name: str, kind: Name) -> None:
    """Check a name that stands at a place.

    Raises:
        ConfigError: It is none of its kind.
    """
    if not kind.fits(name):
        raise node.fail(f"expected {kind.words}; found {name!r}")


def listed(node: Node, kind: Name) -> tuple[str, ...]:
    """Read a list of one name or more.

    Raises:
        ConfigError: It is no such list.
    """
    names = node.texts(1)
    for place, name in zip(node.items(), names, strict=True):
        check(place, name, kind)
    return names
