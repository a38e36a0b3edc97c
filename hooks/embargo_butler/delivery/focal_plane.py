"""The files that an exposure should have: what its own list says, or its instrument's detectors."""

from __future__ import annotations

import json
from collections.abc import Iterable

from embargo_butler.model.ports import Objects, Stored

_CORNERS = ("R00", "R04", "R40", "R44")
_RAFTS = tuple(f"R{row}{column}" for row in range(5) for column in range(5))
_SCIENCE = tuple(
    f"{raft}_S{row}{column}"
    for raft in _RAFTS
    if raft not in _CORNERS
    for row in range(3)
    for column in range(3)
)
_CORNER_FILES = tuple(
    f"{raft}_{part}" for raft in _CORNERS for part in ("SW0", "SW1", "SG0_guider", "SG1_guider")
)
_FILES = {"LSSTCam": _SCIENCE + _CORNER_FILES, "LATISS": ("R00_S00",)}
_ENDING = "_expectedSensors.json"
_BYTES = 1_000_000


def expected(instrument: str, listed: bytes = b"") -> tuple[str, ...]:
    """Return what the files' names of an exposure have after its own; empty if nobody knows.

    LSSTCam has 189 science files, 8 of wavefront and 8 of guide sensors (environments' facts).

    Args:
        instrument: The instrument.
        listed: What the exposure's `<exposure>_expectedSensors.json` holds: what was read out, and
            as what. Where that says nothing, all of the instrument's detectors are expected.
    """
    try:
        sensors = json.loads(listed)["expectedSensors"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        return _FILES.get(instrument, ())
    return tuple(f"{name}_guider" if kind == "GUIDER" else name for name, kind in sensors)


def listing(stored: Iterable[Stored], objects: Objects) -> bytes:
    """Return what the list of an exposure holds, if it is among some objects; else nothing.

    Raises:
        HooksError: It could not be read.
    """
    found = next((each.key for each in stored if is_listing(each.key)), None)
    return objects.head(found, _BYTES) if found else b""


def is_listing(key: str) -> bool:
    """Tell whether an object lists what an exposure should have."""
    return key.endswith(_ENDING)


def answers_presence(detector: str) -> bool:
    """Whether presence knows a detector: it refuses wavefront and guide sensors by their names."""
    return len(detector) == 7 and detector[4:] not in ("SW0", "SW1", "SG0", "SG1")
