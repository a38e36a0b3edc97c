from __future__ import annotations

import pytest

from embargo_butler.cli.job.command import main
from tests.unit.pipeline_site import BUCKET, QUEUE, Site

WORKER = f"WORKER:{BUCKET}:ingest-abc"
ASIDE = f"ASIDE:{BUCKET}"


@pytest.fixture
def blocked(pipeline: Site) -> str:
    """A guider that no translator knows, alone on a worker's list; the log repeats."""
    path = pipeline.put(258).replace("R22_S11", "R00_SG0_guider")
    pipeline.world.fake_objects.put[path.removeprefix(f"{BUCKET}/")] = pipeline.now - 600
    pipeline.store.lpush(WORKER, path)
    pipeline.store.hset(f"FILE:{path}", "recv_time", str(pipeline.now - 500))
    file = path.rpartition("/")[2]
    line = f'ERROR ... Error while ingesting [ResourcePath("s3://x/{file}")]'
    pipeline.world.fake_logs.lines["ingest"] = [line] * 3
    return path


def test_status_and_trace_see_it_and_name_the_verb(pipeline: Site, blocked: str) -> None:
    code, document = pipeline.run("status", "--pipeline-only")
    (said,) = (each for each in document["unwell"] if each.startswith("set aside"))
    assert code == 1
    assert f"worker ingest-abc is blocked by {blocked}: ERROR ... Error while ingesting" in said
    assert said.endswith(f"`embargo-butler job set-aside --config {pipeline.file} {blocked}`")
    _, document = pipeline.run("trace", blocked.rpartition("/")[2].removesuffix("_guider.fits"))
    (row,) = document["rows"]
    assert row["why"] == "blocks worker ingest-abc"
    assert " set-aside " in row["mend"]
    assert row["mend"].endswith(blocked.removeprefix(f"{BUCKET}/"))


@pytest.mark.parametrize("reason", ["new", "counted", "no line"])
def test_what_is_worked_on_blocks_nothing(pipeline: Site, blocked: str, reason: str) -> None:
    if reason == "new":
        pipeline.store.hset(f"FILE:{blocked}", "recv_time", str(pipeline.now - 60))
    elif reason == "counted":
        pipeline.store.hset(f"FILE:{blocked}", "ing_fail_count", "1")
    else:
        pipeline.world.fake_logs.lines.clear()
    _, document = pipeline.run("status", "--pipeline-only")
    assert not [each for each in document["unwell"] if each.startswith("set aside")]


def test_it_is_set_aside_listed_and_returned(pipeline: Site, blocked: str) -> None:
    other = pipeline.put(259)
    pipeline.store.lpush(QUEUE, other, blocked)
    assert pipeline.run("set-aside", blocked.removeprefix(f"{BUCKET}/"))[0] == 0
    assert (pipeline.queue(), pipeline.store.llen(WORKER)) == ([other], 0)
    _, document = pipeline.run("set-aside", "--list")
    assert list(document["aside"]) == [blocked]
    assert document["aside"][blocked] == pytest.approx(pipeline.now, abs=60)
    _code, document = pipeline.run("status", "--pipeline-only")
    (section,) = (each for each in document["sections"] if each["name"] == "set aside")
    assert (section["lines"][0].startswith(blocked), section["problems"]) == (True, [])
    assert pipeline.run("set-aside", "--return", blocked)[0] == 0
    assert pipeline.queue() == [blocked, other]
    assert not pipeline.store.exists(ASIDE)


def test_it_counts_no_more(pipeline: Site) -> None:
    path = pipeline.put(1)
    failed = {"recv_time": "1", "md_fail_exc": "no OBSID"}
    pipeline.store.hset(f"FILE:{path}", mapping=failed)
    assert pipeline.run("set-aside", path)[0] == 0
    code, document = pipeline.run("backfill", "--apply")
    assert (code, document["queued"], document["survey"]["lost"]) == (0, 0, [])
    code, document = pipeline.run("trace", path.rpartition("/")[2])
    assert (code, document["rows"][0]["stage"], document["rows"][0]["why"]) == (0, "set aside", "")
    assert document["stages"]["set aside"] == "1"


def test_a_key_with_a_line_break_is_freed_too(pipeline: Site) -> None:
    path = f"{BUCKET}/LSSTCam/20260603/MC_O_20260603_000258/a\nb.fits"
    pipeline.store.lpush(WORKER, path)
    assert pipeline.run("set-aside", path)[0] == 0
    assert pipeline.store.hkeys(ASIDE) == [path.encode()]


def test_one_mistake_and_nothing_is_done(pipeline: Site, blocked: str) -> None:
    done = pipeline.put(7)
    pipeline.store.hset(f"FILE:{done}", "ingest_time", "2")
    for other, said in ((done, "ingested"), (f"{BUCKET}/nothing.fits", "never announced")):
        code, document = pipeline.run("set-aside", blocked, other)
        assert (code, pipeline.store.llen(WORKER)) == (1, 1)
        assert f"{other}: " in document["summary"]
        assert said in document["summary"]
    code, document = pipeline.run("set-aside", "--return", blocked)
    assert (code, "is not set aside" in document["summary"]) == (1, True)


@pytest.mark.parametrize("words", [[], ["--list", "x"], ["--list", "--return"], ["--return"]])
def test_what_cannot_be_meant_is_refused(pipeline: Site, words: list[str]) -> None:
    assert main(["set-aside", *words, "--config", pipeline.file], pipeline.world) == 1
    assert "expected PATH..., --return PATH..., or --list" in pipeline.capsys.readouterr().out
