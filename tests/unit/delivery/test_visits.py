from __future__ import annotations

from tests.unit.pipeline_site import Site

EXPOSURES = [("LSSTCam", f"MC_O_20260603_{number:06d}") for number in range(150)]


def test_exposures_without_a_visit_are_shown_then_get_theirs(pipeline: Site) -> None:
    butler = pipeline.world.fake_butler
    butler.exposures, butler.visits = EXPOSURES, {EXPOSURES[0][1]}
    code, document = pipeline.run("visits")
    assert (code, document["result"], len(document["unvisited"])) == (2, "changes", 149)
    assert len(butler.visits) == 1, "dry by default"
    code, document = pipeline.run("visits", "--apply")
    assert (code, document["result"]) == (0, "changed")
    assert butler.visits == {name for _, name in EXPOSURES}
    code, document = pipeline.run("visits", "--apply")
    assert (code, document["result"]) == (0, "unchanged")


def test_what_is_left_is_an_error_that_names_one(pipeline: Site) -> None:
    butler = pipeline.world.fake_butler
    butler.exposures, butler.refuses = EXPOSURES[:2], True
    code, document = pipeline.run("visits", "--apply")
    assert code == 1
    assert "2 of 2 exposures still have no visit, the first MC_O_20260603_000000" in str(document)


def test_a_bad_time_is_refused(pipeline: Site) -> None:
    code, document = pipeline.run("visits", "--since", "yesterday")
    assert code == 1
    assert "neither a time" in document["summary"]
