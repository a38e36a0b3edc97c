"""Whose plans make up what the hook jobs would do, with the operator's Vault token."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


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
