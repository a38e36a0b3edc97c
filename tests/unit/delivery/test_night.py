from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from embargo_butler.cli.job.running import plain
from embargo_butler.delivery.focal_plane import expected
from embargo_butler.delivery.night import Arrival, Night, Spread
from embargo_butler.delivery.night_page import page
from embargo_butler.delivery.stages import Stage
from tests.rig.packages import program
from tests.unit.pipeline_site import Site

DAY = "20260603"
BEGIN = datetime(2026, 6, 3, 23, tzinfo=UTC).timestamp()
EXPOSURES = 40
SLOW = f"MC_O_{DAY}_000020_R22_S11"
UNREADABLE = "its metadata cannot be read: OSError('No SIMPLE card found')"


def key(exposure: int, detector: str) -> str:
    name = f"MC_O_{DAY}_{exposure:06d}"
    return f"embargo@rubin-summit/LSSTCam/{DAY}/{name}/{name}_{detector}.fits"


def arrivals() -> list[Arrival]:
    found = []
    for exposure in range(1, EXPOSURES + 1):
        for number, detector in enumerate(expected("LSSTCam")):
            put = BEGIN + 600 * exposure + number / 50
            delay = 4 + (exposure * 7 + number) % 9
            found.append(Arrival(key(exposure, detector), put, put + delay, Stage.INGESTED))
    return found


def night() -> Night:
    """A night in which all is well, but for one slow file and two detectors."""
    found = []
    for each in arrivals():
        if each.name == SLOW:
            found.append(replace(each, ingested=each.put + 900))
        elif each.name.endswith("R01_S00"):
            found.append(replace(each, ingested=0, stage=Stage.DROPPED, why=UNREADABLE))
        elif each.name.endswith("000040_R43_S22"):
            found.append(replace(each, ingested=0, stage=Stage.UNSEEN))
        else:
            found.append(each)
    return Night("summit", DAY, datetime(2026, 6, 4, 14, tzinfo=UTC), found)


class Reader(HTMLParser):
    """The texts of a page, and the elements that have an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.ids: dict[str, str] = {}
        self._id = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._id = dict(attrs).get("id") or ""
        if self._id:
            assert self._id not in self.ids
            self.ids[self._id] = ""

    def handle_data(self, data: str) -> None:
        if self._id:
            self.ids[self._id] += data
            self._id = ""
        self.words.append(data.strip())


@pytest.fixture(scope="module")
def text() -> str:
    return page(night(), plain(None))


def test_the_numbers_of_a_night(text: str) -> None:
    read = Reader(text)
    assert read.ids["files"] == "8200"
    assert read.ids["median"] == "8.0 s"
    assert read.ids["p95"] == "12 s"
    assert read.ids["largest"] == "15 min"
    assert "8159" in read.words, "ingested"
    assert "Slowest" in read.words


def test_an_outlier_leads_to_its_trace(text: str) -> None:
    assert re.findall(r'<a href="#([^"]+)"><circle', text) == [SLOW]
    row = text[text.index(f'<tr id="{SLOW}"') :]
    assert (
        f"<code>embargo-butler job trace --config FILE {SLOW}</code>" in row[: row.index("</tr>")]
    )


def test_failures_are_grouped_by_reason(text: str) -> None:
    read = " ".join(Reader(text).words)
    assert f"40 : {UNREADABLE}" in read
    assert "and 30 more" in read
    assert "1 : in the bucket, never announced" in read
    assert f"embargo-butler job trace --config FILE MC_O_{DAY}_000040_R43_S22" in read


def test_each_detector_has_its_cell(text: str) -> None:
    cells = re.findall(r'<rect class="(\w+)".*?<title>(\w+): (\d+) of (\d+)</title>', text)
    assert len(cells) == 205
    assert ("none", "R01_S00", "0", "40") in cells
    assert ("part", "R43_S22", "39", "40") in cells
    assert sum(kind == "whole" for kind, *_ in cells) == 203
    lacking = "Ingested of those in the bucket: R01_S00 0 of 40, R43_S22 39 of 40."
    assert Reader(text).ids["lacking"] == lacking


def test_detectors_do_not_overlap() -> None:
    cells = night().detectors()
    middles = {
        (round(cell.x + cell.size / 2, 2), round(cell.y + cell.size / 2, 2)) for cell in cells
    }
    assert len(middles) == 205
    assert all(0 <= cell.x < 5 and 0 <= cell.y < 5 for cell in cells)


def test_the_page_needs_nothing_from_elsewhere(text: str) -> None:
    assert not re.search(r"(src|href)=\"(?!#)|url\(|<script|@import", text)


def test_what_others_named_is_only_text() -> None:
    evil = "<script>alert(1)</script>"
    odd = Arrival(f"b/LSSTCam/{DAY}/{evil}/x", BEGIN, 0, Stage.DROPPED, evil)
    assert "<script>" not in page(Night("summit", DAY, datetime.now(UTC), [odd]), plain(None))


def test_an_empty_night_says_so() -> None:
    shown = page(Night("summit", DAY, datetime.now(UTC), []), plain(None))
    assert Reader(shown).ids["empty"] == "Nothing was PUT in this night."


def test_delays_that_nobody_knows_are_no_zeros() -> None:
    lost = Arrival(key(1, "R22_S11"), BEGIN, 0, Stage.UNSEEN)
    read = Reader(page(Night("summit", DAY, datetime.now(UTC), [lost]), plain(None)))
    assert "no-delays" in read.ids
    assert "median" not in read.ids


def test_a_night_of_one_exposure_has_a_line_all_the_same() -> None:
    one = Arrival(key(1, "R22_S11"), BEGIN, BEGIN + 10, Stage.INGESTED)
    shown = page(Night("summit", DAY, datetime.now(UTC), [one]), plain(None))
    (points,) = re.findall(r'class="median" points="([^"]+)"', shown)
    assert len(set(points.split())) == 2


def test_spreads() -> None:
    assert Spread.of([]) == Spread(0, 0.0, 0.0, 0.0)
    assert Spread.of([3.0]) == Spread(1, 3.0, 3.0, 3.0)
    assert Spread.of([float(n) for n in range(101)]) == Spread(101, 50.0, 95.0, 100.0)


def test_a_browser_shows_the_focal_plane(text: str, tmp_path: Path) -> None:
    """What a person sees: a green plane with one red and one yellow detector."""
    (tmp_path / "night.html").write_text(text)
    command = [
        *(program("chromium-headless-shell"), "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--user-data-dir={tmp_path}/profile", f"--screenshot={tmp_path}/night.png"),
        *("--window-size=1000,2200", f"file://{tmp_path}/night.html"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(tmp_path / "night.png") as shown:
        picture = shown.convert("RGB")
    colours = {"whole": (0x3D, 0x8F, 0x63), "part": (0xD9, 0x9A, 0x27), "none": (0xC0, 0x39, 0x2B)}
    areas = dict.fromkeys(colours, 0)
    for count, colour in picture.getcolors(picture.width * picture.height) or []:
        for name, wanted in colours.items():
            areas[name] += count if colour == wanted else 0
    detector = areas["whole"] / (189 - 2 + 16 * 9 / 4)
    assert 600 < detector < 1400, "a science detector's area in pixels"
    assert 0.8 * detector < areas["none"] < 1.3 * detector, "one red detector, and the outlier"
    assert 0.8 * detector < areas["part"] < 3.5 * detector, "one yellow detector, and the line"


def test_the_verb_looks_through_the_night(pipeline: Site, tmp_path: Path) -> None:
    paths = pipeline.expose(1)
    pipeline.arrive(paths[2:])
    pipeline.store.hset(f"FILE:{paths[0]}", mapping={"recv_time": 1, "md_fail_exc": "torn"})
    pipeline.put(1, ending=".json")
    file = tmp_path / "night.html"
    night = paths[0].split("/")[-3]
    code, document = pipeline.run("report", "--night", night, "--file", str(file))
    assert code == 0
    assert document["stages"] == {
        "ingested": 203,
        "given up by ingest": 1,
        "in the bucket, never announced": 1,
    }
    read = Reader(file.read_text())
    assert read.ids["files"] == "205"
    assert read.ids["median"] == "10 s"
    assert "its metadata cannot be read: torn" in " ".join(read.words)


def test_a_night_that_is_none(pipeline: Site) -> None:
    code, document = pipeline.run("report", "--night", "2026-06-03")
    assert code == 1
    assert "expected an observation day, YYYYMMDD" in str(document)
