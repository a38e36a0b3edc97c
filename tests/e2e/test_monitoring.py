"""A real Prometheus watches a release: no alert when all is well, each one in its trouble."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig import cluster, environment, images
from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.support import connect, kube_state, prometheus
from tests.support.exposure import Exposure
from tests.support.foreign import FOREIGN
from tests.support.gateway import Gateway
from tests.support.namespace import FULLNAME, Namespace
from tests.support.prometheus import Prometheus
from tests.support.queues import Queues

pytestmark = pytest.mark.soak

RELEASE = Release("watched")
NAMESPACE = Namespace(RELEASE.namespace)
FILLER_BYTES = 16 << 20
MONITORING = {
    "exporter": {"enabled": True},
    "dashboard": {"enabled": True},
    "rules": {
        **{"for": "5s", "window": "20s", "silenceSeconds": 20, "jobSeconds": 5},
        **{"queueLength": 2, "delaySeconds": 3, "workerIdleSeconds": 3},
        "redisMemoryBytes": FILLER_BYTES,
    },
}
STOPPED = ("enqueue", "ingest", "idle")


@pytest.fixture(scope="module")
def release(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The release, its exporter on; yields the values file."""
    values = tmp_path_factory.mktemp("values") / "monitoring.yaml"
    every_minute = {"audit": {"enabled": True, "schedule": "* * * * *"}}
    values.write_text(yaml.safe_dump({"monitoring": MONITORING, "hooks": every_minute}))
    images.load(images.EXPORTER.name, images.archive(images.EXPORTER, print), print)
    try:
        environment.make(RELEASE)
        RELEASE.deploy(print, "-f", str(values))
        yield values
    finally:
        environment.remove(RELEASE)


@pytest.fixture(scope="module")
def watching(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the rules as the chart renders them; this cluster has no operator."""
    shown = ("-f", str(release), "--set", "monitoring.rules.enabled=true")
    rendered = RELEASE.run_helm(
        *("template", *RELEASE.full_command[3:], *shown),
        *("--show-only", "templates/monitoring/rules.yaml"),
    )
    rules = yaml.safe_load(rendered)["spec"]
    [exporter] = NAMESPACE.get("pods", "-l", "app=exporter")["items"]
    with kube_state.serving(NAMESPACE) as jobs:
        targets = {"exporter": f"{exporter['status']['podIP']}:9121", "kube-state-metrics": jobs}
        folder = tmp_path_factory.mktemp("prometheus")
        with prometheus.running(folder, RELEASE.namespace, rules, targets) as found:
            yield found


@pytest.fixture(scope="module")
def queues(release: Path) -> Queues:
    """The release's Redis."""
    return connect.queues(RELEASE)


def doomed_job() -> dict[str, Any]:
    """Describe a Job of the hooks' image that fails, as a hook does on a wrong configuration."""
    container = {
        "name": "job",
        "image": next(image.name for image in RELEASE.images() if "hooks" in image.name),
        "args": ["job", "buckets", "--dry-run", "--config", "/nowhere.yaml"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {"backoffLimit": 0, "template": {"spec": pod}}


def doomed(kind: str, name: str, spec: dict[str, Any]) -> None:
    body = {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    NAMESPACE.kubectl("create", "-f", "-", stdin=json.dumps(body))


def scale(replicas: int) -> None:
    names = [f"deployment/{FULLNAME}-{name}" for name in STOPPED]
    NAMESPACE.kubectl("scale", f"--replicas={replicas}", *names)
    cluster.wait_for_rollout(NAMESPACE.name, *names)


def test_nothing_fires_where_all_is_well(watching: Prometheus, queues: Queues) -> None:
    camera, exposure = connect.camera(RELEASE), Exposure.now(1)
    files = list(exposure.files())[:5]
    camera.put_all(files)
    wait_for(
        "all are ingested",
        lambda: (
            all(note.ingested for note in queues.notes([key for key, _ in files]).values())
            and len(queues.notes([key for key, _ in files])) == len(files)
        ),
        timeout=120,
    )
    ingested = 'redis_script_values{key="ingested LSSTCam"}'
    wait_for(
        "Prometheus knows of them",
        lambda: [s["value"][1] for s in watching.query(ingested)] == [str(len(files))],
        timeout=30,
    )
    succeeded = f'kube_cronjob_status_last_successful_time{{cronjob="{FULLNAME}-audit"}}'
    wait_for("an audit has found nothing", lambda: watching.query(succeeded), timeout=120)
    time.sleep(8)  # longer than any of the alerts waits; none may fire meanwhile
    assert watching.firing() == {}


def test_each_alert_fires_in_its_trouble(watching: Prometheus, queues: Queues) -> None:
    """All troubles at once, but for Redis', without which the others could not be seen."""
    redis: Any = queues.redis
    doomed("Job", f"{FULLNAME}-secrets-rollback", doomed_job())
    NAMESPACE.kubectl("delete", "cronjob", f"{FULLNAME}-reconcile", "--ignore-not-found")
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": doomed_job()}}
    doomed("CronJob", f"{FULLNAME}-reconcile", spec)
    owner = Gateway(RELEASE.bucket)
    for notification in owner.notifications(RELEASE.bucket):
        if notification.id != FOREIGN:
            owner.forget(RELEASE.bucket, notification)
    camera = connect.camera(RELEASE)
    broken, *others = Exposure.now(2).keys
    camera.put(broken, b"SIMPLE? Not at all.\n")
    queue = f"QUEUE:{RELEASE.bucket}"
    redis.lpush(queue, f"{RELEASE.bucket}/{broken}")  # nobody announces it any more
    wait_for(
        "ingest has given the broken file up",
        lambda: any(note.failure for note in queues.notes([broken]).values()),
        timeout=60,
    )
    scale(0)
    redis.lpush(f"WORKER:{RELEASE.bucket}:{FULLNAME}-ingest-dead", f"{RELEASE.bucket}/{broken}")
    redis.set("filler", b"x" * FILLER_BYTES)
    waiting = {
        "EmbargoQueueGrowing",
        "EmbargoDelay",
        "EmbargoWorkerStale",
        "EmbargoFilesFailed",
        "EmbargoNothingReceived",
        "EmbargoReconcileFound",
        "EmbargoAuditDrift",
        "EmbargoReconcileFailed",
        "EmbargoHookFailed",
        "EmbargoRedisMemory",
    }
    seen: dict[str, str] = {}
    paths = iter(others)

    def trouble() -> bool:
        path = f"{RELEASE.bucket}/{next(paths)}"
        redis.hset(f"FILE:{path}", "recv_time", time.time())
        redis.lpush(queue, path)
        redis.hset("MONITOR:reconcile", mapping={"missing": 3, "newest_put": int(time.time())})
        seen.update(watching.firing())
        return set(seen) >= waiting

    wait_for("all alerts fire", trouble, timeout=150, interval=1)
    assert set(seen) == waiting
    assert seen["EmbargoHookFailed"] == f"The job {FULLNAME}-secrets-rollback of watched has failed"
    assert seen["EmbargoReconcileFound"].startswith("3 images of watched are in the bucket")


def test_alerts_end_with_the_trouble(watching: Prometheus, queues: Queues) -> None:
    redis: Any = queues.redis
    redis.delete("filler", f"QUEUE:{RELEASE.bucket}", f"WORKER:{RELEASE.bucket}:dead")
    redis.hset("MONITOR:reconcile", "missing", 0)
    NAMESPACE.kubectl("delete", "job", f"{FULLNAME}-secrets-rollback")
    scale(1)
    stays = {"EmbargoAuditDrift", "EmbargoReconcileFailed"}  # they fail on
    wait_for("only they fire", lambda: set(watching.firing()) == stays, timeout=90, interval=1)


def test_every_query_of_the_dashboard_is_answered(watching: Prometheus) -> None:
    data = NAMESPACE.get("configmap", f"{FULLNAME}-dashboard")["data"]
    dashboard = json.loads(data[f"{FULLNAME}-{RELEASE.name}.json"])
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    wait_for("every query has an answer", lambda: all(map(watching.query, queries)), timeout=30)


def test_a_redis_that_is_gone_is_told(watching: Prometheus) -> None:
    NAMESPACE.kubectl("scale", "--replicas=0", "statefulset/redis")
    wait_for("it is told", lambda: "EmbargoRedisDown" in watching.firing(), timeout=60)
