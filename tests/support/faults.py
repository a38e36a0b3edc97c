"""What breaks, on purpose: pods' processes, pods, the programs of the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.rig.site import STATE
from tests.support.namespace import FULLNAME, Namespace, is_ready

APPS = ("redis", "enqueue", "ingest", "idle", "presence")


def pods(release: Release, *apps: str) -> list[dict[str, Any]]:
    """Return the pods of some of the five services, or of all."""
    found = Namespace(release.namespace).pods()
    return [pod for pod in found if pod["metadata"]["labels"]["app"] in (apps or APPS)]


def kill(release: Release, *apps: str) -> None:
    """Kill the processes of some services' pods, as a crash does: SIGKILL, at once, in place.

    It returns once Kubernetes knows, so that what is ready afterwards has started again.
    """
    if absent := set(apps) - set(running(release)):
        raise RigError(f"{release.name}: {sorted(absent)} do not run, so they cannot be killed")
    _kill_containers(lambda: pods(release, *apps))


def running(release: Release) -> list[str]:
    """Return those of the five services of which a process runs."""
    found = {pod["metadata"]["labels"]["app"] for pod in pods(release) if _containers([pod])}
    return [app for app in APPS if app in found]


def _containers(found: list[dict[str, Any]]) -> set[str]:
    return {
        status["containerID"].removeprefix("containerd://")
        for pod in found
        for status in pod["status"].get("containerStatuses", [])
        if "running" in status["state"]
    }


def _kill_containers(look: Callable[[], list[dict[str, Any]]]) -> None:
    containers = _containers(look())
    if not containers:
        raise RigError("nothing runs that could be killed")
    for container in containers:
        words = ("task", "kill", "--signal", "SIGKILL", container)
        # One that has just ended by itself is as dead as it is to be.
        run("ctr", "-a", STATE / "containerd/containerd.sock", "-n", "k8s.io", *words, check=False)
    wait_for("they are dead", lambda: not containers & _containers(look()), timeout=60)


def kill_job(release: Release, job: str) -> None:
    """Kill the process of a hook's pod, as a node that runs out of memory does."""
    words = ("pods", "-l", f"job-name={FULLNAME}-{job}")
    _kill_containers(lambda: list(Namespace(release.namespace).get(*words)["items"]))


def wait_until_ready(release: Release, *apps: str, timeout: float = 120) -> None:
    """Wait until all pods of some services, or of all, run and are ready."""

    def ready() -> bool:
        found = pods(release, *apps)
        seen = {pod["metadata"]["labels"]["app"] for pod in found}
        return seen == set(apps or APPS) and all(map(is_ready, found))

    wait_for(f"{', '.join(apps or APPS)} of {release.name} are ready", ready, timeout, interval=1)
