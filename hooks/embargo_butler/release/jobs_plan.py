"""What the hook jobs would do: their own plans, read from here with the operator's Vault token."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from embargo_butler.adapters.programs import ProgramError, Run

_DEADLINE_SECONDS = 240
_MORE_SECONDS = 30
"""After its deadline a plan has said why it could not go on; what takes longer hangs."""


def as_operator(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's configuration with the operator's login in place of the job's own."""
    ours = copy.deepcopy(dict(config))
    ours["vault"]["auth"] = {"method": "token"}
    return ours


def areas(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the jobs that log in to Vault."""
    return [
        *(["secrets"] if config.get("secrets") else []),
        *(["buckets"] if config.get("bucketConfig") else []),
    ]


def plans(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the plans that there are.

    Where there is no buckets job, another one, without a login, restarts what is stale.
    """
    found = areas(config)
    return found if "buckets" in found or not found else [*found, "settle"]


def plan(config: Mapping[str, Any], area: str, output: str, run: Run) -> tuple[int, str]:
    """Run one job's plan, which only reads.

    Args:
        config: What the job is told.
        area: The job, `secrets`, `buckets` or `settle`.
        output: `text` or `json`.
        run: Runs a program.

    Returns:
        The exit code (0 nothing to do, 2 changes, anything else a problem), and what it said.
    """
    words = (
        sys.executable,
        "-m",
        "embargo_butler.cli.hooks",
        area,
        "plan",
        "--config",
        "/dev/stdin",
    )
    # Until then it may wait for a gateway or a Vault that does not answer.
    deadline = (config.get("hooks") or {}).get("deadlineSeconds", _DEADLINE_SECONDS)
    try:
        text = yaml.safe_dump(as_operator(config))
        done = run((*words, "--output", output), text, deadline + _MORE_SECONDS)
    except ProgramError as error:
        return 1, f"{area} plan: {error}"
    silent = f"{area} plan: ended with status {done.status} and without a word"
    return done.status, done.out or done.err or silent
