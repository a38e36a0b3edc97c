"""How far a Deployment or StatefulSet is with the replacement of its pods, by what the API says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pods:
    """The pods of a workload.

    Attributes:
        wanted: How many there are to be.
        ready: How many are ready and of the present template.
        settled: Whether that is all of them, and no other one is left.
    """

    wanted: int
    ready: int
    settled: bool


def pods(live: Mapping[str, Any]) -> Pods:
    """Count the pods of a workload, as its object in the API's JSON has them."""
    spec, status = live["spec"], live.get("status") or {}
    wanted = 1 if spec.get("replicas") is None else int(spec["replicas"])
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return Pods(wanted, 0, False)  # it says nothing yet of the present template
    there = status.get("replicas") or 0
    updated = status.get("updatedReplicas") or 0
    # A StatefulSet counts no updated pods where it has none to update.
    if "currentRevision" in status and status["currentRevision"] == status.get("updateRevision"):
        updated = there
    # Of those that are ready some may be old ones, which have yet to go.
    new = max((status.get("readyReplicas") or 0) - (there - updated), 0)
    return Pods(wanted, new, wanted == there == updated == new)
