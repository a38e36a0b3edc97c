"""`clean-up`: what is left to do when a release is uninstalled."""

from __future__ import annotations

from embargo_hooks.clean_up import clean_up
from embargo_hooks.commands._running import Areas, Run, add, carry_out


def add_to(areas: Areas) -> None:
    """Add the verb."""
    about = "take away our notifications, topics and Secrets; what is not ours alone stays"
    add(areas, "clean-up", _clean_up, about).set_defaults(verb="")


def _clean_up(run: Run) -> int:
    return carry_out(run, lambda: clean_up(run.config, run.world, run.report))
