"""The one form in which times are written down: UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"


def text(when: datetime) -> str:
    """Return a time as it is written down."""
    return when.astimezone(UTC).strftime(FORM)


def read(written: str) -> datetime:
    """Return a time that was written down.

    Raises:
        ValueError: It is not in that form.
    """
    return datetime.strptime(written, FORM).replace(tzinfo=UTC)
