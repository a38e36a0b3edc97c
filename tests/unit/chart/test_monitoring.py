"""The exporter's script against a real Redis, and the alerts as Prometheus' own tool sees them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from tests.rig.packages import program
from tests.site.services.support import PASSWORD, redis_server
from tests.unit.chart.helm import Manifest, render

BUCKET = "rubin-summit"
ON = {"exporter": {"enabled": True}, "rules": {"enabled": True}, "dashboard": {"enabled": True}}
Numbers = dict[str, float]


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifest]:
    return render("summit", {"monitoring": {**ON, "scrape": "podMonitor"}})


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def store(port: int) -> Iterator[Any]:
    """An empty Redis; its client is typed as if it might be asynchronous."""
    with redis.Redis(port=port, password=PASSWORD, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def numbers(store: Any, manifests: dict[str, Manifest]) -> Callable[[], Numbers]:
    """Run the script as the exporter does."""
    script = manifests["ConfigMap/embargo-butler-exporter"]["data"]["metrics.lua"]

    def run() -> Numbers:
        told = store.eval(script, 0)
        return dict(zip(told[::2], map(float, told[1::2]), strict=True))

    return run


def test_an_empty_redis_has_zeros(numbers: Callable[[], Numbers]) -> None:
    zero = ("queue_length", "queue_age_seconds", "worker_idle_seconds", "received", "failed")
    assert numbers() == dict.fromkeys((*zero, "ingested"), 0.0)


def test_what_the_services_write_is_told(store: Any, numbers: Callable[[], Numbers]) -> None:
    path = f"{BUCKET}/LSSTCam/20260603/MC_O_20260603_000258/MC_O_20260603_000258_R22_S11.fits"
    store.lpush(f"QUEUE:{BUCKET}", path, "younger")
    store.hset(f"FILE:{path}", "recv_time", time.time() - 100)
    store.hset(f"REC:{BUCKET}", mapping={"20260602": 5, "20260603": 6})
    store.hset(f"INGEST:{BUCKET}:LSSTCam", mapping={"20260602": 4, "20260603": 3})
    store.hset(f"INGEST:{BUCKET}:LATISS", "20260603", 1)
    store.hset(f"FAIL:{BUCKET}:LSSTCam", "20260603", 2)
    store.hset("MONITOR:reconcile", mapping={"missing": 9, "newest_put": 1780000000})
    found = numbers()
    assert 99 <= found.pop("queue_age_seconds") <= 105
    assert found == {
        "queue_length": 2,
        "worker_idle_seconds": 0,
        "received": 11,
        "ingested LSSTCam": 7,
        "ingested LATISS": 1,
        "ingested": 8,
        "failed LSSTCam": 2,
        "failed": 2,
        "reconcile_missing": 9,
        "reconcile_newest_put": 1780000000,
    }


def test_a_worker_is_watched_without_waking_it(store: Any, numbers: Callable[[], Numbers]) -> None:
    worker = f"WORKER:{BUCKET}:embargo-butler-ingest-1"
    store.lpush(worker, "a file")
    numbers()
    deadline = time.monotonic() + 10
    while store.object("idletime", worker) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert numbers()["worker_idle_seconds"] >= 2
    assert store.object("idletime", worker) >= 2, "idle would never find it"
    store.delete(worker)
    assert numbers()["worker_idle_seconds"] == 0


def test_a_large_keyspace_is_looked_through_in_slices(
    store: Any, numbers: Callable[[], Numbers]
) -> None:
    fill = "for i = 1, 60000 do redis.call('SET', 'FILE:' .. i, '') end"
    store.eval(fill, 0)
    store.hset(f"FAIL:{BUCKET}:LSSTCam", "20260603", 2)
    assert "failed" not in numbers(), "half a count would look like a sudden growth"
    for _ in range(10):
        if "failed" in (found := numbers()):
            break
    assert found["failed"] == 2


def series(name: str, **labels: str) -> str:
    inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f'{name}{{namespace="summit",{inner}}}'.replace(",}", "}")


def number(key: str) -> str:
    return series("redis_script_values", key=key)


AUDIT = {"cronjob": "embargo-butler-audit"}
RECONCILE = {"cronjob": "embargo-butler-reconcile"}
SCHEDULED = "kube_cronjob_status_last_schedule_time"
SUCCEEDED = "kube_cronjob_status_last_successful_time"
WELL = {
    series("redis_up"): "1x90",
    series("redis_memory_used_bytes"): "1000000000x90",
    number("queue_length"): "0x30 5000x30 4000-100x30",
    number("queue_age_seconds"): "5x90",
    number("worker_idle_seconds"): "0x90",
    number("received"): "100+10x90",
    number("ingested"): "100+10x90",
    number("failed"): "7x90",
    number("reconcile_missing"): "0x90",
    number("reconcile_newest_put"): "1000+600x90",
    series(SCHEDULED, **AUDIT): "1000x90",
    series(SUCCEEDED, **AUDIT): "1060x90",
    series("kube_cronjob_created", **AUDIT): "10x90",
    series(SCHEDULED, **RECONCILE): "1000x90",
    series(SUCCEEDED, **RECONCILE): "1060x90",
    series("kube_job_status_failed", job_name="embargo-butler-buckets"): "0x90",
    series("kube_job_status_failed", job_name="somebody-elses"): "1x90",
    'redis_up{namespace="other"}': "0x90",
    'redis_script_values{namespace="other",key="reconcile_missing"}': "3x90",
}
"""An environment in which all is well, a minute apart, beside one of which that is not true."""

TROUBLE: Mapping[str, Mapping[str, str | None]] = {
    "EmbargoRedisDown": {series("redis_up"): "1x60 0x30"},
    "EmbargoRedisMemory": {series("redis_memory_used_bytes"): "4000000000x90"},
    "EmbargoQueueGrowing": {number("queue_length"): "0+100x90"},
    "EmbargoDelay": {number("queue_age_seconds"): "0+60x90"},
    "EmbargoWorkerStale": {number("worker_idle_seconds"): "0+60x90"},
    "EmbargoFilesFailed": {number("failed"): "7x85 8x5"},
    "EmbargoNothingReceived": {number("received"): "100x90"},
    "EmbargoReconcileFound": {number("reconcile_missing"): "0x80 4x10"},
    "EmbargoAuditDrift": {series(SCHEDULED, **AUDIT): "1000x60 4600x30"},
    "EmbargoReconcileFailed": {series(SCHEDULED, **RECONCILE): "1000x60 4600x30"},
    "EmbargoHookFailed": {
        series("kube_job_status_failed", job_name="embargo-butler-secrets-rollback"): "1x90"
    },
}
"""Of each alert, what has to change for it, and it alone, to fire."""


def hook(name: str, *, created: int, completed: int | None) -> dict[str, str | None]:
    """Return what is told of a hook's Job that is there to the end."""
    job = f"embargo-butler-{name}"
    return {
        series("kube_job_created", job_name=job): f"{created}x90",
        series("kube_job_status_failed", job_name=job): "0x90" if completed else "1x90",
        series("kube_job_status_completion_time", job_name=job): f"{completed}x90"
        if completed
        else None,
    }


MENDED = {
    "a failed release was rolled back": {
        **hook("secrets", created=1000, completed=1020),
        **hook("buckets", created=1100, completed=None),
        **hook("buckets-rollback", created=1300, completed=1320),
    },
    "a release succeeded after a rollback that failed": {
        **hook("secrets-rollback", created=1000, completed=None),
        **hook("secrets", created=1100, completed=1120),
    },
}
"""A failed Job is still there, and a later one has mended it."""

NOT_MENDED = {
    "a release failed after a good rollback": {
        **hook("buckets-rollback", created=1000, completed=1020),
        **hook("buckets", created=1100, completed=None),
    },
    "another job succeeded later": {
        **hook("buckets", created=1000, completed=None),
        **hook("secrets", created=1100, completed=1120),
    },
}
"""A failed Job that no later one has mended."""

REPLACED = {
    number("received"): "100x40 500x10 _x39",
    number("reconcile_newest_put"): "0x30 2700x20 _x39",
    series("redis_script_values", key="received", pod="next"): "_x55 500x34",
    series("redis_script_values", key="reconcile_newest_put", pod="next"): "_x55 2700x34",
}
"""The exporter's pod was replaced, some time after images came."""

QUIET: Mapping[str, Mapping[str, str | None]] = {
    "reconcile tells of a burst some minutes after it was received": {
        number("received"): "100x27 500x62",
        number("reconcile_newest_put"): "0x33 1680x56",
    },
    "the last image is so old that reconcile forgets it": {
        number("received"): "500x90",
        number("reconcile_newest_put"): "1000x80 0x10",
    },
    "the exporter was replaced": REPLACED,
    "the exporter was replaced, and images came while there was none": {
        **REPLACED,
        number("received"): "100x45 _x44",
    },
    "there was no exporter an hour ago": {
        number("received"): "_x40 500x49",
        number("reconcile_newest_put"): "_x40 3000x49",
    },
}
"""What looks like images that nobody hears of, and is none."""


def at_the_end(name: str, changed: Mapping[str, str | None], firing: list[str]) -> dict[str, Any]:
    inputs = {key: values for key, values in {**WELL, **changed}.items() if values}
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    expression = 'group by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in inputs.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": "89m", "exp_samples": samples}],
    }


def test_each_alert_fires_for_its_trouble_alone(
    manifests: dict[str, Manifest], tmp_path: Path
) -> None:
    spec = manifests["PrometheusRule/embargo-butler"]["spec"]
    assert {rule["alert"] for rule in spec["groups"][0]["rules"]} == set(TROUBLE)
    never = {series(SUCCEEDED, **AUDIT): None}
    cases = [
        at_the_end("all is well", {}, []),
        at_the_end("gone without a trace", {series("redis_up"): None}, ["EmbargoRedisDown"]),
        at_the_end("an audit that never succeeded", never, ["EmbargoAuditDrift"]),
        *(at_the_end(name, changed, []) for name, changed in {**QUIET, **MENDED}.items()),
        *(at_the_end(name, it, ["EmbargoHookFailed"]) for name, it in NOT_MENDED.items()),
        *(at_the_end(alert, changed, [alert]) for alert, changed in TROUBLE.items()),
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    command = [program("promtool"), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr


def test_the_dashboard_asks_for_what_the_alerts_look_at(manifests: dict[str, Manifest]) -> None:
    data = manifests["ConfigMap/embargo-butler-dashboard"]["data"]
    dashboard = json.loads(data["embargo-butler-summit.json"])
    assert dashboard["title"] == "Embargo butler: summit"
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert all('namespace="summit"' in query for query in queries)
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in dashboard["panels"]})
