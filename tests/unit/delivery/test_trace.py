from __future__ import annotations

import re
import time
from collections.abc import Mapping
from threading import Thread
from typing import Any

import pytest

from embargo_butler.adapters import kubectl
from embargo_butler.adapters.pod_logs import PodLogs
from embargo_butler.cli.job.command import main
from embargo_butler.delivery.exposures import find
from embargo_butler.delivery.focal_plane import answers_presence, expected
from embargo_butler.errors import KubernetesError
from tests.support.detectors import DETECTORS
from tests.unit.pipeline_site import BUCKET, QUEUE, Site
from tests.unit.programs import Fake


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
        "expected": "205",
        "in the bucket": "205 of 205",
        "announced": "205 of 205",
        "set aside": "0",
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
    verb = f"embargo-butler job {{}} --config {pipeline.file}"
    trigger = f"{verb.format('trigger')} {exposure}_"
    expected_words = {
        part[unseen]: ("never announced", f"{trigger}{part[unseen]}"),
        part[dropped]: ("no OBSID", f"{trigger}{part[dropped]}"),
        part[queued]: ("waits in the queue", verb.format("status")),
        part[working]: (
            "in the hands of ingest-abc",
            "kubectl -n summit logs ingest-abc -c ingest",
        ),
        part[unsettled]: ("nothing noted since", f"{trigger}{part[unsettled]} --unless-in-butler"),
        part[silent]: ("presence does not know it", f"{trigger}{part[silent]} --force"),
        part[gone]: ("no longer in the Butler", f"{trigger}{part[gone]} --force"),
        "R44_SG1_guider": ("the camera has not PUT it", ""),
    }
    assert found.keys() == expected_words.keys()
    for detector, (why, mend) in expected_words.items():
        assert why in found[detector]["why"]
        assert found[detector]["mend"] == mend


def test_a_conflict_of_metadata_has_its_own_remedy(pipeline: Site) -> None:
    path = pipeline.put(258)
    notes = {"recv_time": "1", "ing_fail_exc": "Conflict in sync: zenith_angle"}
    pipeline.store.hset(f"FILE:{path}", mapping=notes)
    _, document = pipeline.run("trace", f"{path.rpartition('/')[2]}")
    (row,) = (row for row in document["rows"] if row["detector"] == "R22_S11")
    assert row["mend"].startswith("kubectl -n summit exec deployment/")
    assert f"--update-records --transfer direct $BUTLER_REPO s3://{path}'" in row["mend"]


def test_an_exposure_should_have_what_its_own_list_says(pipeline: Site) -> None:
    """An example of the field: 197 science files and no guider."""
    paths = [path for path in pipeline.expose(258) if not path.endswith("_guider.fits")]
    guiders = [key for key in pipeline.world.fake_objects.put if key.endswith("_guider.fits")]
    for key in guiders:
        del pipeline.world.fake_objects.put[key]
    pipeline.arrive(paths)
    exposure = name(paths[0])
    code, document = pipeline.run("trace", exposure)
    assert (code, document["stages"]["in the bucket"]) == (1, "197 of 205"), "it has no list"
    parts = [path.rpartition("/")[2].removeprefix(f"{exposure}_")[:7] for path in paths]
    pipeline.state_sensors(paths[0], dict.fromkeys(parts, "SCIENCE"))
    code, document = pipeline.run("trace", exposure)
    assert (code, document["result"]) == (0, "arrived")
    assert document["stages"]["expected"] == "197"
    assert document["stages"]["in the bucket"] == "197 of 197"
    pipeline.state_sensors(paths[0], {**dict.fromkeys(parts, "SCIENCE"), "R00_SG0": "GUIDER"})
    code, document = pipeline.run("trace", exposure)
    assert (code, set(rows(document))) == (1, {"R00_SG0_guider"})


def test_a_night_is_a_line_for_each_exposure(pipeline: Site) -> None:
    whole, partly = pipeline.expose(258), pipeline.expose(259)
    pipeline.arrive([*whole, *partly[:100]])
    pipeline.state_sensors(partly[0], {"R01_S00": "SCIENCE", "R99_SG0": "GUIDER"})
    day = whole[0].split("/")[2]
    code, document = pipeline.run("trace", "--night", day)
    assert (code, document["result"]) == (1, "gaps")
    assert document["exposures"] == [
        {
            "exposure": name(paths[0]),
            **{"expected": due, "there": 205, "announced": came, "ingested": came},
            "unsent": unsent,
        }
        for paths, due, came, unsent in (
            (whole, 205, 205, []),
            (partly, 2, 100, ["R99_SG0_guider"]),
        )
    ]
    assert main(["trace", "--night", day, "--config", pipeline.file], pipeline.world) == 1
    out = pipeline.capsys.readouterr().out
    assert re.search(rf"{name(partly[0])} +2 +205 +100 +100 +R99_SG0_guider\n", out)
    assert "1 of 2 exposures are not whole" in out


def test_a_trace_is_of_an_exposure_or_of_a_night(pipeline: Site) -> None:
    for words in ([], ["MC_O_20260603_000258", "--night", "20260603"]):
        code, document = pipeline.run("trace", *words)
        assert code == 1
        assert "expected an EXPOSURE, or --night YYYYMMDD" in document["summary"]


@pytest.mark.parametrize("listed", [b"", b"{", b"[]", b'{"expectedSensors": 3}'])
def test_a_list_that_says_nothing_is_passed_over(listed: bytes) -> None:
    assert len(expected("LSSTCam", listed)) == 205
    assert expected("LATISS", listed) == ("R00_S00",)
    assert expected("LSSTComCam", listed) == ()


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
    assert f"\n      embargo-butler job trigger --config {pipeline.file} {exposure}\n" in out
    assert len(out.splitlines()) < 20


@pytest.mark.parametrize(("science", "shown", "code"), [(True, "missing", 1), (False, "none", 0)])
def test_only_a_science_exposure_lacks_a_visit(
    pipeline: Site, science: bool, shown: str, code: int
) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    exposure, day = name(paths[0]), paths[0].split("/")[2]
    pipeline.world.fake_butler.visits.clear()
    pipeline.world.fake_butler.exposures = [("LSSTCam", exposure)] if science else []
    assert main(["trace", "--config", pipeline.file, exposure], pipeline.world) == code
    out = pipeline.capsys.readouterr().out
    assert f"  visit                {shown}\n" in out
    since = f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z"
    mend = f"embargo-butler job visits --config {pipeline.file} --since {since} --apply\n"
    assert (mend in out) == science


@pytest.mark.parametrize("curindex", ["''  ", "  ", "many"])
def test_a_broken_header_breaks_no_trace(pipeline: Site, curindex: str) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    cards = [f"{card:80}" for card in ("GROUPID = 'x'", f"CURINDEX= {curindex}", "END")]
    whole = next(path.partition("/")[2] for path in paths if path.endswith(".fits"))
    pipeline.world.fake_objects.content[whole] = "".join(cards).encode()
    _, document = pipeline.run("trace", name(paths[0]))
    assert document["stages"]["ingested"] == "205 of 205"


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


def test_what_the_logs_say_stands_beside_the_reason(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths[2:])
    unseen, unsettled = paths[:2]
    pipeline.store.hset(f"FILE:{unsettled}", "recv_time", "1")
    logs = pipeline.world.fake_logs.lines
    logs["ingest"] = [f"ERROR ... Error while ingesting ['s3://{unsettled}']"]
    logs["enqueue"] = ["INFO ... Unrecognized secret hunter2"] * 3
    main(["trace", name(unseen), "--config", pipeline.file], pipeline.world)
    out = pipeline.capsys.readouterr().out
    assert "log of ingest: ERROR ... Error while ingesting" in out
    assert "log of enqueue: 3 notifications with another secret were dropped" in out
    assert "hunter2" not in out
    _, document = pipeline.run("trace", name(unseen))
    assert "Error while" in rows(document)[unsettled[-12:-5]]["log"]


def test_a_line_for_each_file_when_asked(pipeline: Site) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths)
    main(["trace", name(paths[0]), "--rows", "--config", pipeline.file], pipeline.world)
    out = pipeline.capsys.readouterr().out
    (line,) = (each for each in out.splitlines() if each.startswith("  R22_S11 "))
    assert re.fullmatch(r"  R22_S11 +\d\d:\d\d:\d\d +\+1.0 s +\+10.0 s +yes +yes +ingested", line)


def mentions(lines: str, names: list[str], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setattr(kubectl, "output", lambda *_, takes: lines)
    return PodLogs(Fake().kubectl, "ingest").mentions("ingest", names)


def test_a_line_of_a_batch_is_about_each_of_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "ERROR ['s3://b/L/d/E/E_R22_S11.fits', 's3://b/L/d/E/E_R22_S12.fits']\nINFO other\n"
    found = mentions(lines, ["E_R22_S11.fits", "E_R22_S12.fits", "E_R22_S1.fits"], monkeypatch)
    assert set(found) == {"E_R22_S11.fits", "E_R22_S12.fits"}


class TestTrigger:
    def test_queues_what_has_not_arrived(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.arrive(paths[2:])
        pipeline.store.lpush(QUEUE, paths[0])
        code, document = pipeline.run("trigger", "--wait", "0.2", name(paths[0]))
        assert (code, document["result"]) == (0, "changed")
        assert sorted(pipeline.queue()) == sorted(paths[:2])
        assert document["summary"] == "trigger: summit: 1 of 205 objects queued, 1 under way"

    def test_force_queues_all_the_same(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.arrive(paths)
        assert (
            pipeline.run("trigger", "--wait", "0.2", "--force", f"{name(paths[0])}_R22_S11")[0] == 0
        )
        assert [path[-12:] for path in pipeline.queue()] == ["R22_S11.fits"]

    @pytest.mark.parametrize(
        "way", [(), ("--through", "webhook"), ("--through", "kafka", "--shared-topic")]
    )
    def test_it_is_advised_to_force_it_the_same_way(
        self, pipeline: Site, way: tuple[str, ...]
    ) -> None:
        pipeline.arrive(paths := pipeline.expose(258))
        if "kafka" in way:
            pipeline.hears(deployment="e", topic="rubin-summit-8", readers=["prompt-processing"])
        words = ("trigger", "--wait", "0", *way, "--config", pipeline.file, name(paths[0]))
        main(words, pipeline.world)
        out = pipeline.capsys.readouterr().out
        command = ("trigger", "--config", pipeline.file, name(paths[0]), *way, "--force")
        assert f"`embargo-butler job {' '.join(command)}` announces" in out

    def test_unless_in_butler_leaves_out_what_it_has(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.world.fake_butler.paths = set(paths[1:])
        pipeline.run("trigger", "--wait", "0.2", "--unless-in-butler", name(paths[0]))
        assert pipeline.queue() == paths[:1]

    def test_a_single_key(self, pipeline: Site) -> None:
        path = pipeline.expose(258)[0]
        assert pipeline.run("trigger", "--wait", "0.2", path.removeprefix(f"{BUCKET}/"))[0] == 0
        assert pipeline.queue() == [path]

    def test_one_unknown_and_nothing_is_queued(self, pipeline: Site) -> None:
        path = pipeline.expose(258)[0]
        exposure = name(path)
        code, document = pipeline.run(
            "trigger", "--wait", "0.2", exposure, f"{exposure}_R99", "LSSTCam/x/y/z.fits"
        )
        assert code == 1
        assert len(document["problems"]) == 2
        assert pipeline.queue() == []

    def test_what_was_announced_is_followed_to_its_end(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.arrive(paths[3:])
        torn, _slow, done = paths[:3]
        later = str(time.time() + 60)

        def ingest() -> None:
            while not pipeline.queue():
                time.sleep(0.01)
            pipeline.store.hset(f"FILE:{torn}", "md_fail_exc", "no OBSID")
            pipeline.store.hset(f"FILE:{done}", "ingest_time", later)
            for path in (torn, done):
                pipeline.store.lrem(QUEUE, 0, path)

        thread = Thread(target=ingest)
        thread.start()
        words = ["trigger", "--wait", "1", name(torn), "--config", pipeline.file]
        assert main(words, pipeline.world) == 1
        thread.join()
        lines = pipeline.capsys.readouterr().out.splitlines()
        head, row = (each.split() for each in lines if each.startswith((name(torn), "EXPOSURE")))
        assert head[:4] == ["EXPOSURE", "EXIST", "ANNOUNCED", "INGESTED"]
        assert row == [name(torn), "205", "3", "1", "1", "1"]
        assert "1 given up: its metadata cannot be read: no OBSID" in lines
        assert (
            f"look again: embargo-butler job trace --config {pipeline.file} {name(torn)}" in lines
        )

    def test_a_duplicate_is_said_to_be_there_already(self, pipeline: Site) -> None:
        paths = pipeline.expose(258)
        pipeline.arrive(paths)

        def ingest() -> None:
            while not pipeline.queue():
                time.sleep(0.01)
            pipeline.store.delete(QUEUE)

        thread = Thread(target=ingest)
        thread.start()
        _, document = pipeline.run("trigger", "--wait", "1", "--force", name(paths[0]))
        thread.join()
        assert document["summary"].endswith("205 of 205 objects queued, 205 there already")

    def test_announces_by_the_webhook_what_is_marked_as_seen(self, pipeline: Site) -> None:
        path, *others = pipeline.expose(258)
        pipeline.arrive(others)
        pipeline.store.set(f"ENQ:{path}", "1")
        pipeline.store.hset(f"FILE:{path}", "md_fail_exc", "torn")
        words = ("trigger", "--wait", "0", "--through", "webhook", name(path))
        code, document = pipeline.run(*words)
        assert (code, document["result"]) == (0, "changed")
        assert pipeline.world.fake_announcer.announced == [[path.removeprefix(f"{BUCKET}/")]]
        assert pipeline.queue() == []
        assert not pipeline.store.exists(f"ENQ:{path}")
        assert not pipeline.store.hexists(f"FILE:{path}", "md_fail_exc")

    def test_a_shared_topic_has_to_be_meant(self, pipeline: Site) -> None:
        path = pipeline.expose(258)[0]
        pipeline.hears(deployment="e", topic="rubin-summit-8", readers=["prompt-processing"])
        words = ("trigger", "--wait", "0", "--through", "kafka", name(path))
        code, document = pipeline.run(*words)
        assert (code, document["problems"][0]["kind"]) == (1, "unsafe-plan")
        assert "topic rubin-summit-8 is shared: prompt-processing would get" in document["summary"]
        assert pipeline.world.fake_announcer.announced == []
        assert pipeline.run(*words, "--shared-topic")[0] == 0
        assert len(pipeline.world.fake_announcer.announced) == 1, "one record for each exposure"

    def test_a_way_that_enqueue_does_not_hear_by(self, pipeline: Site) -> None:
        exposure = name(pipeline.expose(258)[0])
        code, document = pipeline.run("trigger", "--wait", "0", "--through", "kafka", exposure)
        assert code == 1
        assert "--through kafka: enqueue of summit hears by webhook" in document["summary"]

    def test_a_rehearsal_queues_nothing(self, pipeline: Site) -> None:
        exposure = name(pipeline.expose(258)[0])
        code, document = pipeline.run("trigger", "--wait", "0.2", "--dry-run", exposure)
        assert (code, document["result"]) == (0, "unchanged")
        assert "205 of 205 objects would be queued" in document["summary"]
        assert pipeline.queue() == []


def test_a_key_of_the_annex_has_instrument_and_day(pipeline: Site) -> None:
    key = "FiberSpectrograph/2026/06/03/spectrum_000258.fits"
    objects = pipeline.world.fake_objects
    objects.put[key] = pipeline.now
    found = find(key, objects, "rubinobs-lfa-cp")
    assert (found.instrument, found.day, found.exposure) == ("FiberSpectrograph", "20260603", "")
