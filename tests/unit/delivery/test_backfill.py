from __future__ import annotations

import json
import time
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.errors import KubernetesError
from embargo_butler.model import times
from tests.unit.conftest import PIPELINE, Write
from tests.unit.pipeline_site import BUCKET, QUEUE, Site


def test_what_was_never_announced_is_shown_then_queued_then_done(pipeline: Site) -> None:
    older, newer = pipeline.put(1, age=900), pipeline.put(2, age=600)
    live = f"{BUCKET}/live"
    pipeline.store.lpush(QUEUE, live)
    code, document = pipeline.run("backfill", "--since", "2h")
    assert (code, document["result"], document["queued"]) == (2, "changes", 0)
    assert [each["path"] for each in document["survey"]["lost"]] == [older, newer]
    assert pipeline.queue() == [live], "dry by default"
    code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert (code, document["queued"]) == (0, 2)
    assert pipeline.queue() == [newer, older, live], "behind the live one, the oldest first"
    code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert (code, document["result"]) == (0, "unchanged")
    pipeline.store.delete(QUEUE)  # Ingest found them in the Butler: it says nothing of that.
    code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert (document["result"], document["survey"]["unsettled"]) == ("unchanged", 2)


def test_nothing_that_somebody_works_on_is_touched(pipeline: Site) -> None:
    queued, working, announced, done = (pipeline.put(number) for number in range(1, 5))
    pipeline.put(5, age=5)
    pipeline.put(6, ending=".json")
    pipeline.put(7, age=9000)
    pipeline.store.lpush(QUEUE, queued)
    pipeline.store.lpush(f"WORKER:{BUCKET}:pod", working)
    pipeline.store.hset(f"FILE:{announced}", "recv_time", "1")
    pipeline.store.hset(f"FILE:{done}", "ingest_time", "1")
    before = pipeline.store.dbsize()
    code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert (code, document["queued"], document["survey"]["matched"]) == (0, 0, 4)
    assert pipeline.queue() == [queued]
    assert pipeline.store.dbsize() == before


def test_what_ingest_gave_up_is_shown_with_why_and_starts_afresh(pipeline: Site) -> None:
    failures = {
        pipeline.put(1): {"ing_fail_count": "3", "ing_fail_exc": "no database"},
        pipeline.put(2): {"md_fail_exc": "no OBSID"},
        pipeline.put(3): {"ing_fail_exc": "Max wait"},
    }
    for path, notes in failures.items():
        pipeline.store.hset(f"FILE:{path}", mapping={"recv_time": "1", **notes})
    _, document = pipeline.run("backfill", "--since", "2h", "--apply")
    reasons = {each["path"]: each["why"] for each in document["survey"]["lost"]}
    for path, word in zip(failures, ("no database", "no OBSID", "MAX_GUIDER_WAIT"), strict=True):
        assert word in reasons[path]
        kept = {b"recv_time", b"requeued", b"last_fail", b"alike", b"went_in"}
        assert set(pipeline.store.hkeys(f"FILE:{path}")) == kept
    pipeline.store.delete(QUEUE)  # Duplicates, say.
    _code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert document["queued"] == 0, "it converges"


def test_what_the_butler_says_it_has_is_there(pipeline: Site) -> None:
    """To 1.3.3 a WEBHOOK_URI that refuses makes most files of a batch fail so."""
    path = pipeline.put(258)
    duplicate = "Datastore already contains one or more datasets: b/x.fits"
    notes = {"recv_time": "1", "ing_fail_exc": duplicate, "ing_fail_count": "2"}
    pipeline.store.hset(f"FILE:{path}", mapping=notes)
    code, document = pipeline.run("backfill", "--apply")
    assert (code, document["queued"], pipeline.queue()) == (0, 0, [])
    assert (document["survey"]["lost"], document["survey"]["unsettled"]) == ([], 0)
    _, document = pipeline.run("trace", path.partition("/")[2])
    assert document["stages"]["ingested"] == "1 of 1"
    assert document["rows"][0]["stage"] == "ingested"


def test_the_queue_gets_no_longer_than_the_maximum(pipeline: Site) -> None:
    paths = [pipeline.put(number, age=1000 - number) for number in range(1, 6)]
    pipeline.store.lpush(QUEUE, "live")
    code, document = pipeline.run("backfill", "--since", "2h", "--apply", "--max", "3")
    assert (code, document["queued"], document["left"]) == (0, 2, 3)
    assert pipeline.queue() == [*paths[1::-1], "live"]


def test_the_butler_is_asked_for_what_redis_forgot(pipeline: Site) -> None:
    known, unknown, duplicate, lost = (pipeline.put(number) for number in range(1, 5))
    for path in (duplicate, lost):
        pipeline.store.hset(f"FILE:{path}", "recv_time", "1")
    pipeline.world.fake_butler.paths = {known, duplicate}
    _, document = pipeline.run("backfill", "--since", "2h", "--in-butler", "--apply")
    assert document["survey"]["inButler"] == 2
    assert sorted(pipeline.queue()) == sorted([unknown, lost])


def test_more_than_redis_remembers_takes_the_butler(pipeline: Site) -> None:
    pipeline.put(1)
    code, document = pipeline.run("backfill", "--since", "8d", "--apply")
    assert code == 1
    assert "--in-butler" in document["summary"]
    assert pipeline.queue() == []


def test_a_key_that_enqueue_fails_on_is_named_and_never_queued(pipeline: Site) -> None:
    day = time.strftime("%Y%m%d", time.gmtime(pipeline.now - 43_200))
    pipeline.world.fake_objects.put[f"LSSTCam/{day}/odd.fits"] = pipeline.now - 600
    _code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert document["survey"]["unparsable"] == [f"{BUCKET}/LSSTCam/{day}/odd.fits"]
    assert pipeline.queue() == []


def test_two_at_once_do_not_queue_the_same(pipeline: Site) -> None:
    pipeline.put(1)
    pipeline.store.set(f"BACKFILL:{BUCKET}", "taken")
    code, document = pipeline.run("backfill", "--since", "2h", "--apply")
    assert code == 1
    assert "another backfill is at work" in document["summary"]
    assert pipeline.queue() == []


def test_bad_arguments(pipeline: Site) -> None:
    code, document = pipeline.run("backfill", "--since", "yesterday")
    assert code == 1
    assert "neither a time" in document["summary"]


def test_text_groups_and_shows_the_first_few(pipeline: Site) -> None:
    for number in range(1, 7):
        pipeline.put(number)
    assert main(["backfill", "--config", pipeline.file], pipeline.world) == 2
    lines = pipeline.capsys.readouterr().out.splitlines()
    assert lines[1] == "6 objects listed, 6 of that time are for ingest"
    assert lines[2].endswith(": 6 in the bucket, never announced")
    assert lines[6] == "    and 3 more"
    again = f"`embargo-butler job backfill --config {pipeline.file} --since 24h --apply`"
    assert lines[-1] == f"backfill: summit: 6 objects to be queued; {again} queues them"


def ask_to_look(pipeline: Site, hours: int) -> str:
    """Ask, as the buckets job does, to look from so long ago on; return from when."""
    begin, end = (
        time.strftime(times.FORM, time.gmtime(pipeline.now - h * 3600)) for h in (hours, 1)
    )
    asked = {"noted": end, "bucket": "rubin-summit", "since": begin, "until": end, "why": "x"}
    maps = pipeline.world.fake_cluster.config_maps
    maps["embargo-butler-lookups"] = {"lookups.json": json.dumps([asked])}
    return begin


class TestReconcile:
    def test_queues_by_itself_and_writes_down_what_it_found(self, pipeline: Site) -> None:
        path = pipeline.put(1)
        code, document = pipeline.run("reconcile")
        assert (code, document["queued"]) == (0, 1)
        assert pipeline.queue() == [path]
        last = pipeline.world.fake_cluster.config_maps["embargo-butler-reconcile"]["last.json"]
        assert (json.loads(last)["queued"], json.loads(last)["unannounced"]) == (1, 1)
        told = pipeline.store.hgetall("MONITOR:reconcile")
        assert told[b"missing"] == b"1"
        assert float(told[b"newest_put"]) == pytest.approx(pipeline.now - 600)

    def test_only_reports_where_it_is_told_so(
        self, pipeline: Site, site: dict[str, Any], write: Write
    ) -> None:
        pipeline.file = str(write({**site, "pipeline": {**PIPELINE, "backfill": "report"}}))
        pipeline.put(1)
        code, document = pipeline.run("reconcile")
        assert (code, document["result"], document["left"]) == (2, "changes", 1)
        assert pipeline.queue() == []

    def test_what_fails_again_and_again_is_tried_less_and_less(self, pipeline: Site) -> None:
        path = pipeline.put(1)
        failed = {"md_fail_exc": "bad", "requeued": "2", "recv_time": str(pipeline.now - 1190)}
        pipeline.store.hset(f"FILE:{path}", mapping=failed)
        code, document = pipeline.run("reconcile")
        assert (code, document["queued"]) == (0, 0)
        assert "1 wait for their next try" in document["summary"]
        pipeline.store.hset(f"FILE:{path}", "recv_time", str(pipeline.now - 1210))
        assert pipeline.run("reconcile")[1]["queued"] == 1

    def fail(self, pipeline: Site, path: str, others: int) -> int:
        """Let ingest fail on a file, and take so many others meanwhile; then reconcile."""
        pipeline.store.lrem(QUEUE, 0, path)
        pipeline.store.hincrby(f"INGEST:{BUCKET}:LSSTCam", "20260603", others)
        notes = {"md_fail_exc": "no OBSID", "recv_time": str(pipeline.now - 86_400)}
        pipeline.store.hset(f"FILE:{path}", mapping=notes)
        main(["reconcile", "--config", pipeline.file], pipeline.world)
        return len(pipeline.queue())

    def test_what_fails_alike_while_others_go_in_is_left_alone(self, pipeline: Site) -> None:
        path = pipeline.put(1)
        assert [self.fail(pipeline, path, 1) for _ in range(4)] == [1, 1, 0, 0]
        told = pipeline.capsys.readouterr()
        assert f"{told.out}{told.err}".count(f"left alone, as others went in: {path}") == 1
        code, document = pipeline.run("status", "--pipeline-only")
        assert code == 1
        (said,) = (each for each in document["unwell"] if each.startswith("reconcile"))
        assert "1 files failed three times alike while others went in, and are not" in said
        assert f"{path}: its metadata cannot be read: no OBSID" in said
        assert pipeline.run("backfill", "--apply")[1]["queued"] == 1, "a person may"

    def test_in_an_outage_it_never_gives_up(self, pipeline: Site) -> None:
        path = pipeline.put(1)
        assert [self.fail(pipeline, path, 0) for _ in range(6)] == [1] * 6

    def test_another_reason_begins_anew(self, pipeline: Site) -> None:
        path = pipeline.put(1)
        for _ in range(2):
            self.fail(pipeline, path, 1)
        pipeline.store.hset(f"FILE:{path}", "last_fail", "another")
        assert self.fail(pipeline, path, 1) == 1

    def test_looks_from_where_the_buckets_job_asks_it_to_once(self, pipeline: Site) -> None:
        path = pipeline.put(1, age=40 * 3600)
        begin = ask_to_look(pipeline, hours=41)
        assert pipeline.run("reconcile")[1]["survey"]["since"] == begin
        assert pipeline.queue() == [path]
        assert pipeline.run("reconcile")[1]["survey"]["since"] > begin

    def test_looks_no_further_back_than_redis_remembers(self, pipeline: Site) -> None:
        """What is older would all seem never to have been announced."""
        pipeline.put(1, age=7 * 24 * 3600 - 60)
        begin = ask_to_look(pipeline, hours=168)
        assert pipeline.run("reconcile")[1]["survey"]["since"] > begin
        assert pipeline.queue() == []

    def test_a_lookup_ends_where_nothing_is_queued_by_itself(
        self, pipeline: Site, site: dict[str, Any], write: Write
    ) -> None:
        pipeline.file = str(write({**site, "pipeline": {**PIPELINE, "backfill": "report"}}))
        pipeline.put(1, age=40 * 3600)
        begin = ask_to_look(pipeline, hours=41)
        assert pipeline.run("reconcile")[1]["left"] == 1
        assert pipeline.run("reconcile")[1]["survey"]["since"] > begin

    def test_a_failure_after_the_work_is_told_in_one_document(
        self, pipeline: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object) -> None:
            raise KubernetesError("ConfigMap embargo-butler-reconcile: permission denied")

        pipeline.put(1)
        monkeypatch.setattr(pipeline.world.fake_cluster, "apply_config_map", refused)
        code, document = pipeline.run("reconcile")
        assert (code, document["result"]) == (1, "failed")
        assert "stopped in the middle" in document["summary"]
