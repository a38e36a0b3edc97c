from __future__ import annotations

from typing import Any

import pytest

from embargo_hooks.cli import main
from embargo_hooks.errors import KubernetesError
from embargo_hooks.focal_plane import answers_presence, expected
from tests.support.detectors import DETECTORS
from tests.unit.hooks.pipeline_site import BUCKET, QUEUE, Site


def name(path: str) -> str:
    return path.split("/")[3]


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["detector"]: row for row in document["rows"] if row["why"]}


def test_the_focal_plane_is_the_camera_s() -> None:
    assert sorted(expected("LSSTCam")) == sorted(each.file_part for each in DETECTORS)
    science = {each.name for each in DETECTORS if each.is_science}
    assert {each for each in expected("LSSTCam") if answers_presence(each)} == science


def test_an_exposure_that_has_arrived(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    code, document = pipeline.run("trace", name(paths[0]))
    assert (code, document["result"], document["visit"]) == (0, "arrived", True)
    assert document["stages"] == {
        "in the bucket": "205 of 205",
        "announced": "205 of 205",
        "queued": "0",
        "in a worker's hands": "0",
        "ingested": "205 of 205",
        "in the Butler": "205 of 205",
        "visit": "defined",
        "presence": "189 of 189",
    }


def test_each_gap_has_its_reason_and_what_mends_it(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    unseen, dropped, queued, working, unsettled, silent, gone = paths[:7]
    pipeline.arrive(paths[5:])
    pipeline.store.hset(f"FILE:{dropped}", mapping={"recv_time": "1", "md_fail_exc": "no OBSID"})
    pipeline.store.hset(f"FILE:{queued}", "recv_time", str(pipeline.now - 30))
    pipeline.store.lpush(QUEUE, queued)
    pipeline.store.lpush(f"WORKER:{BUCKET}:ingest-abc", working)
    pipeline.store.hset(f"FILE:{unsettled}", "recv_time", "1")
    pipeline.store.delete(f"GROUP:LSSTCam:2026-06-03T23:10:48.123:0:{silent[-12:-5]}")
    pipeline.world.fake_butler.paths.discard(gone)
    absent = paths[-1]
    del pipeline.world.fake_objects.put[absent.removeprefix(f"{BUCKET}/")]
    exposure = name(unseen)
    code, document = pipeline.run("trace", exposure)
    assert (code, document["result"]) == (1, "gaps")
    found = rows(document)
    part = {path: path.removesuffix(".fits")[-7:] for path in paths}
    trigger = f"embargo-hooks trigger {exposure}_"
    expected_words = {
        part[unseen]: ("never announced", f"{trigger}{part[unseen]}"),
        part[dropped]: ("no OBSID", f"{trigger}{part[dropped]}"),
        part[queued]: ("waits in the queue since", "embargo-hooks status"),
        part[working]: ("in the hands of ingest-abc", "kubectl logs ingest-abc -c ingest"),
        part[unsettled]: ("nothing noted since", f"{trigger}{part[unsettled]} --unless-in-butler"),
        part[silent]: ("presence does not know it", f"{trigger}{part[silent]} --force"),
        part[gone]: ("no longer in the Butler", f"{trigger}{part[gone]} --force"),
        "R44_SG1_guider": ("the camera has not PUT it", ""),
    }
    assert found.keys() == expected_words.keys()
    for detector, (why, mend) in expected_words.items():
        assert why in found[detector]["why"]
        assert found[detector]["mend"] == mend


def test_one_detector_only(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    code, document = pipeline.run("trace", f"{name(paths[0])}_R22_S11")
    assert (code, [row["detector"] for row in document["rows"]]) == (0, ["R22_S11"])


def test_files_of_the_same_fate_are_one_line_with_one_command(pipeline: Site) -> None:
    exposure = name(pipeline.expose(258)[0])
    assert main(["trace", exposure, "--config", pipeline.file], pipeline.world) == 1
    out = pipeline.capsys.readouterr().out
    assert "! 205 in the bucket, never announced: R00_SG0_guider, " in out
    assert f"\n      embargo-hooks trigger {exposure}\n" in out
    assert len(out.splitlines()) < 20


def test_without_a_pod_of_ingest_the_rest_is_shown(
    pipeline: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise KubernetesError("no right to pods/exec")

    monkeypatch.setattr(pipeline.world.fake_butler, "known", refused)
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    code, document = pipeline.run("trace", name(paths[0]))
    assert (code, document["visit"], document["stages"]["in the Butler"]) == (0, None, "not asked")
    assert "no right to pods/exec" in document["hidden"]


@pytest.mark.parametrize(
    ("asked", "near"),
    [("MC_O_{day}_000259", "MC_O_{day}_000258"), ("MC_O_{day}_000258_R22_S19", "_R22_S1")],
)
def test_what_is_not_there_has_near_ones_named(pipeline: Site, asked: str, near: str) -> None:
    day = pipeline.expose(258)[0].split("/")[2]
    code, document = pipeline.run("trace", asked.format(day=day))
    assert code == 1
    assert "is not in the bucket; the nearest there: " in document["summary"]
    assert near.format(day=day) in document["summary"]


def test_what_is_no_exposure_is_said_so(pipeline: Site) -> None:
    code, document = pipeline.run("trace", "yesterday")
    assert code == 1
    assert "is neither an exposure" in document["summary"]


class TestTrigger:
    def test_queues_what_has_not_arrived(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.arrive(paths[2:])
        pipeline.store.lpush(QUEUE, paths[0])
        code, document = pipeline.run("trigger", name(paths[0]))
        assert (code, document["result"]) == (0, "changed")
        assert sorted(pipeline.queue()) == sorted(paths[:2])
        assert document["summary"] == "trigger: summit: 1 of 205 objects queued"

    def test_force_queues_all_the_same(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.arrive(paths)
        assert pipeline.run("trigger", "--force", f"{name(paths[0])}_R22_S11")[0] == 0
        assert [path[-12:] for path in pipeline.queue()] == ["R22_S11.fits"]

    def test_unless_in_butler_leaves_out_what_it_has(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.world.fake_butler.paths = set(paths[1:])
        pipeline.run("trigger", "--unless-in-butler", name(paths[0]))
        assert pipeline.queue() == paths[:1]

    def test_a_single_key(self, pipeline: Site) -> None:
        path = pipeline.expose(258)[0]
        assert pipeline.run("trigger", path.removeprefix(f"{BUCKET}/"))[0] == 0
        assert pipeline.queue() == [path]

    def test_one_unknown_and_nothing_is_queued(self, pipeline: Site) -> None:
        path = pipeline.expose(258)[0]
        exposure = name(path)
        code, document = pipeline.run("trigger", exposure, f"{exposure}_R99", "LSSTCam/x/y/z.fits")
        assert code == 1
        assert len(document["problems"]) == 2
        assert pipeline.queue() == []

    def test_a_rehearsal_queues_nothing(self, pipeline: Site) -> None:
        exposure = name(pipeline.expose(258)[0])
        code, document = pipeline.run("trigger", "--dry-run", exposure)
        assert (code, document["result"]) == (0, "unchanged")
        assert "205 of 205 objects would be queued" in document["summary"]
        assert pipeline.queue() == []
