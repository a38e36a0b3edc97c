"""How a release is: its newest revision, and whether its pods are as it wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from embargo_butler.adapters.programs import Programs
from embargo_butler.adapters.revisions import Revision, revisions
from embargo_butler.health import running
from embargo_butler.health.pods import Pod, Workload, is_of_a_job
from embargo_butler.release import targets


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
        yield from self.of_the_release()
        for each in self.workloads:
            if each.ready < each.wanted:
                yield f"{each.kind} {each.name}: {each.ready} of {each.wanted} pods are ready"

    def of_the_release(self) -> Iterator[str]:
        """Tell what is not well with the release itself, whatever its pods do."""
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
