"""What a process costs, from its start to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from tests.rig.site import PROJECT

_MEASURING = """
import json, resource, subprocess, sys, time
begun = time.monotonic()
code = subprocess.call(sys.argv[2:])
seconds = time.monotonic() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([code, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], file)
"""
"""Stands between: Linux counts as a process' memory too what the one had that started it."""


@dataclass(frozen=True)
class Cost:
    """What a process has used: seconds by the clock, seconds of CPU, MiB of memory at most."""

    seconds: float
    cpu: float
    memory: float


def cost(command: Sequence[str], env: dict[str, str]) -> Cost:
    """Run a command to its end; what it says is shown only if it fails."""
    # The image's modules are compiled beforehand; here the first run does it.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    path = {"PYTHONPATH": str(PROJECT / "hooks"), "PYTHONPYCACHEPREFIX": tempfile.gettempdir()}
    with tempfile.NamedTemporaryFile("r") as told:
        ran = subprocess.run(
            [sys.executable, "-S", "-c", _MEASURING, told.name, *command],
            env={**kept, **path, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        code, seconds, cpu, memory = json.load(told)
    if code:
        raise SystemExit(f"{' '.join(command)}:\n{ran.stdout}")
    return Cost(seconds, cpu, memory)
