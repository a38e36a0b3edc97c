"""The files that an exposure of an instrument consists of, as far as they are always the same."""

from __future__ import annotations

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
_FILES = {"LSSTCam": _SCIENCE + _CORNER_FILES}


def expected(instrument: str) -> tuple[str, ...]:
    """Return what the files' names of an exposure have after its own; empty if nobody knows.

    LSSTCam has 189 science files, 8 of wavefront and 8 of guide sensors (environments' facts).
    """
    return _FILES.get(instrument, ())


def answers_presence(detector: str) -> bool:
    """Whether presence knows a detector: it refuses wavefront and guide sensors by their names."""
    return len(detector) == 7 and detector[4:] not in ("SW0", "SW1", "SG0", "SG1")
