"""What readiness says of Redis, and how soon pods stop, on the real ones of the release."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.rig.command import wait_for
from tests.rig.release import SUMMIT
from tests.support.namespace import Namespace, is_ready

pytestmark = pytest.mark.soak

CLIENTS = ("enqueue", "presence")
WITHIN = 30


@pytest.fixture(scope="module")
def namespace(release: None) -> Namespace:
    return Namespace(SUMMIT.namespace)


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
        namespace.kubectl("rollout", "status", "statefulset/redis", "--timeout=50s")


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
    namespace.kubectl("rollout", "status", f"deployment/embargo-butler-{app}", "--timeout=50s")
