from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from embargo_butler.adapters import kubectl
from embargo_butler.cli.job.command import main
from embargo_butler.config.config import load
from embargo_butler.connections import Connections
from embargo_butler.errors import KubernetesError, RedisError, VaultError
from embargo_butler.model import times
from embargo_butler.model.ports import Rollout, ServiceState
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret
from tests.unit.conftest import PIPELINE, Write
from tests.unit.pipeline_site import BUCKET, QUEUE, Site


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
        "time": time.strftime(times.FORM, time.gmtime(pipeline.now - 3600)),
        "found": 7,
        "queued": 4,
        "left": 3,
        "unannounced": 5,
    }
    maps = pipeline.world.fake_cluster.config_maps
    maps["embargo-butler-reconcile"] = {"last.json": json.dumps(last)}
    code, document = pipeline.run("status", "--pipeline-only")
    assert (code, document["result"]) == (1, "unhealthy")
    assert "is ingest at work?" in section(document, "queues")["problems"][0]
    problems = section(document, "reconcile")["problems"]
    assert "is its CronJob at work?" in problems[0]
    assert "3 objects wait" in problems[1]
    assert "5 objects were never announced" in problems[2]
    assert f"`embargo-butler job renew --config {pipeline.file} TOPIC`" in problems[2]
    (worker,) = section(document, "queues")["document"]["workers"]
    assert (worker["pod"], worker["files"]) == ("pod", 1)


def test_a_reconcile_that_waits_for_somebody_is_never_late(
    pipeline: Site, site: dict[str, Any], write: Write
) -> None:
    pipeline.file = str(write({**site, "pipeline": {**PIPELINE, "byClock": False}}))
    old = json.dumps({"time": "2026-06-03T00:00:00Z", "found": 0, "queued": 0, "left": 0})
    pipeline.world.fake_cluster.config_maps["embargo-butler-reconcile"] = {"last.json": old}
    _, document = pipeline.run("status", "--pipeline-only")
    assert section(document, "reconcile")["problems"] == []
    assert main(["status", "--config", pipeline.file, "--pipeline-only"], pipeline.world) == 0
    assert "does not run by the clock; by hand: `" in pipeline.capsys.readouterr().out


@pytest.mark.parametrize("by_clock", [True, False])
def test_whether_reconcile_runs_is_said_as_the_chart_says_it(
    by_clock: bool, pipeline: Site, site: dict[str, Any], write: Write
) -> None:
    told = {"byClock": by_clock, "reconcile": "runs or not: because"}
    pipeline.file = str(write({**site, "pipeline": {**PIPELINE, **told}}))
    backfill = f"; by hand: `embargo-butler job backfill --config {pipeline.file}`"
    _, document = pipeline.run("status", "--pipeline-only")
    found = section(document, "reconcile")
    assert found["lines"] == [
        "has not run yet",
        f"runs or not: because{'' if by_clock else backfill}",
    ]
    assert found["document"] == {"byClock": by_clock, "clock": "runs or not: because"}


def test_that_nobody_keeps_the_buckets_is_said_without_a_login(
    pipeline: Site, site: dict[str, Any], write: Write
) -> None:
    del site["bucketConfig"]
    pipeline.file = str(write({**site, "pipeline": PIPELINE, "noBuckets": "no bucketConfig"}))
    code, document = pipeline.run("status", "--pipeline-only")
    assert code == 0
    assert section(document, "buckets")["lines"] == ["not kept by this release: no bucketConfig"]


def test_what_is_not_as_declared_is_a_problem(pipeline: Site) -> None:
    code, document = pipeline.run("status")
    assert code == 1
    (_, problem) = sorted(section(document, "secrets")["problems"])
    verb = f"`embargo-butler job plan --config {pipeline.file}`"
    assert problem == f"Secret redis: missing: redis-password: {verb}"
    maps = pipeline.world.fake_cluster
    older = {"redis-password": Secret("older"), "redis-password.admitted": Secret("")}
    maps.secrets["redis"] = KubernetesSecret("redis", older, True)
    _, document = pipeline.run("status")
    (_, problem) = sorted(section(document, "secrets")["problems"])
    assert problem == (
        f"Secret redis: older than Vault: redis-password, redis-password.admitted: {verb}"
    )


def test_what_is_as_declared_is_said_to_be(pipeline: Site) -> None:
    for area in ("secrets", "buckets"):
        assert main([area, "--config", pipeline.file], pipeline.world) == 0
    pipeline.capsys.readouterr()
    assert main(["status", "--config", pipeline.file], pipeline.world) == 0
    out = pipeline.capsys.readouterr().out
    assert "  as in Vault: redis, notification\n" in out
    assert "  rubin-summit  to-http       rubin-summit  in order\n" in out
    store = pipeline.world.store
    store.notifications.clear()
    code, document = pipeline.run("status")
    (problem,) = section(document, "buckets")["problems"]
    assert code == 1
    assert problem.startswith("put notification to-http of bucket rubin-summit: ")
    assert any("to be changed" in line for line in section(document, "buckets")["lines"])


def test_of_two_notifications_of_one_id_the_one_that_is_wrong_is_told(
    pipeline: Site, site: dict[str, Any], write: Write
) -> None:
    buckets = site["bucketConfig"]["buckets"]
    buckets["rubin-other"] = {
        "owner": "rubin-summit",
        "notifications": buckets["rubin-summit"]["notifications"],
    }
    pipeline.file = str(write({**site, "pipeline": PIPELINE}))
    for area in ("secrets", "buckets"):
        assert main([area, "--config", pipeline.file], pipeline.world) == 0
    pipeline.capsys.readouterr()
    pipeline.world.store.notifications["rubin-other"].clear()
    _, document = pipeline.run("status")
    told = {line.split()[0]: line for line in section(document, "buckets")["lines"]}
    assert told["rubin-summit"].endswith("in order")
    assert told["rubin-other"].endswith("to be changed")


def test_what_is_left_undone_is_not_well(pipeline: Site) -> None:
    for area in ("secrets", "buckets"):
        assert main([area, "--config", pipeline.file], pipeline.world) == 0
    pipeline.capsys.readouterr()
    del pipeline.world.fake_vault.documents["owners/rubin-summit"]
    code, document = pipeline.run("status")
    found = section(document, "buckets")
    (problem,) = found["problems"]
    assert code == 1
    assert problem.startswith("owner rubin-summit: its keys are not there, so bucket rubin-summit")
    assert problem.endswith(
        "`vault kv put secret/owners/rubin-summit access_key=ACCESS_KEY secret_key=SECRET_KEY`"
    )
    assert any("left as it is" in line for line in found["lines"])
    assert [each["about"] for each in found["document"]["misfortunes"]] == ["owner rubin-summit"]


def test_an_exposure_that_was_not_announced_is_a_problem(pipeline: Site) -> None:
    paths = pipeline.expose(258, age=1200)
    pipeline.arrive(paths[3:])
    code, document = pipeline.run("status", "--pipeline-only")
    (problem,) = section(document, "newest")["problems"]
    assert code == 1
    assert problem.startswith(f"3 of 205 files of {paths[0].split('/')[3]} were never announced")
    assert section(document, "newest")["document"][0]["ageSeconds"] == pytest.approx(1200, abs=5)


def test_what_cannot_be_seen_is_said_and_the_rest_is_shown(pipeline: Site) -> None:
    pipeline.world.fake_vault.refuses = VaultError("Vault login: refused")
    code, document = pipeline.run("status")
    assert (code, document["result"], document["healthy"]) == (1, "unseen", False)
    assert "Vault login: refused" in section(document, "secrets")["hidden"]
    assert section(document, "queues")["hidden"] == ""
    command = f"embargo-butler job status --config {pipeline.file} --pipeline-only"
    assert document["summary"] == (
        "status: summit: not to be seen: secrets, buckets: Vault login: refused; "
        f"`{command}` leaves it out"
    )
    assert main(command.split()[2:], pipeline.world) == 0


@pytest.mark.parametrize(
    ("found", "said"),
    [(Rollout(True, ready=0), "has no ready pod"), (None, "is not there")],
)
def test_files_that_wait_for_nobody_are_a_problem(
    found: Rollout | None, said: str, pipeline: Site
) -> None:
    what = "Deployment embargo-butler-ingest"
    rollouts = pipeline.world.fake_cluster.rollouts
    del rollouts[what]
    rollouts |= {what: found} if found else {}
    assert pipeline.run("status", "--pipeline-only")[0] == 0, "nothing waits"
    pipeline.store.lpush(QUEUE, pipeline.put(1, age=9), pipeline.put(2, age=9))
    code, document = pipeline.run("status", "--pipeline-only")
    assert code == 1
    assert document["unwell"] == [f"queues: 2 files wait, and nobody takes them: {what} {said}"]


def test_who_may_not_see_ingest_is_not_told_that_it_takes(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: str) -> None:
        raise KubernetesError("Deployment embargo-butler-ingest: permission denied")

    monkeypatch.setattr(pipeline.world.fake_cluster, "rollout", refused)
    pipeline.store.lpush(QUEUE, pipeline.put(1, age=9))
    code, document = pipeline.run("status", "--pipeline-only")
    (problem,) = section(document, "queues")["problems"]
    assert code == 1
    assert problem.startswith("1 file waits, and whether ingest takes them cannot be seen: ")
    pipeline.world.by_hand = False
    assert pipeline.run("status", "--pipeline-only")[0] == 0, "a job needs no right to look"


def test_files_that_were_given_up_are_a_problem_until_they_are_in_or_gone(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    day = paths[0].split("/")[2]
    pipeline.store.hset(f"FAIL:{BUCKET}:LSSTCam", day, 24)
    lost = paths[3:6]
    for path in lost:
        pipeline.store.hdel(f"FILE:{path}", "ingest_time")
        pipeline.store.hset(f"FILE:{path}", "md_fail_exc", "no GROUPID")
    # One that came in after a failure, and one that is tried again.
    pipeline.store.hset(f"FILE:{paths[7]}", "ing_fail_exc", "once")
    pipeline.store.hset(f"FILE:{paths[8]}", "ing_fail_exc", "once")
    pipeline.store.hdel(f"FILE:{paths[8]}", "ingest_time")
    pipeline.store.lpush(f"WORKER:{BUCKET}:pod", paths[8])
    code, document = pipeline.run("status", "--pipeline-only")
    begin = f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z"
    command = f"embargo-butler job backfill --config {pipeline.file} --since {begin}"
    (problem,) = document["unwell"]
    assert code == 1
    assert problem == (
        f"images: 3 files of LSSTCam {day} given up by ingest, the first {lost[0]}: its "
        f"metadata cannot be read: no GROUPID: `{command}`"
    )
    del pipeline.world.fake_objects.put[lost[0].removeprefix(f"{BUCKET}/")]
    pipeline.arrive(lost[1:])
    code, document = pipeline.run("status", "--pipeline-only")
    assert (code, document["unwell"]) == (0, [])


@pytest.mark.parametrize(("ago", "well"), [(1, False), (2, True), (100, True)])
def test_what_was_given_up_long_ago_is_shown_and_makes_nothing_unwell(
    pipeline: Site, ago: int, well: bool
) -> None:
    day = time.strftime("%Y%m%d", time.gmtime(pipeline.now - 43_200 - ago * 86_400))
    key = f"LSSTCam/{day}/MC_O_{day}_000001/MC_O_{day}_000001_R22_S11.fits"
    path = f"{BUCKET}/{key}"
    pipeline.world.fake_objects.put[key] = pipeline.now - ago * 86_400
    notes = {"recv_time": str(pipeline.now - ago * 86_400), "md_fail_exc": "no GROUPID"}
    pipeline.store.hset(f"FILE:{path}", mapping=notes)
    for kind, count in {"RECINSTR": 5, "FAIL": 1}.items():
        pipeline.store.hset(f"{kind}:{BUCKET}:LSSTCam", day, count)
    code, document = pipeline.run("status", "--pipeline-only")
    assert [each["day"] for each in section(document, "images")["document"]] == [day]
    assert (code == 0, document["unwell"] == []) == (well, well)


def test_a_redis_without_a_ready_pod_is_told_at_once(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> None:
        raise AssertionError("kubectl would wait for a pod")

    monkeypatch.setattr(kubectl, "forwarded", nobody)
    monkeypatch.setattr(Connections, "cluster", lambda _: pipeline.world.fake_cluster)
    pipeline.world.fake_cluster.states = [ServiceState(None, ready=False)]
    with closing(Connections(load(Path(pipeline.file)), "status")) as world:
        monkeypatch.setattr(pipeline.world, "records", world.records)
        code, document = pipeline.run("status", "--pipeline-only")
    why = "Redis does not run: Service redis of namespace summit has no ready pod"
    assert (code, document["unwell"]) == (1, [f"queues: {why}"])
    hidden = {each["name"]: each["hidden"] for each in document["sections"] if each["hidden"]}
    assert hidden == {"images": why, "newest": why}


def test_a_redis_that_does_not_answer_is_a_problem(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise RedisError("Redis: cannot be reached")

    monkeypatch.setattr(pipeline.world, "records", away)
    code, document = pipeline.run("status", "--pipeline-only")
    assert (code, document["healthy"]) == (1, False)
    assert document["unwell"] == ["queues: Redis: cannot be reached"]
    assert "not to be seen: images, newest: queues: Redis" in document["summary"]


def test_each_look_of_a_watch_connects_anew(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def sleep(_: float) -> None:
        looks.append(pipeline.world.closed)
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    words = ["status", "--watch", "--pipeline-only", "--config", pipeline.file]
    assert main(words, pipeline.world) == 0
    assert looks == [1, 2]


def test_after_a_close_redis_is_reached_by_another_port(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[int] = []
    ended: list[int] = []

    @contextmanager
    def forwarded(*_: object) -> Iterator[int]:
        ports.append(len(ports) + 1)
        yield ports[-1]
        ended.append(ports[-1])

    monkeypatch.setattr(kubectl, "forwarded", forwarded)
    monkeypatch.setattr(Connections, "_secret", lambda *_: Secret("s"))
    monkeypatch.setattr(Connections, "cluster", lambda _: pipeline.world.fake_cluster)
    with closing(Connections(load(Path(pipeline.file)), "status")) as world:
        first = world.records()
        assert world.records() is first
        world.close()
        assert world.records() is not first
        assert (ports, ended) == ([1, 2], [1])
    assert ended == [1, 2]


def test_of_which_nothing_can_be_seen_is_not_called_well(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise KubernetesError("Secret redis: permission denied")

    for name in ("records", "objects", "cluster"):
        monkeypatch.setattr(pipeline.world, name, refused)
    code, document = pipeline.run("status", "--pipeline-only")
    assert (code, document["result"]) == (1, "unseen")
    assert "nothing of it can be seen: Secret redis: permission denied" in document["summary"]


def test_text_has_a_line_for_all(pipeline: Site) -> None:
    main(["status", "--pipeline-only", "--config", pipeline.file], pipeline.world)
    out = pipeline.capsys.readouterr().out
    assert f"\n  QUEUE:{BUCKET}  0\n" in out
    assert "  no exposure since yesterday\n" in out
