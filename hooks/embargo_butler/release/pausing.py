"""Ingest to zero pods and back, in a way that no later release undoes or stumbles over.

What arrives meanwhile waits in Redis, and what the stopped pods had in hand idle gives back to the
queue. That ingest is paused, and how many pods it had, stands in an annotation of its Deployment,
which releases leave alone; an apply that finds it renders the chart with `ingest.suspend`.

Whose field `replicas` is afterwards decides whether the next release is refused (facts of Helm
hooks): where the chart renders it, it is written as Helm writes it; where the chart leaves it to
people, as a person would.
"""

from __future__ import annotations

import getpass
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from embargo_butler.adapters.background import Background, private_folder, running
from embargo_butler.adapters.programs import ProgramError, Programs
from embargo_butler.errors import HooksError
from embargo_butler.model import times
from embargo_butler.waiting import until

ANNOTATION = "embargo-butler/paused"
_KEDA = "autoscaling.keda.sh/paused-replicas"
_MANAGER = "embargo-operator"
_WAIT_SECONDS = 180
_HELM = {"meta.helm.sh/release-name", "meta.helm.sh/release-namespace"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ingest:
    """The ingest pods of a release.

    Attributes:
        live: Their Deployment.
        rendered: The same as the release's last revision has it, None where that is not known.
        scaled: The KEDA object that scales it, empty if nothing does.
    """

    live: dict[str, Any]
    rendered: dict[str, Any] | None = None
    scaled: str = ""

    @property
    def name(self) -> str:
        """The Deployment's name."""
        return str(self.live["metadata"]["name"])

    @property
    def replicas(self) -> int:
        """How many pods there are to be."""
        return int(self.live["spec"].get("replicas", 1))

    @property
    def paused(self) -> dict[str, Any] | None:
        """What was noted of the pause: `replicas`, `since` and `by`; None if it is not paused."""
        noted = (self.live["metadata"].get("annotations") or {}).get(ANNOTATION)
        try:
            return dict(json.loads(noted)) if noted else None
        except (ValueError, TypeError):
            return {"replicas": 1, "since": "", "by": ""}

    @property
    def before(self) -> int:
        """How many pods there were before it was paused; as many as now, if it is not paused."""
        paused = self.paused
        return self.replicas if paused is None else max(1, int(paused.get("replicas", 1)))

    @property
    def counted(self) -> bool:
        """Whether the release says how many pods there are."""
        return "replicas" in ((self.rendered or {}).get("spec") or {})

    @property
    def applied(self) -> bool:
        """Whether the release was made by server-side apply, as Helm 4 does."""
        fields = self.live["metadata"].get("managedFields") or ()
        return any((f["manager"], f["operation"]) == ("helm", "Apply") for f in fields)


def find(programs: Programs, manifest: str = "") -> Ingest | None:
    """Return the ingest pods of a release, None where there are none.

    Args:
        programs: helm and kubectl.
        manifest: The manifests of the release's last revision, if they are needed.

    Raises:
        ProgramError: The cluster did not answer.
    """
    found = programs.objects(
        "deployments", "-l", programs.selector("ingest"), "--show-managed-fields"
    )
    if not found:
        return None
    name = found[0]["metadata"]["name"]
    documents = [each for each in yaml.load_all(manifest, yaml.CSafeLoader) if each]
    ours = {each["kind"]: each for each in documents if each["metadata"]["name"] == name}
    scaled = name if "ScaledObject" in ours else ""
    return Ingest(found[0], ours.get("Deployment"), scaled)


def counts(manifest: str, name: str) -> bool:
    """Whether some manifests say how many pods a Deployment has."""
    return any(
        each["metadata"]["name"] == name and "replicas" in each["spec"]
        for each in yaml.load_all(manifest, yaml.CSafeLoader)
        if each and each["kind"] == "Deployment"
    )


def pause(programs: Programs, ingest: Ingest, say: Say) -> None:
    """Bring it to zero and wait until no pod is left; what was noted of a pause before stays.

    Raises:
        ProgramError: The cluster refused.
        HooksError: A pod does not end.
    """
    if ingest.paused is None:
        now = times.text(datetime.now(UTC))
        noted = json.dumps({"replicas": ingest.replicas, "since": now, "by": getpass.getuser()})
        _annotate(programs, f"deployment/{ingest.name}", ANNOTATION, noted)
    hold(programs, ingest)
    _wait(programs, "no ingest pod is left", lambda: not _pods(programs), say)


def hold(programs: Programs, ingest: Ingest) -> None:
    """Have no pods; the annotation stands already."""
    if ingest.scaled:
        _annotate(programs, f"scaledobject/{ingest.scaled}", _KEDA, "0")
    scale(programs, ingest, 0)


@contextmanager
def held(programs: Programs, ingest: Ingest | None) -> Iterator[None]:
    """Keep a paused ingest at no pods while Helm goes back to a revision that has some.

    A rollback takes no values, so it does have them for a moment: less than a pod takes to start.
    """
    if ingest is None or not ingest.paused:
        yield
        return
    words = (
        "get",
        f"deployment/{ingest.name}",
        "--watch",
        "-o",
        "jsonpath={.spec.replicas}{'\\n'}",
    )

    def follow(watch: Background) -> None:
        for line in watch.lines():
            if line.strip() not in ("", "0"):
                with suppress(ProgramError):
                    hold(programs, ingest)

    with running(programs.kubectl_words(*words), private_folder()) as watch:
        follower = threading.Thread(target=follow, args=(watch,), name="held", daemon=True)
        follower.start()
        try:
            yield
        finally:
            watch.end()
            follower.join()


def resume(programs: Programs, ingest: Ingest, say: Say) -> int:
    """Bring back as many pods as there were, wait until they are ready, and return how many.

    Raises:
        ProgramError: The cluster refused.
        HooksError: They do not get ready.
    """
    replicas = ingest.before
    if ingest.scaled:
        _annotate(programs, f"scaledobject/{ingest.scaled}", _KEDA, None)
    scale(programs, ingest, replicas)
    _annotate(programs, f"deployment/{ingest.name}", ANNOTATION, None)
    wanted = f"{replicas} ingest pod{'s are' if replicas > 1 else ' is'} ready"
    _wait(programs, wanted, lambda: _ready(programs) >= replicas, say)
    return replicas


def scale(programs: Programs, ingest: Ingest, replicas: int) -> None:
    """Have so many pods, in the name of whoever says how many there are."""
    if not (ingest.counted and ingest.applied):
        manager = "helm" if ingest.counted else _MANAGER
        patch = json.dumps({"spec": {"replicas": replicas}})
        _patch(programs, f"deployment/{ingest.name}", patch, manager)
        return
    assert ingest.rendered is not None
    wanted = json.loads(json.dumps(ingest.rendered))
    wanted["spec"]["replicas"] = replicas
    # Helm adds these to what it renders; what is left out here would be taken away.
    live = ingest.live["metadata"].get("annotations") or {}
    helms = {key: live[key] for key in _HELM if key in live}
    metadata = wanted["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **helms}
    how = ("--server-side", "--force-conflicts", "--field-manager=helm")
    programs.kubectl("apply", "-f", "-", *how, stdin=json.dumps(wanted))


def _annotate(programs: Programs, what: str, key: str, value: str | None) -> None:
    _patch(programs, what, json.dumps({"metadata": {"annotations": {key: value}}}), _MANAGER)


def _patch(programs: Programs, what: str, patch: str, manager: str) -> None:
    programs.kubectl("patch", what, "--type=merge", f"--field-manager={manager}", "-p", patch)


def _pods(programs: Programs) -> list[dict[str, Any]]:
    return programs.objects("pods", "-l", programs.selector("ingest"))


def _ready(programs: Programs) -> int:
    return sum(
        {"type": "Ready", "status": "True"}.items() <= condition.items()
        for pod in _pods(programs)
        if "deletionTimestamp" not in pod["metadata"]
        for condition in pod["status"].get("conditions", ())
    )


def _wait(programs: Programs, what: str, done: Callable[[], bool], say: Say) -> None:
    say(f"waiting until {what}")
    for _ in until(time.monotonic() + _WAIT_SECONDS, 1):
        if done():
            return
    raise HooksError(
        f"after {_WAIT_SECONDS} s it is still not so that {what}; "
        f"`kubectl get pods -n {programs.namespace}` tells why"
    )
