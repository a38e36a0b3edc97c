"""What is ours in the cluster, and what stays."""

from __future__ import annotations

import sys
import traceback
from threading import Barrier, Thread

import pytest

from embargo_butler.config.config import load
from embargo_butler.engine.apply import apply
from embargo_butler.engine.report import Report
from embargo_butler.jobs import secrets as secrets_job
from tests.support.secret_place import Place, World

Output = pytest.CaptureFixture[str]


def test_what_is_not_ours_stays(simple: Place, capsys: Output) -> None:
    simple.kubectl("patch", "secret", "redis", "-p", '{"stringData": {"theirs": "kept"}}')
    simple.put("redis", a="two")
    assert simple.run("secrets") == 0
    assert simple.secret("redis") == {"password": b"two", "theirs": b"kept"}
    simple.store("other", k="somebody's")
    simple.config["secrets"]["other"] = {"k": {"value": "ours"}}
    simple.permit()
    assert simple.problems() == ["not-ours"]
    simple.config["hooks"]["secrets"] = {"takeOver": ["other"]}
    assert simple.run("secrets") == 0
    assert simple.secret("other") == {"k": b"ours"}
    assert simple.run("secrets", "--dry-run") == 0


def test_what_the_cluster_would_refuse_stops_all_of_it(simple: Place, capsys: Output) -> None:
    fixed = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "fixed",
            "labels": {"app.kubernetes.io/managed-by": "embargo-hooks"},
        },
        "immutable": True,
    }
    simple.apply(fixed)
    simple.put("redis", a="two")
    simple.config["secrets"]["fixed"] = {"k": {"value": "v"}}
    simple.permit()
    assert simple.problems() == ["kubernetes"]
    assert "Secret fixed of namespace" in capsys.readouterr().out
    assert simple.secret("redis") == {"password": b"one"}


def test_two_jobs_at_once_converge(simple: Place) -> None:
    simple.put("redis", a="both")
    simple.config["secrets"]["new"] = {"k": {"value": "v"}}
    simple.permit()
    config = load(simple.write())
    both = Barrier(2)
    failed: list[str] = []

    def one() -> None:
        try:
            report = Report("secrets apply", sys.stderr, sys.stderr, True)
            with World(config, "secrets", simple.token) as world:
                job = secrets_job.plan(config, world, report)
                both.wait(timeout=30)
                apply(job.plan, job.cluster, {}, report)
        except Exception:
            failed.append(traceback.format_exc())

    threads = [Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert simple.secret("redis") == {"password": b"both"}
    assert simple.run("secrets", "--dry-run") == 0
