"""A value that must not be seen."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Bytes that print, format and log as `***`, and do not pickle.

    Only `reveal` and `text` give the value; their few callers are the edges that need it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes) -> None:
        """Hide a value; text is kept as UTF-8."""
        self._value = value.encode() if isinstance(value, str) else value

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._value

    def text(self) -> str:
        """Return the bytes as text; what is not UTF-8 is an error that does not quote it."""
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            raise ValueError("the value is not UTF-8 text") from None

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
