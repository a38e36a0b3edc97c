"""What goes wrong while the site is brought up, said so that a person can act on it."""

from __future__ import annotations

from pathlib import Path


class RigError(Exception):
    """A step of the rig failed.

    Args:
        message: What failed, what was found and what was expected.
        log: The log to read; its last lines are shown with the message.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, log: Path | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.log = log
        self.hint = hint
