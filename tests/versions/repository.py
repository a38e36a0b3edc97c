"""A small repository in SQLite, run by the Python of any Butler since 2023.

    python repository.py make FOLDER
    python repository.py define-visits REPO INSTRUMENT --collections COLLECTION --where WHERE

The first makes a repository with a few exposures; the second stands for the stack's own command:
it finds exposures as that one does, and gives each its visit.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from astropy.time import Time, TimeDelta
from lsst.daf.butler import (
    Butler,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    FileDataset,
    Timespan,
)

INSTRUMENTS = ("LSSTCam", "LATISS")
DETECTORS = (1, 2)
EXPOSURES = {
    ("LSSTCam", 20260603, 258, "science"): True,
    ("LSSTCam", 20260603, 259, "acq"): False,
    ("LSSTCam", 20260603, 260, "bias"): False,
    ("LSSTCam", 20260603, 261, "science"): False,
    ("LSSTCam", 20260604, 1, "science"): False,
    ("LATISS", 20260603, 1, "science"): False,
}
"""Instrument, day, number and type, and whether its visit is defined."""
OFF_THE_SKY: dict[int, dict[str, Any]] = {
    260: {"can_see_sky": False, "sky_angle": None},
    261: {"sky_angle": None},
}
"""What differs in those that get no visit; `can_see_sky` is unknown to the oldest."""


def insert(butler: Any, element: str, **values: Any) -> None:
    """Insert a record with those of some values that the version's universe has fields for."""
    known = set(butler.dimensions[element].RecordClass.fields.names)
    record = {name: value for name, value in values.items() if name in known}
    butler.registry.syncDimensionData(element, record)


def make(folder: Path) -> None:
    """Make the repository."""
    Butler.makeRepo(str(folder))
    butler: Any = Butler(str(folder), writeable=True)  # type: ignore[abstract]
    for instrument in INSTRUMENTS:
        limits = {f"{name}_max": 10**13 for name in ("visit", "exposure")}
        insert(
            butler, "instrument", name=instrument, class_name="no.Class", detector_max=9, **limits
        )
        insert(butler, "physical_filter", instrument=instrument, name="i_39", band="i")
        insert(butler, "visit_system", instrument=instrument, id=0, name="one-to-one")
        for number in DETECTORS:
            insert(
                butler, "detector", instrument=instrument, id=number, full_name=f"R22_S1{number}"
            )
    kind = DatasetType(
        "raw",
        ("instrument", "detector", "exposure"),
        "StructuredDataDict",
        universe=butler.dimensions,
    )
    butler.registry.registerDatasetType(kind)
    for (instrument, day, number, type_), visited in EXPOSURES.items():
        add(butler, folder, kind, instrument, day, number, type_)
        if visited:
            define(butler, instrument, day * 100000 + number)


def add(
    butler: Any, folder: Path, kind: DatasetType, instrument: str, day: int, number: int, type_: str
) -> None:
    """Add an exposure and its files."""
    code, name = day * 100000 + number, f"MC_O_{day}_{number:06d}"
    where: dict[str, Any] = {"instrument": instrument}
    if "day_obs" in butler.dimensions["exposure"].implied:
        insert(butler, "day_obs", **where, id=day)
        insert(butler, "group", **where, name=name)
    begin = Time(f"{day // 10000}-{day // 100 % 100:02d}-{day % 100:02d}T12:00:00", scale="tai")
    insert(
        butler,
        "exposure",
        **where,
        id=code,
        obs_id=name,
        physical_filter="i_39",
        day_obs=day,
        group=name,
        observation_type=type_,
        timespan=Timespan(begin, begin + TimeDelta(30, format="sec")),
        **{"tracking_ra": 150.1, "tracking_dec": 2.2, "sky_angle": 12.5, "can_see_sky": True}
        | OFF_THE_SKY.get(number, {}),
    )
    run = f"{instrument}/raw/all"
    butler.registry.registerRun(run)
    for detector in DETECTORS:
        id_ = DataCoordinate.standardize(
            **where, detector=detector, exposure=code, universe=butler.dimensions
        )
        ref = DatasetRef(kind, id_, run=run, id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN)
        file = folder / f"{name}_R22_S1{detector}.fits"
        file.touch()
        formatter = "lsst.daf.butler.formatters.json.JsonFormatter"
        butler.ingest(
            FileDataset(path=str(file), refs=[ref], formatter=formatter), transfer="direct"
        )


def define(butler: Any, instrument: str, exposure: int) -> None:
    """Define the visit of an exposure."""
    (record,) = butler.registry.queryDimensionRecords(
        "exposure", instrument=instrument, exposure=exposure
    )
    where = {"instrument": instrument, "visit_system": 0}
    insert(
        butler,
        "visit",
        **where,
        id=exposure,
        name=record.obs_id,
        physical_filter="i_39",
        day_obs=exposure // 100000,
        timespan=record.timespan,
    )
    insert(butler, "visit_definition", **where, visit=exposure, exposure=exposure)


def main() -> None:
    """Do what the words say."""
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("make").add_argument("folder", type=Path)
    defining = verbs.add_parser("define-visits")
    for name in ("repo", "instrument", "--collections", "--where"):
        defining.add_argument(name)
    words = parser.parse_args()
    if words.verb == "make":
        make(words.folder)
        return
    butler: Any = Butler(words.repo, writeable=True)  # type: ignore[abstract]
    found = butler.registry.queryDataIds(
        ["exposure"],
        dataId={"instrument": words.instrument},
        collections=words.collections,
        datasets="raw",
        where=words.where,
    )
    for id_ in list(found):
        define(butler, words.instrument, id_["exposure"])


if __name__ == "__main__":
    main()
