"""What a header says of an observation, as records for the Butler's registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from astropy.time import Time, TimeDelta
from lsst.daf.butler import DimensionRecord, DimensionUniverse, Timespan

import headers

_CONTROLLERS = "OCHPQS"
_DARK = ("BIAS", "DARK", "FLAT")
_OBSERVATION_TYPES = {"OBJECT": "science", "SCIENCE": "science"}


@dataclass(frozen=True)
class Observation:
    """The part of a header that names the image."""

    instrument: str
    detector: str
    obs_id: str
    exposure: int
    header: headers.Header


def identify(header: headers.Header) -> Observation:
    """Name the image that a header belongs to.

    Raises:
        KeyError: A keyword is missing.
        ValueError: A keyword's value cannot be understood.
    """
    return Observation(
        instrument=headers.instrument(header),
        detector=headers.detector(header),
        obs_id=header["OBSID"],
        exposure=exposure_id(header["DAYOBS"], int(header["SEQNUM"]), header["CONTRLLR"]),
        header=header,
    )


def exposure_id(day: str, seq_num: int, controller: str) -> int:
    """Number an exposure: day and five digits; other controllers count a thousand years later."""
    years = 1000 * _CONTROLLERS.index(controller)
    return (int(day) + years * 10_000) * 100_000 + seq_num


def records(observation: Observation, universe: DimensionUniverse) -> dict[str, DimensionRecord]:
    """Make the records of an observation: group, day_obs and, last, exposure.

    Raises:
        KeyError: A keyword is missing.
        ValueError: A keyword's value cannot be understood.
    """
    header, instrument = observation.header, observation.instrument
    day = str(header["DAYOBS"])
    noon = Time(f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00", scale="tai", format="isot")
    group = header.get("GROUPID", observation.obs_id)
    fields: dict[str, dict[str, Any]] = {
        "group": {"instrument": instrument, "name": group},
        "day_obs": {
            "instrument": instrument,
            "id": int(day),
            "timespan": Timespan(noon, noon + TimeDelta(1, format="jd")),
        },
        "exposure": {
            "instrument": instrument,
            "id": observation.exposure,
            "day_obs": int(day),
            "group": group,
            **_exposure_fields(observation),
        },
    }
    return {name: universe[name].RecordClass(**row) for name, row in fields.items()}


def _exposure_fields(observation: Observation) -> dict[str, Any]:
    header = observation.header
    seq_num, snap = int(header["SEQNUM"]), int(header.get("CURINDEX", 1))
    kind = header["IMGTYPE"]
    elevation = header.get("ELSTART")
    first = seq_num - snap + 1
    return {
        "physical_filter": header.get("FILTER", "unknown"),
        "obs_id": observation.obs_id,
        "exposure_time": float(header["EXPTIME"]),
        "dark_time": float(header.get("DARKTIME", header["EXPTIME"])),
        "observation_type": _OBSERVATION_TYPES.get(kind.upper(), kind.lower()),
        "observation_reason": header.get("REASON", "unknown"),
        "seq_num": seq_num,
        "seq_start": first,
        "seq_end": first + int(header.get("MAXINDEX", 1)) - 1,
        "target_name": header.get("OBJECT", "unknown"),
        "science_program": header.get("PROGRAM", "unknown"),
        "tracking_ra": header.get("RA"),
        "tracking_dec": header.get("DEC"),
        "sky_angle": header.get("ROTPA"),
        "azimuth": header.get("AZSTART"),
        "zenith_angle": None if elevation is None else 90 - elevation,
        "has_simulated": False,
        "can_see_sky": _can_see_sky(header),
        "timespan": Timespan(_tai(header["DATE-BEG"]), _tai(header["DATE-END"])),
    }


def _can_see_sky(header: headers.Header) -> bool | None:
    """Tell whether the shutter was open, None where nobody says so."""
    if header["IMGTYPE"].upper() in _DARK:
        return False
    return None if "SHUTTIME" not in header else bool(header["SHUTTIME"])


def _tai(date: str) -> Time:
    return Time(date, scale="tai", format="isot")
