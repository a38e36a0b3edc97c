"""What lightkube's pods and workloads tell of secrets and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lightkube.models.core_v1 import Container
from lightkube.models.core_v1 import Pod as PodModel

from embargo_butler.model import rollouts
from embargo_butler.model.ports import Pod, Rollout, Use

RESTARTED = "embargo-butler/restarted-at"
"""The annotation of a pod template that a restart changes; no chart renders it."""


def pod(live: PodModel) -> Pod:
    """Return what matters here of a pod."""
    assert live.metadata
    return Pod(
        name=live.metadata.name or "",
        owner=_owner(live),
        uses=tuple(dict.fromkeys(_uses(live))),
        leaving=live.metadata.deletionTimestamp is not None,
    )


def ended(live: PodModel) -> bool:
    """Whether all of a pod's containers have ended for good."""
    return (live.status.phase if live.status else None) in ("Succeeded", "Failed")


def running(live: PodModel) -> bool:
    """Whether all of a pod's containers run."""
    states = [each.state for each in (live.status.containerStatuses if live.status else None) or ()]
    return bool(states) and all(state and state.running for state in states)


def rollout(live: Any) -> Rollout:
    """Return how far a Deployment or StatefulSet is."""
    template = live.spec.template.metadata
    when = ((template and template.annotations) or {}).get(RESTARTED)
    return Rollout(
        settled=rollouts.pods(live.to_dict()).settled,
        restarted=datetime.fromisoformat(when) if when else None,
        leaving=live.metadata.deletionTimestamp is not None,
        ready=live.status.readyReplicas or 0,
    )


def restarted(now: datetime) -> dict[str, Any]:
    """Return the patch that has a workload replace its pods."""
    noted = {RESTARTED: now.astimezone(UTC).isoformat()}
    return {"spec": {"template": {"metadata": {"annotations": noted}}}}


def _owner(live: PodModel) -> str:
    assert live.metadata
    for owner in live.metadata.ownerReferences or ():
        if owner.controller and owner.kind == "ReplicaSet":
            # A ReplicaSet is called after its Deployment and this hash.
            hashed = (live.metadata.labels or {}).get("pod-template-hash", "")
            return f"Deployment {owner.name.removesuffix(f'-{hashed}')}"
        if owner.controller:
            return f"{owner.kind} {owner.name}"
    return ""


def _uses(live: PodModel) -> Iterator[Use]:
    if not live.spec:
        return
    began = live.status.startTime if live.status else None
    sources = {volume.name: tuple(_volume(volume)) for volume in live.spec.volumes or ()}
    for container in live.spec.initContainers or ():
        for secret, key in (*_variables(container), *_files(container, sources)):
            yield Use(secret, key, began)
    for container in live.spec.containers:
        started = _started(live, container.name)
        for secret, key in (*_variables(container), *_files(container, sources)):
            yield Use(secret, key, started)


def _started(live: PodModel, name: str) -> datetime | None:
    for each in (live.status.containerStatuses if live.status else None) or ():
        if each.name == name and each.state and each.state.running:
            return each.state.running.startedAt
    return None


def _variables(container: Container) -> Iterator[tuple[str, str]]:
    for each in container.envFrom or ():
        if each.secretRef:
            yield each.secretRef.name or "", ""
    for variable in container.env or ():
        at = variable.valueFrom.secretKeyRef if variable.valueFrom else None
        if at:
            yield at.name or "", at.key


def _files(
    container: Container, sources: dict[str, tuple[tuple[str, str], ...]]
) -> Iterator[tuple[str, str]]:
    for mount in container.volumeMounts or ():
        yield from sources.get(mount.name, ())


def _volume(volume: Any) -> Iterator[tuple[str, str]]:
    projected = (volume.projected.sources if volume.projected else None) or ()
    secrets = [(volume.secret, volume.secret.secretName)] if volume.secret else []
    secrets += [(each.secret, each.secret.name) for each in projected if each.secret]
    for source, name in secrets:
        for key in [item.key for item in source.items or ()] or [""]:
            yield name, key
