from __future__ import annotations

import json
import time
from typing import Any

import pytest

from embargo_hooks.cli import main
from embargo_hooks.errors import VaultError
from embargo_hooks.inventory import TIME
from tests.unit.hooks.pipeline_site import BUCKET, QUEUE, Site


def section(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["sections"] if each["name"] == name)
    return dict(found)


def test_all_is_well(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    day = paths[0].split("/")[2]
    for kind, count in {"RECINSTR": 210, "INGEST": 205, "FAIL": 3}.items():
        pipeline.store.hset(f"{kind}:{BUCKET}:LSSTCam", day, count)
    code, document = pipeline.run("status", "--pipeline-only")
    assert (code, document["healthy"]) == (0, True)
    assert section(document, "queues")["document"]["waiting"] == 0
    assert section(document, "images")["document"] == [
        {"day": day, "instrument": "LSSTCam", "received": 210, "ingested": 205, "failed": 3}
    ]
    (newest,) = section(document, "newest")["document"]
    assert (newest["files"], newest["ingested"]) == (205, 205)
    assert newest["putToIngested"] == pytest.approx(10, abs=1)


def test_a_stuck_queue_and_a_late_reconcile_are_problems(pipeline: Site) -> None:
    path = pipeline.put(1)
    pipeline.store.lpush(QUEUE, path)
    pipeline.store.hset(f"FILE:{path}", "recv_time", str(pipeline.now - 1000))
    pipeline.store.lpush(f"WORKER:{BUCKET}:pod", pipeline.put(2))
    last = {
        "time": time.strftime(TIME, time.gmtime(pipeline.now - 3600)),
        "found": 7,
        "queued": 4,
        "left": 3,
    }
    maps = pipeline.world.fake_cluster.config_maps
    maps["embargo-butler-reconcile"] = {"last.json": json.dumps(last)}
    code, document = pipeline.run("status", "--pipeline-only")
    assert (code, document["result"]) == (1, "unhealthy")
    assert "is ingest at work?" in section(document, "queues")["problems"][0]
    problems = section(document, "reconcile")["problems"]
    assert "is its CronJob at work?" in problems[0]
    assert "3 objects wait" in problems[1]
    (worker,) = section(document, "queues")["document"]["workers"]
    assert (worker["pod"], worker["files"]) == ("pod", 1)


def test_what_is_not_as_declared_is_a_problem(pipeline: Site) -> None:
    code, document = pipeline.run("status")
    assert code == 1
    assert any("apply Secret redis" in each for each in section(document, "secrets")["problems"])


def test_what_cannot_be_seen_is_said_and_the_rest_is_shown(pipeline: Site) -> None:
    pipeline.world.fake_vault.refuses = VaultError("Vault login: refused")
    code, document = pipeline.run("status")
    assert code == 0
    assert "Vault login: refused" in section(document, "secrets")["hidden"]
    assert section(document, "queues")["hidden"] == ""
    assert document["summary"] == "status: summit: well; not to be seen: secrets, buckets"


def test_text_has_a_line_for_all(pipeline: Site) -> None:
    main(["status", "--pipeline-only", "--config", pipeline.file], pipeline.world)
    out = pipeline.capsys.readouterr().out
    assert f"queues\n  QUEUE:{BUCKET}: 0 waiting\n" in out
    assert "newest\n  no exposure since yesterday\n" in out
