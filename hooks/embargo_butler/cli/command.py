"""The command `embargo-butler`."""

from __future__ import annotations

from collections.abc import Sequence

from embargo_butler.cli.job import command as job
from embargo_butler.cli.parsing import Lazy, run

_GROUPS = {"job": job.group}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb.

    Args:
        argv: The arguments, those of the process by default.

    Returns:
        The exit code.
    """
    about = "Puts images into the Butler, and keeps Secrets and buckets as declared."
    whole = Lazy("embargo-butler", about, tuple(_GROUPS), lambda name: _GROUPS[name]())
    return run(whole, argv, "embargo-butler")
