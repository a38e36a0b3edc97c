from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from embargo_butler.delivery.days import Window, pages, window
from embargo_butler.delivery.stages import Name, Stage, parse, stage, why_dropped
from embargo_butler.model.ports import FileRecord, Stored
from tests.site.services.support import load
from tests.unit.fakes import FakeObjects

NOON = datetime(2026, 6, 4, 12, tzinfo=UTC)
EXPOSURE = "MC_O_20260603_000258"
DUPLICATE = "Datastore already contains one or more datasets: b/x.fits"


FORMS = [
    (
        f"b/LSSTCam/20260603/{EXPOSURE}/{EXPOSURE}_R22_S11.fits",
        Name("LSSTCam", "20260603", EXPOSURE, f"{EXPOSURE}_R22_S11.fits"),
    ),
    (
        "rubinobs-lfa-cp/GenericCamera/101/2026/06/03/GC101_O_20260603_000042.fits",
        Name("GenericCamera/101", "20260603", "", "GC101_O_20260603_000042.fits"),
    ),
    (
        "rubinobs-lfa-cp/GenericCamera/101/2026/06/03/GC101_movie/GC101_000042.fits",
        Name("GenericCamera/101", "20260603", "", "GC101_000042.fits"),
    ),
    (
        "rubin:rubinobs-lfa-cp/FiberSpectrograph/Broad/2026/06/03/FiberSpectrograph:Broad_a.fits",
        Name("FiberSpectrograph/Broad", "20260603", "", "FiberSpectrograph:Broad_a.fits"),
    ),
    ("rubinobs-lfa-cp/ESS/2026/06/03/x.fits", Name("ESS", "20260603", "", "x.fits")),
    (f"b/LSSTCam/20260603/{EXPOSURE}.fits", None),
    (f"b/LSSTCam/20260603/{EXPOSURE}/more/x.fits", None),
    ("b/LSSTCam/20260603/MC_O_20260603/x.fits", None),
    ("b/LSSTCam/20260603/MC_O_20260603_first/x.fits", None),
    ("rubinobs-lfa-cp/ESS/2026/x.fits", None),
    ("rubinobs-lfa-cp/GenericCamera/101/2026/06/03/one/two/x.fits", None),
]
"""All forms of paths that the services take, with what they read, and some that they do not."""


@pytest.mark.parametrize(("path", "name"), FORMS)
@pytest.mark.parametrize("service", ["enqueue/enqueue", "ingest/paths"])
def test_paths_are_read_as_the_services_read_them(
    path: str, name: Name | None, service: str, service_environment: pytest.MonkeyPatch
) -> None:
    assert parse(path) == name
    service_environment.setenv("NOTIFICATION_SECRET", "")
    try:
        read = load(service).parse(path)
    except ValueError:
        assert name is None
        return
    if name:
        assert (read.instrument, read.obs_day, read.filename) == (
            name.instrument,
            name.day,
            name.file,
        )
        assert getattr(read, "exp_id", "") == name.exposure


def test_a_movie_of_the_annex_that_was_never_announced_is_found() -> None:
    objects, seen = FakeObjects(), list[Stored]()
    key = "GenericCamera/101/2026/06/03/GC101_movie/GC101_000042.fits"
    objects.put[key] = NOON.timestamp() - 60
    pages("rubinobs-lfa-cp", objects, Window(NOON - timedelta(hours=2), NOON), seen.extend)
    assert [each.key for each in seen if parse(f"rubinobs-lfa-cp/{each.key}")] == [key]


def test_the_detector_is_what_follows_the_exposure() -> None:
    found = parse(f"b/LSSTCam/20260603/{EXPOSURE}/{EXPOSURE}_R00_SG0_guider.fits")
    assert found
    assert found.detector == "R00_SG0_guider"


@pytest.mark.parametrize(
    ("record", "queued", "working", "expected"),
    [
        (FileRecord(), False, False, Stage.UNSEEN),
        (FileRecord(), True, False, Stage.QUEUED),
        (FileRecord(received=1), True, True, Stage.QUEUED),
        (FileRecord(received=1, insert_failures=2), False, True, Stage.WORKING),
        (FileRecord(received=1), False, False, Stage.UNSETTLED),
        (FileRecord(received=1, insert_error="x", insert_failures=3), False, False, Stage.DROPPED),
        (FileRecord(received=1, insert_error="Max wait"), False, False, Stage.DROPPED),
        (FileRecord(received=1, header_error="x"), False, False, Stage.DROPPED),
        (FileRecord(received=2, ingested=1), False, False, Stage.INGESTED),
        (FileRecord(received=1, ingested=2, insert_error="x"), False, False, Stage.INGESTED),
        (FileRecord(received=3, ingested=2), True, False, Stage.QUEUED),
        (FileRecord(received=1, insert_error=DUPLICATE), False, False, Stage.INGESTED),
        (FileRecord(insert_error=DUPLICATE), False, True, Stage.WORKING),
        (FileRecord(insert_error=DUPLICATE, header_error="x"), False, False, Stage.DROPPED),
        (FileRecord(received=1, insert_error="Conflict in sync"), False, False, Stage.DROPPED),
    ],
)
def test_stages(record: FileRecord, queued: bool, working: bool, expected: Stage) -> None:
    assert stage(record, queued, working) is expected
    if expected is Stage.DROPPED:
        assert why_dropped(record)


def test_a_window_is_a_span_or_times() -> None:
    grace = timedelta(seconds=60)
    assert window("2h", "", NOON, grace) == Window(NOON - timedelta(hours=2), NOON - grace)
    assert window("2026-06-04T10:00:00Z", "2026-06-04T11:00:00+00:00", NOON, grace) == Window(
        NOON - timedelta(hours=2), NOON - timedelta(hours=1)
    )
    assert window("2026-06-04", "", NOON, grace).since == datetime(2026, 6, 4, tzinfo=UTC)
    for text in ("yesterday", "2", "2w", ""):
        with pytest.raises(ValueError, match="neither a time"):
            window(text, "", NOON, grace)
    with pytest.raises(ValueError, match="no time from"):
        window("2026-06-05", "", NOON, grace)


def test_only_folders_of_days_that_matter_are_listed() -> None:
    objects = FakeObjects()
    objects.put = {"LSSTCam/20200101/x/x.fits": 0.0, "LATISS/20260603/x/x.fits": NOON.timestamp()}
    seen: list[Stored] = []
    within = Window(NOON - timedelta(hours=2), NOON)
    assert pages("b", objects, within, seen.extend) == 1
    assert [each.key for each in seen] == ["LATISS/20260603/x/x.fits"]
    days = ("20260602", "20260603", "20260604")
    assert sorted(objects.listed) == [
        f"{instrument}/{day}/" for instrument in ("LATISS", "LSSTCam") for day in days
    ]


def test_the_annex_keeps_its_days_in_three_folders() -> None:
    objects = FakeObjects()
    at = NOON.timestamp()
    objects.put = {
        "ESS/2026/06/03/x.fits": at,
        "GenericCamera/101/2026/06/04/sub/y.fits": at,
        "GenericCamera/101/2025/06/04/z.fits": at,
    }
    seen: list[Stored] = []
    pages("rubinobs-lfa-cp", objects, Window(NOON - timedelta(hours=2), NOON), seen.extend)
    assert {each.key for each in seen} == {
        "ESS/2026/06/03/x.fits",
        "GenericCamera/101/2026/06/04/sub/y.fits",
    }


def test_a_conflict_of_metadata_names_what_helps() -> None:
    record = FileRecord(insert_error="Conflict in sync for exposure: zenith_angle", received=1)
    assert "only `butler ingest-raws --update-records` helps" in why_dropped(record)
    assert why_dropped(FileRecord(insert_error=DUPLICATE)) == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("no database", "no database"),
        ("\nfirst\nDETAIL: Key (id)=(1)\n[SQL: INSERT ...]", "first"),
        (
            '(psycopg.errors.CheckViolation) new row\nviolates constraint "visit_ck"\n[x]',
            '(psycopg.errors.CheckViolation) new row (constraint "visit_ck")',
        ),
        (
            'violates unique constraint "a_pk"\nconstraint "a_pk"',
            'violates unique constraint "a_pk"',
        ),
    ],
)
def test_an_error_is_told_by_its_first_line_and_its_constraint(error: str, said: str) -> None:
    assert why_dropped(FileRecord(insert_error=error)).endswith(f": {said}")
    assert why_dropped(FileRecord(header_error=error)).endswith(f": {said}")
