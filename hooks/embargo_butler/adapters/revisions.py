"""A release's revisions, as Helm keeps them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from embargo_butler.adapters.programs import ProgramError, Programs, UnreachableError
from embargo_butler.errors import HooksError

PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
_ANY = ("deployed", "failed", "pending", "superseded", "uninstalled", "uninstalling")
"""Every status, in which Helm 3 lists a release as well as Helm 4."""


@dataclass(frozen=True)
class Revision:
    """One revision of a release.

    Attributes:
        number: Its number.
        status: Helm's word: `deployed`, `failed`, `superseded`, `pending-upgrade` and so on.
        updated: When that became so.
        chart: Chart and version.
        description: What Helm says of it.
    """

    number: int
    status: str
    updated: str
    chart: str
    description: str


def revisions(programs: Programs) -> list[Revision]:
    """Return a release's revisions, oldest first; none where there is no release.

    Raises:
        ProgramError: Helm failed.
    """
    try:
        found = programs.helm("history", programs.release, "--max", "1000", "-o", "json")
    except UnreachableError:
        raise
    except ProgramError as error:
        # What it says is for people, and much else is not found; a list without it tells.
        if _listed(programs, error):
            raise
        return []
    return [
        Revision(
            number=int(each["revision"]),
            status=each["status"],
            updated=each["updated"],
            chart=each["chart"],
            description=each["description"],
        )
        for each in json.loads(found)
    ]


def _listed(programs: Programs, error: ProgramError) -> bool:
    """Tell whether there is such a release; what went wrong first, where nobody tells."""
    name = ("--filter", f"^{re.escape(programs.release)}$")
    try:
        found = programs.helm("list", *name, *(f"--{each}" for each in _ANY), "-o", "json")
    except ProgramError:
        raise error from None
    return bool(json.loads(found))


def last_deployed(history: list[Revision]) -> Revision | None:
    """Return the revision that Helm holds for live."""
    return next((each for each in reversed(history) if each.status == "deployed"), None)


def target(history: list[Revision], wanted: int | None, name: str) -> Revision:
    """Return the revision to go back to: the one asked for, or the last good one before now.

    Raises:
        HooksError: There is no such revision.
    """
    if wanted is not None:
        found = [each for each in history if each.number == wanted]
        if not found:
            there = ", ".join(str(each.number) for each in history) or "none"
            raise HooksError(f"{name} has no revision {wanted}; there are: {there}")
        return found[0]
    before = [each for each in history[:-1] if each.status in ("deployed", "superseded")]
    if not before:
        raise HooksError(f"{name} has no earlier good revision to go back to")
    return before[-1]
