"""Helm in the versions that the chart promises to work with."""

from __future__ import annotations

from pathlib import Path

from tests.rig import binaries
from tests.rig.progress import Say
from tests.rig.release import helm

OLDEST = "3.17.3"
NEWEST = binaries.HELMS
"""The newest of each major version."""


def program(version: str, say: Say) -> Path:
    """Return one of them, built if need be.

    Args:
        version: One of `OLDEST`, which comes with this project's Python environment, and `NEWEST`.
        say: Is told what is done.
    """
    return Path(helm()) if version == OLDEST else binaries.helm(version, say)
