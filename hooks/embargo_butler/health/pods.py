"""How a release is: its revision, its workloads, its pods, and what is not well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from embargo_butler.adapters.programs import Programs
from embargo_butler.adapters.revisions import Revision, revisions
from embargo_butler.health import running
from embargo_butler.model import rollouts
from embargo_butler.release import targets


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


@dataclass(frozen=True)
class Status:
    """How a release is.

    Attributes:
        release: The release.
        namespace: Its namespace.
        revision: Its newest revision, None where there is no release.
        workloads: Its Deployments and StatefulSets.
        pods: Its pods.
        undone: What its jobs have just left undone, though the release went on.
    """

    release: str
    namespace: str
    revision: Revision | None
    workloads: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    undone: tuple[str, ...] = ()

    def problems(self) -> Iterator[str]:
        """Tell all that is not well."""
        if self.revision is None and not self.workloads:
            yield f"there is no release {self.release} in namespace {self.namespace}"
            return
        if self.revision is None:
            pass  # what runs without Helm
        elif self.revision.status.startswith("pending"):
            yield (
                f"revision {self.revision.number} is {self.revision.status} since "
                f"{self.revision.updated}: Helm works on it, or was killed "
                f"(then `{targets.make(self.release, 'unlock')}`)"
            )
        elif self.revision.status != "deployed":
            yield (
                f"revision {self.revision.number} is {self.revision.status}: "
                f"{self.revision.description}"
            )
        for each in self.workloads:
            if each.ready < each.wanted:
                yield f"{each.kind} {each.name}: {each.ready} of {each.wanted} pods are ready"

    def text(self) -> list[str]:
        """Return the lines for a person."""
        lines = []
        if at := self.revision:
            lines.append(
                f"release {self.release}, namespace {self.namespace}, revision {at.number} "
                f"({at.status}), {at.chart}, {at.updated}"
            )
        lines += [
            f"  {each.kind} {each.name}: {each.ready}/{each.wanted}" for each in self.workloads
        ]
        for pod in self.pods:
            restarts = f", {pod.restarts} restarts" if pod.restarts else ""
            lines.append(f"  pod {pod.name}: {pod.state}{restarts}, {' '.join(pod.images)}")
        wrong = [*self.problems(), *(f"told by the release's jobs: {each}" for each in self.undone)]
        return [*lines, *(f"! {each}" for each in wrong), *([] if wrong else ["all is well"])]

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        problems = list(self.problems())
        healthy = not problems and not self.undone
        return {"version": 1, **asdict(self), "healthy": healthy, "problems": problems}


def status(programs: Programs) -> Status:
    """Look at a release.

    Raises:
        ProgramError: The cluster did not answer.
    """
    history = revisions(programs)
    workloads, pods = running.workloads(programs), running.pods(programs)
    return Status(
        release=programs.release,
        namespace=programs.namespace,
        revision=history[-1] if history else None,
        workloads=tuple(map(Workload.of, workloads)),
        pods=tuple(Pod.of(each) for each in pods if not is_of_a_job(each)),
    )


def is_of_a_job(pod: dict[str, Any]) -> bool:
    """Whether a pod is a Job's, or nobody's."""
    # A finished Job's pod, and that of `helm test`, are not ready and need not be.
    owners = pod["metadata"].get("ownerReferences", [])
    return not owners or any(each["kind"] == "Job" for each in owners)
