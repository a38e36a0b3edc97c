"""LSSTCam's focal plane: 21 rafts of nine science detectors, four corner rafts of four others."""

from __future__ import annotations

from dataclasses import dataclass

CORNERS = ("R00", "R04", "R40", "R44")
_SCIENCE_SLOTS = tuple(f"S{row}{column}" for row in range(3) for column in range(3))


@dataclass(frozen=True)
class Detector:
    """One detector: `R22` `S11` is the middle one."""

    raft: str
    slot: str

    @property
    def name(self) -> str:
        """The name in headers, Butler and presence, `R22_S11`."""
        return f"{self.raft}_{self.slot}"

    @property
    def is_guider(self) -> bool:
        """Whether its files hold guide stars' stamps, which the Butler keeps as `guider_raw`."""
        return self.slot.startswith("SG")

    @property
    def is_science(self) -> bool:
        """Whether presence knows it: it refuses wavefront and guider sensors."""
        return self.raft not in CORNERS

    @property
    def file_part(self) -> str:
        """The part of the file's name that stands for the detector."""
        return f"{self.name}_guider" if self.is_guider else self.name


def _focal_plane() -> tuple[Detector, ...]:
    rafts = [f"R{row}{column}" for row in range(5) for column in range(5)]
    science = [
        Detector(raft, slot) for raft in rafts if raft not in CORNERS for slot in _SCIENCE_SLOTS
    ]
    wavefront = [Detector(raft, slot) for raft in CORNERS for slot in ("SW0", "SW1")]
    guiders = [Detector(raft, slot) for raft in CORNERS for slot in ("SG0", "SG1")]
    return (*science, *wavefront, *guiders)


DETECTORS = _focal_plane()
"""All 205: 189 science, 8 wavefront, 8 guider."""
