"""Journeys: what counts as reached, and how long it took."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.support import pictures
from tests.support.camera import Put
from tests.support.detectors import Detector
from tests.support.exposure import Exposure
from tests.support.journey import Journey, Latency, Stage

EXPOSURE = Exposure("20260603", 258)
SCIENCE = EXPOSURE.key(Detector("R22", "S11"))
GUIDER = EXPOSURE.key(Detector("R00", "SG0"))


@pytest.fixture
def journey() -> Journey:
    return Journey([EXPOSURE])


def arrive(journey: Journey) -> None:
    for key in journey.detectors:
        journey.note_put(Put(key, 99.5, 100.0))
        for delay, stage in enumerate(list(Stage)[1:], 1):
            if key in journey.expected(stage):
                journey.note(stage, key, 100.0 + delay)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([3.0], Latency(3.0, 3.0, 3.0)),
        ([4.0, 1.0, 2.0], Latency(2.0, 4.0, 4.0)),
        ([1.0, 2.0], Latency(1.5, 2.0, 2.0)),
        ([float(n) for n in range(1, 101)], Latency(50.5, 95.0, 100.0)),
    ],
)
def test_latency(seconds: list[float], expected: Latency) -> None:
    assert Latency.of(seconds) == expected


def test_no_latency_of_nothing(journey: Journey) -> None:
    assert Latency.of([]) is None
    assert journey.step(Stage.INGESTED) is None


def test_earliest_sight_counts(journey: Journey) -> None:
    for when in (12.0, 11.0, 13.0):
        journey.note(Stage.ANNOUNCED, SCIENCE, when)
    assert journey.time(Stage.ANNOUNCED, SCIENCE) == 11.0
    assert journey.furthest(SCIENCE) is Stage.ANNOUNCED
    assert journey.furthest(GUIDER) is None


def test_unknown_file_is_an_error(journey: Journey) -> None:
    with pytest.raises(KeyError, match="LSSTCam/other"):
        journey.note(Stage.PUT, "LSSTCam/other", 1.0)


def test_presence_is_expected_of_science_detectors_only(journey: Journey) -> None:
    assert len(journey.expected(Stage.PRESENT)) == 189
    assert GUIDER not in journey.expected(Stage.PRESENT)
    assert len(journey.expected(Stage.FOUND)) == 205


def test_complete_only_when_every_file_is_everywhere(journey: Journey) -> None:
    arrive(journey)
    assert journey.complete
    other = Journey([EXPOSURE])
    assert not other.complete
    for key in list(other.detectors)[1:]:
        other.note(Stage.PUT, key, 1.0)
    assert other.missing(Stage.PUT) == [next(iter(other.detectors))]


def test_steps_count_from_their_cause(journey: Journey) -> None:
    arrive(journey)
    assert journey.step(Stage.PUT) == Latency(0.5, 0.5, 0.5)
    assert journey.step(Stage.QUEUED) == Latency(1.0, 1.0, 1.0)
    assert journey.step(Stage.PRESENT) == Latency(3.0, 3.0, 3.0)
    assert journey.since_put(Stage.PRESENT) == Latency(5.0, 5.0, 5.0)


def test_announcement_before_the_puts_answer_took_no_time(journey: Journey) -> None:
    journey.note_put(Put(SCIENCE, 99.5, 100.0))
    journey.note(Stage.ANNOUNCED, SCIENCE, 99.99)
    assert journey.step(Stage.ANNOUNCED) == Latency(0.0, 0.0, 0.0)


def shown(journey: Journey) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(pictures.live(journey, EXPOSURE))
    console.print(pictures.closing_table(journey))
    return console.export_text()


def test_tables_say_what_is_missing(journey: Journey) -> None:
    arrive(journey)
    assert "189 of 189" in shown(journey)
    assert "1.00 / 1.00 / 1.00" in shown(journey)
    journey.note_put(Put(SCIENCE, 1.0, 2.0))
    partly = Journey([EXPOSURE])
    partly.note(Stage.PUT, SCIENCE, 2.0)
    assert "1 of 205" in shown(partly)
    assert "0 of 189" in shown(partly)
    assert pictures.line(partly).startswith("PUT 1/205, announced 0/205")


def test_picture_shows_every_detector_once(journey: Journey) -> None:
    picture = pictures.picture(journey, EXPOSURE)
    assert picture.plain.count("■") == 205
    journey.note(Stage.PRESENT, SCIENCE, 1.0)
    colours = [str(span.style) for span in pictures.picture(journey, EXPOSURE).spans]
    assert colours.count("green") == 1


def test_times_are_written_file_by_file(journey: Journey, tmp_path: Path) -> None:
    journey.note_put(Put(SCIENCE, 99.5, 100.25))
    pictures.write_times(journey, tmp_path / "new" / "times.csv")
    with (tmp_path / "new" / "times.csv").open() as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    assert len(rows) == 205
    assert rows[SCIENCE]["PUT"] == "100.250"
    assert rows[GUIDER]["PUT"] == ""
