"""What a release's jobs have left undone: they say it in Events, and end with 0 all the same."""

from __future__ import annotations

from typing import Any

from embargo_butler.adapters.programs import ProgramError, Programs

_REASONS = ("Misfortune", "PassedOver")


class Undone:
    """What is told from now on."""

    def __init__(self, programs: Programs) -> None:
        """Note what was told before."""
        self._programs = programs
        self._before = {each["metadata"]["uid"] for each in self._events()}

    def told(self) -> tuple[str, ...]:
        """Return what was told since, each once; or that it cannot be seen."""
        try:
            events = self._listed()
        except ProgramError as error:
            return (f"what the jobs have left undone cannot be seen: {error}",)
        new = [each for each in events if each["metadata"]["uid"] not in self._before]
        return tuple(dict.fromkeys(str(each["message"]) for each in new))

    def _events(self) -> list[dict[str, Any]]:
        try:
            return self._listed()
        except ProgramError:
            return []  # It is said afterwards.

    def _listed(self) -> list[dict[str, Any]]:
        found = self._programs.objects("events", "--field-selector=type=Warning")
        return [each for each in found if each.get("reason") in _REASONS]
