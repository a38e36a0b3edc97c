"""A misfortune in the world: it stops what depends on it, and nothing else.

A mistake in the input stops everything and is an error; a misfortune is a value. The owner's keys
are not there, a bucket is gone: a plan goes on without that, whoever shows the plan tells of it, a
release's job leaves an Event, and the audit counts it as drift. It fails no release.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Misfortune:
    """What was found in the world that stands in the way of something declared.

    Attributes:
        about: What it is about, as kind and name: `owner rubin-summit`.
        text: What was found, and what stays undone.
        remedy: The command that mends it, word by word; none where no command does.
    """

    about: str
    text: str
    remedy: tuple[str, ...] = ()

    def __str__(self) -> str:
        mended = f": `{shlex.join(self.remedy)}`" if self.remedy else ""
        return f"{self.about}: {self.text}{mended}"
