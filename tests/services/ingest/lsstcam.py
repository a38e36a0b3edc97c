"""LSSTCam as a Butler repository has to know it before the first image comes.

The ingest stand-in reads these names and numbers, and whoever makes a repository registers them
with `register`; so there is one definition of the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsst.daf.butler import Butler, DatasetType

INSTRUMENT = "LSSTCam"
CLASS_NAME = "lsst.obs.lsst.LsstCam"
RAW = "raw"
GUIDER_RAW = "guider_raw"
GUIDER = "GUIDER"
RAW_DIMENSIONS = ("instrument", "detector", "exposure")
STORAGE_CLASSES = {RAW: "Exposure", GUIDER_RAW: "Stamps"}
VISIT_SYSTEM = 0
VISIT_SYSTEM_NAME = "one-to-one"

# Numbers are larger than any identifier that a day and a sequence number can make.
_VISIT_MAX = 7050123199999
_SCIENCE_RAFTS = (
    *("R01", "R02", "R03"),
    *("R10", "R11", "R12", "R13", "R14"),
    *("R20", "R21", "R22", "R23", "R24"),
    *("R30", "R31", "R32", "R33", "R34"),
    *("R41", "R42", "R43"),
)
_CORNER_RAFTS = ("R00", "R04", "R40", "R44")
_CORNER_SLOTS = {"SG0": GUIDER, "SG1": GUIDER, "SW0": "WAVEFRONT", "SW1": "WAVEFRONT"}

FILTERS = {
    "u_24": "u",
    "g_6": "g",
    "r_57": "r",
    "i_39": "i",
    "z_20": "z",
    "y_10": "y",
    "ph_5": "white",
    "ef_43": "white",
    "empty": "white",
    "none": "white",
    "unknown": "unknown",
}
"""The band of each physical filter."""


@dataclass(frozen=True)
class Detector:
    """One of the camera's 205 detectors."""

    id: int
    raft: str
    slot: str
    purpose: str

    @property
    def name(self) -> str:
        """The full name, like `R22_S11`."""
        return f"{self.raft}_{self.slot}"


def _detectors() -> tuple[Detector, ...]:
    slots = [f"S{row}{column}" for row in range(3) for column in range(3)]
    places = [(raft, slot, "SCIENCE") for raft in _SCIENCE_RAFTS for slot in slots]
    places += [(raft, slot, why) for raft in _CORNER_RAFTS for slot, why in _CORNER_SLOTS.items()]
    return tuple(Detector(number, *place) for number, place in enumerate(places))


DETECTORS = _detectors()
"""All detectors, at the index that is their number: 189 science, then four of each corner raft."""

DETECTORS_BY_NAME = {detector.name: detector for detector in DETECTORS}


def register(butler: Butler) -> None:
    """Register the camera and the dataset types; what is registered already stays as it is.

    Args:
        butler: A Butler opened with `writeable=True`.
    """
    register_camera(butler)
    for name, storage_class in STORAGE_CLASSES.items():
        butler.registry.registerDatasetType(
            DatasetType(name, RAW_DIMENSIONS, storage_class, universe=butler.dimensions)
        )


def register_camera(butler: Butler) -> None:
    """Register the camera, its detectors and filters, as `butler register-instrument` does.

    Args:
        butler: A Butler opened with `writeable=True`.
    """
    registry = butler.registry
    with butler.transaction():
        registry.syncDimensionData(
            "instrument",
            {
                "name": INSTRUMENT,
                "class_name": CLASS_NAME,
                "detector_max": 1000,
                "exposure_max": _VISIT_MAX,
                "visit_max": _VISIT_MAX,
                "visit_system": VISIT_SYSTEM,
            },
        )
        registry.insertDimensionData(
            "detector",
            *(
                {
                    "instrument": INSTRUMENT,
                    "id": detector.id,
                    "full_name": detector.name,
                    "name_in_raft": detector.slot,
                    "raft": detector.raft,
                    "purpose": detector.purpose,
                }
                for detector in DETECTORS
            ),
            skip_existing=True,
        )
        registry.insertDimensionData(
            "physical_filter",
            *(
                {"instrument": INSTRUMENT, "name": name, "band": band}
                for name, band in FILTERS.items()
            ),
            skip_existing=True,
        )
