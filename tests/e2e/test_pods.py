"""What pods may and show, what readiness says of Redis, how soon they stop: on real ones."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rig import cluster, environment
from tests.rig.command import wait_for
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.support import faults
from tests.support.namespace import Namespace, is_ready

pytestmark = pytest.mark.soak

CLIENTS = ("enqueue", "presence")
WITHIN = 30


WRITE_NOWHERE_ELSE = ("redis", "enqueue", "idle", "presence")


@pytest.fixture(scope="module")
def release(site: None) -> Iterator[Release]:
    # Ceph 16 delivers nothing for a topic that was deleted and made again under one name.
    made = Release(f"pods-{secrets.token_hex(3)}")
    environment.make(made)
    made.deploy(print)
    yield made
    environment.remove(made)


@pytest.fixture(scope="module")
def namespace(release: Release) -> Namespace:
    return Namespace(release.namespace)


def test_the_namespace_takes_no_pod_that_may_more(namespace: Namespace) -> None:
    words = ("run", "greedy", "--image=docker.io/library/redis:7.0.15", "--dry-run=server")
    with pytest.raises(RigError, match='violates PodSecurity "restricted'):
        namespace.kubectl(*words)


@pytest.mark.parametrize("app", faults.APPS)
def test_a_pod_is_nobody_in_particular(release: Release, namespace: Namespace, app: str) -> None:
    (pod,) = faults.pods(release, app)
    assert look(namespace, pod, "id -u") not in ("", "0")
    assert (
        look(namespace, pod, "ls /var/run/secrets/kubernetes.io 2> /dev/null || echo none")
        == "none"
    )
    assert look(namespace, pod, "grep CapEff /proc/self/status") == f"CapEff:\t{'0' * 16}"
    root = look(namespace, pod, "grep -o '^[a-z]* / [a-z]* r[ow]' /proc/mounts")
    assert root.endswith(" ro" if app in WRITE_NOWHERE_ELSE else " rw")
    assert look(namespace, pod, "touch /tmp/mine && echo yes") == "yes"


def test_what_is_reserved_is_what_the_chart_says(release: Release, namespace: Namespace) -> None:
    """A limit without a request would have become one."""
    for app in faults.APPS:
        (pod,) = faults.pods(release, app)
        for container in pod["spec"]["containers"]:
            reserved, limits = (
                container["resources"]["requests"],
                container["resources"].get("limits"),
            )
            assert set(reserved) == {"cpu", "memory"}, app
            assert not limits or reserved.items().isdisjoint(limits.items()), app


def test_secrets_are_on_no_command_line_and_in_no_log(namespace: Namespace) -> None:
    words = [word for name in ("redis", "s3", "db-env") for word in namespace.secret(name).values()]
    shown = {word for word in words if len(word) == 32}
    assert len(shown) == 4
    # The node's processes are this machine's, those in containers too.
    lines = list(command_lines())
    assert any("redis-server" in line for line in lines)
    assert not [line for line in lines if any(word in line for word in shown)]
    logs = namespace.get("pods")["items"]
    assert len(logs) >= len(faults.APPS)
    for pod in logs:
        name = pod["metadata"]["name"]
        said = namespace.kubectl("logs", name, "--all-containers", "--prefix")
        assert not any(word in said for word in shown), f"{name} has written a secret down"
    events = namespace.kubectl("get", "events", "-o", "yaml")
    assert not any(word in events for word in shown)


def look(namespace: Namespace, pod: dict[str, Any], script: str) -> str:
    name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
    return namespace.kubectl("exec", name, "-c", container, "--", "sh", "-c", script).strip()


def command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue


@contextmanager
def another_password(namespace: Namespace) -> Iterator[None]:
    """Let Redis ask for another password than everybody has, whoever is connected already."""

    def set_password(script: str) -> None:
        namespace.kubectl("exec", "redis-0", "--", "sh", "-ec", script)

    set_password(
        'export REDISCLI_AUTH="$REDIS_PASSWORD"; redis-cli config set requirepass another; '
        "REDISCLI_AUTH=another redis-cli client kill type normal"
    )
    try:
        yield
    finally:
        set_password(
            'REDISCLI_AUTH=another redis-cli config set requirepass "$REDIS_PASSWORD"',
        )


@contextmanager
def no_redis(namespace: Namespace) -> Iterator[None]:
    """Take Redis away."""
    namespace.kubectl("scale", "statefulset/redis", "--replicas=0")
    try:
        yield
    finally:
        namespace.kubectl("scale", "statefulset/redis", "--replicas=1")
        cluster.wait_for_rollout(namespace.name, "statefulset/redis")


def seconds_until(namespace: Namespace, ready: bool) -> dict[str, float]:
    """Measure how long it takes until each of the clients is ready, or is no longer."""
    began, found = time.monotonic(), dict[str, float]()

    def look() -> bool:
        for app in CLIENTS:
            pods = namespace.get("pods", "-l", f"app={app}")["items"]
            if app not in found and all(is_ready(pod) == ready for pod in pods):
                found[app] = round(time.monotonic() - began, 1)
        return len(found) == len(CLIENTS)

    what = "ready" if ready else "not ready"
    wait_for(f"{' and '.join(CLIENTS)} are {what}", look, timeout=2 * WITHIN)
    return found


def starts(namespace: Namespace) -> dict[str, int]:
    pods = [pod for app in CLIENTS for pod in namespace.get("pods", "-l", f"app={app}")["items"]]
    return {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in pods
    }


@pytest.mark.parametrize("trouble", [another_password, no_redis])
def test_readiness_shows_a_redis_that_does_not_serve_within_30_seconds(
    namespace: Namespace,
    trouble: Callable[[Namespace], AbstractContextManager[None]],
    record_property: Callable[[str, object], None],
) -> None:
    before = starts(namespace)
    with trouble(namespace):
        lost = seconds_until(namespace, ready=False)
    back = seconds_until(namespace, ready=True)
    record_property("not ready after seconds", lost)
    record_property("ready again after seconds", back)
    print(f"{trouble.__name__}: not ready after {lost} s, ready again after {back} s")
    assert max(lost.values()) <= WITHIN
    assert max(back.values()) <= WITHIN
    # Nobody was killed for Redis' sake.
    assert starts(namespace) == before
    for app in ("idle", "ingest"):  # they end with Redis, by themselves, and come back
        wait_for(
            f"{app} is ready again",
            lambda app=app: all(  # type: ignore[misc]
                map(is_ready, namespace.get("pods", "-l", f"app={app}")["items"])
            ),
            timeout=120,
        )


@pytest.mark.parametrize(
    ("app", "within"),
    # The last two first let the Services forget them, which takes 5 s.
    [("idle", 6), ("ingest", 6), ("enqueue", 20), ("presence", 20)],
)
def test_pods_stop_long_before_they_are_killed(
    namespace: Namespace, app: str, within: float, record_property: Callable[[str, object], None]
) -> None:
    pod = namespace.get("pods", "-l", f"app={app}")["items"][0]
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    began = time.monotonic()
    namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true", timeout=90)
    took = round(time.monotonic() - began, 1)
    record_property("stopped after seconds", took)
    print(f"{app}: stopped after {took} s of {grace} s")
    assert took < within < grace
    cluster.wait_for_rollout(namespace.name, f"deployment/embargo-butler-{app}")
