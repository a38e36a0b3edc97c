"""The pods of a release, and what has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from embargo_butler.model import rollouts


@dataclass(frozen=True)
class Pod:
    """A pod of the release.

    Attributes:
        name: Its name.
        ready: Whether it is ready.
        state: `ready`, or what it waits for.
        restarts: How often its containers were started again.
        images: Its containers' images.
    """

    name: str
    ready: bool
    state: str
    restarts: int
    images: tuple[str, ...]

    @classmethod
    def of(cls, pod: dict[str, Any]) -> Pod:
        """Read one from its object."""
        found = pod["status"]
        conditions = {each["type"]: each["status"] for each in found.get("conditions", [])}
        containers = found.get("containerStatuses", [])
        ready = conditions.get("Ready") == "True"
        return cls(
            name=pod["metadata"]["name"],
            ready=ready,
            state=_state(pod, ready),
            restarts=sum(each["restartCount"] for each in containers),
            images=tuple(each["image"] for each in pod["spec"]["containers"]),
        )


def _state(pod: dict[str, Any], ready: bool) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "is being deleted"
    if ready:
        return "ready"
    found = pod["status"]
    every = [*found.get("initContainerStatuses", []), *found.get("containerStatuses", [])]
    for each in every:
        if reason := each["state"].get("waiting", {}).get("reason"):
            return str(reason)
    unscheduled = [
        each.get("message", "")
        for each in found.get("conditions", [])
        if each["type"] == "PodScheduled" and each["status"] != "True"
    ]
    if unscheduled:
        return f"cannot be scheduled: {unscheduled[0]}"
    phase = str(found["phase"])
    return "runs, not ready" if phase == "Running" else phase.lower()


@dataclass(frozen=True)
class Workload:
    """A Deployment or StatefulSet of the release.

    Attributes:
        kind: Its kind.
        name: Its name.
        wanted: How many pods there are to be.
        ready: How many are ready and up to date.
    """

    kind: str
    name: str
    wanted: int
    ready: int

    @classmethod
    def of(cls, workload: dict[str, Any]) -> Workload:
        """Read one from its object."""
        pods = rollouts.pods(workload)
        return cls(workload["kind"], workload["metadata"]["name"], pods.wanted, pods.ready)


def is_of_a_job(pod: dict[str, Any]) -> bool:
    """Whether a pod is a Job's, or nobody's."""
    # A finished Job's pod, and that of `helm test`, are not ready and need not be.
    owners = pod["metadata"].get("ownerReferences", [])
    return not owners or any(each["kind"] == "Job" for each in owners)
