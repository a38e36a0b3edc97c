"""The visit of an exposure: one to one, as the summit's images are defined."""

from __future__ import annotations

import logging

from lsst.daf.butler import Butler, DimensionRecord
from lsst.sphgeom import Angle, Circle, LonLat, UnitVector3d

from lsstcam import VISIT_SYSTEM, VISIT_SYSTEM_NAME

FIELD_RADIUS = 1.85
"""Degrees from the boresight to the farthest corner of the focal plane."""

_SAME = (
    "physical_filter",
    "day_obs",
    "seq_num",
    "exposure_time",
    "target_name",
    "observation_reason",
    "science_program",
    "azimuth",
    "zenith_angle",
    "timespan",
)

logger = logging.getLogger(__name__)


def define(butler: Butler, exposure: DimensionRecord) -> None:
    """Define the visit of an exposure that can have one; what goes wrong is only logged."""
    try:
        if _on_the_sky(exposure):
            _define(butler, exposure)
    except Exception:
        logger.exception("Error while defining visits for %s", exposure.dataId)
    else:
        logger.info("Defined visits for %s", exposure.dataId)


def _on_the_sky(exposure: DimensionRecord) -> bool:
    """Tell whether an exposure gets a visit, whatever its observation_type is."""
    pointing = (exposure.tracking_ra, exposure.tracking_dec, exposure.sky_angle)
    return None not in pointing and exposure.can_see_sky is not False


def _define(butler: Butler, exposure: DimensionRecord) -> None:
    instrument, number = exposure.instrument, exposure.id
    system = {"instrument": instrument, "visit_system": VISIT_SYSTEM}
    registry = butler.registry
    with butler.transaction():
        registry.syncDimensionData(
            "visit_system",
            {"instrument": instrument, "id": VISIT_SYSTEM, "name": VISIT_SYSTEM_NAME},
        )
        registry.syncDimensionData(
            "visit",
            {
                "instrument": instrument,
                "id": number,
                "name": exposure.obs_id,
                "region": _region(exposure),
                **{name: getattr(exposure, name) for name in _SAME},
            },
        )
        registry.syncDimensionData(
            "visit_definition", {"instrument": instrument, "visit": number, "exposure": number}
        )
        registry.syncDimensionData("visit_system_membership", {**system, "visit": number})


def _region(exposure: DimensionRecord) -> Circle:
    boresight = LonLat.fromDegrees(exposure.tracking_ra, exposure.tracking_dec)
    return Circle(UnitVector3d(boresight), Angle.fromDegrees(FIELD_RADIUS))
