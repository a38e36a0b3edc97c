"""What breaks around the pods: the site's programs, the way to them, nodes, Redis' volume."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.rig import cluster, packages, supervisor
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.rig.site import KUBECONFIG, NODE
from tests.support import faults
from tests.support.namespace import Namespace


def kill_program(name: str) -> None:
    """Kill one of the site's programs, which is started again, and wait for its next process."""
    before = supervisor.running()[name]
    os.kill(before, signal.SIGKILL)

    def again() -> bool:
        return supervisor.running().get(name, before) != before

    wait_for(f"{name} runs again", again, timeout=30)


@contextmanager
def unreachable(release: Release, app: str, port: int) -> Iterator[None]:
    """Refuse all that a service's pods send to a port of the node, of open connections too.

    So a program of the site is away for this release alone.
    """
    sources = ",".join(pod["status"]["podIP"] for pod in faults.pods(release, app))
    rule = (
        *("INPUT", "-s", sources, "-d", NODE, "-p", "tcp", "--dport", str(port)),
        *("-j", "REJECT", "--reject-with", "tcp-reset"),
    )
    iptables = (packages.program("iptables"), "-w", "30")
    run(*iptables, "-I", *rule)
    try:
        yield
    finally:
        run(*iptables, "-D", *rule)


def evict(release: Release) -> None:
    """Evict the release's pods as the drain of a node does, one after the other.

    The rig has one node, which others work on, so it is not closed to new pods.
    """
    for pod in faults.pods(release):
        name = pod["metadata"]["name"]
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": release.namespace},
        }
        path = f"/api/v1/namespaces/{release.namespace}/pods/{name}/eviction"

        def evicted(path: str = path, body: str = json.dumps(eviction)) -> bool:
            # A disruption budget says "too many requests" for as long as the others are not ready.
            cluster.kubectl("create", "--raw", path, "-f", "-", stdin=body)
            return True

        wait_for(f"{name} may go", evicted, timeout=180, interval=2)


def kubeconfig_of_no_cluster(folder: Path) -> Path:
    """Write a kubeconfig as the operator's, of an API server that nobody reaches."""
    document = yaml.safe_load(KUBECONFIG.read_text())
    document["clusters"][0]["cluster"]["server"] = f"https://{NODE}:1"
    file = folder / "nowhere"
    file.write_text(yaml.safe_dump(document))
    return file


def volume(release: Release) -> Path:
    """Return the folder that Redis' claim is."""
    claim = Namespace(release.namespace).get("pvc", "data-redis-0")
    found = json.loads(cluster.kubectl("get", "pv", claim["spec"]["volumeName"], "-o", "json"))
    spec = found["spec"]
    return Path((spec.get("hostPath") or spec["local"])["path"])


@contextmanager
def redis_stopped(release: Release) -> Iterator[Path]:
    """Stop Redis, give its volume's folder, and have it start again."""
    namespace = Namespace(release.namespace)
    namespace.kubectl("scale", "statefulset/redis", "--replicas=0")
    wait_for("Redis is gone", lambda: not faults.pods(release, "redis"), timeout=90)
    try:
        yield volume(release)
    finally:
        namespace.kubectl("scale", "statefulset/redis", "--replicas=1")
        faults.wait_until_ready(release, "redis")


def cut_in_a_record(folder: Path) -> int:
    """Cut the end off Redis' append-only file, in the middle of a record.

    Returns:
        How many bytes were cut off.
    """
    file = max((folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    content = file.read_bytes()
    if len(content) < 1000:
        raise RigError(f"{file} has {len(content)} bytes: nothing to cut")
    # Each record begins with the number of its words; so few bytes after one begins, it is cut.
    kept = content.rindex(b"\r\n*", 0, len(content) - 500) + 10
    os.truncate(file, kept)
    return len(content) - kept


@contextmanager
def small_disk(release: Release, megabytes: int) -> Iterator[Path]:
    """Have Redis' data on a small disk of its own, and give the folder; Redis restarts twice."""
    with redis_stopped(release) as folder:
        aside = folder.with_name(f"{folder.name}.aside")
        folder.rename(aside)
        folder.mkdir()
        run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
        run("cp", "-a", f"{aside}/.", folder)
    try:
        yield folder
    finally:
        with redis_stopped(release):
            run("cp", "-a", f"{folder}/.", aside)
            run("umount", folder)
            folder.rmdir()
            aside.rename(folder)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the disk that a folder is on."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        filler.unlink()
