"""An exposure of LSSTCam as 205 small real FITS files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from astropy.io import fits

from tests.support.detectors import DETECTORS, Detector

INSTRUMENT = "LSSTCam"
EXPOSURE_SECONDS = 30.0
_CONTROLLERS = "OCHPQS"
_DARK = ("BIAS", "DARK", "FLAT")
_TAI_AHEAD_OF_UTC = timedelta(seconds=37)
_CARD = 80
_BLOCK = 2880
_PIXELS = (8, 8)


@dataclass(frozen=True)
class Exposure:
    """One exposure: what it is called, and what its files hold.

    Args:
        day: Day of observation, `YYYYMMDD`.
        seq: Number of the exposure on that day, from 1.
        controller: Who took it; `O` is the observatory's own control system.
        begun: When the shutter opened (UTC).
        kind: Its IMGTYPE: OBJECT, ACQ, BIAS, DARK or FLAT.
    """

    day: str
    seq: int
    controller: str = "O"
    begun: datetime = datetime(2026, 6, 3, 23, 10, 41, 123000, UTC)
    kind: str = "OBJECT"

    @classmethod
    def now(cls, seq: int) -> Exposure:
        """Make the exposure of a number that begins at this moment, on today's day (UTC)."""
        moment = datetime.now(UTC)
        return cls(f"{moment:%Y%m%d}", seq, begun=moment)

    @property
    def name(self) -> str:
        """The exposure's name in the headers and keys, `MC_O_20260603_000258`."""
        return f"MC_{self.controller}_{self.day}_{self.seq:06d}"

    @property
    def exposure_id(self) -> int:
        """The exposure's number in the Butler; other controllers count a thousand years later."""
        years = 1000 * _CONTROLLERS.index(self.controller)
        return (int(self.day) + years * 10_000) * 100_000 + self.seq

    @property
    def on_sky(self) -> bool:
        """Whether it gets a visit: its shutter was open, and it points somewhere."""
        return self.kind not in _DARK

    @property
    def group(self) -> str:
        """The group that Prompt Processing asks by: when the visit was scheduled (TAI)."""
        return _tai(self.begun - timedelta(seconds=EXPOSURE_SECONDS))

    @property
    def prefix(self) -> str:
        """What the keys of all files begin with."""
        return f"{INSTRUMENT}/{self.day}/{self.name}/"

    def key(self, detector: Detector) -> str:
        """Return the object key of a detector's file."""
        return f"{self.prefix}{self.name}_{detector.file_part}.fits"

    @cached_property
    def keys(self) -> dict[str, Detector]:
        """All 205 keys, each with its detector."""
        return {self.key(detector): detector for detector in DETECTORS}

    def listing(self) -> tuple[str, bytes]:
        """Return key and content of the object that says what the exposure should have."""
        sensors = {
            detector.name: "GUIDER" if detector.is_guider else "SCIENCE" for detector in DETECTORS
        }
        content = json.dumps({"obsId": self.name, "expectedSensors": sensors})
        return f"{self.prefix}{self.name}_expectedSensors.json", content.encode()

    def sidecar(self, key: str) -> tuple[str, bytes]:
        """Return key and content of the object beside a file that holds its header."""
        detector = self.keys[key]
        header = dict(self.header()) | {"RAFTBAY": detector.raft, "CCDSLOT": detector.slot}
        return key.removesuffix(".fits") + ".json", json.dumps(header).encode()

    def header(self) -> fits.Header:
        """Return the primary header that the files share, detector cards aside."""
        header = fits.Header()
        header.update(
            {
                "INSTRUME": INSTRUMENT,
                "TELESCOP": "Simonyi Survey Telescope",
                "OBSID": self.name,
                "DAYOBS": self.day,
                "SEQNUM": self.seq,
                "CONTRLLR": self.controller,
                "GROUPID": self.group,
                "CURINDEX": 1,
                "MAXINDEX": 1,
                "RAFTBAY": "R22",
                "CCDSLOT": "S11",
                "FILTBAND": "i",
                "FILTER": "i_39",
                "IMGTYPE": self.kind,
                "OBJECT": "COSMOS",
                "EXPTIME": EXPOSURE_SECONDS,
                "DARKTIME": EXPOSURE_SECONDS + 0.6,
                "TIMESYS": "TAI",
                "DATE-BEG": _tai(self.begun),
                "DATE-END": _tai(self.begun + timedelta(seconds=EXPOSURE_SECONDS)),
                # What the public translator of LSSTCam reads beside these.
                "LSST_NUM": "E2V-CCD250-112",
                "CCD_MANU": "E2V",
                "CCD_SERN": "19351",
                "DATE": _tai(self.begun + timedelta(seconds=EXPOSURE_SECONDS)),
                "MJD": 61194.96618,
                "SHUTTIME": EXPOSURE_SECONDS if self.on_sky else 0.0,
                "ROTCOORD": "sky",
                "RADESYS": "ICRS",
                "TESTTYPE": self.kind,
                "REASON": "survey",
                "PROGRAM": "BLOCK-365",
            }
        )
        if self.on_sky:
            pointing = {"RA": 150.1191, "DEC": 2.2058, "ROTPA": 12.5}
            horizon = {"AZSTART": 80.5, "AZEND": 80.6, "ELSTART": 62.1, "ELEND": 62.2}
            header.update(pointing | horizon)
        return header

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield key and content of each file.

        The FITS library writes one file; the others differ from it in two cards and the pixels,
        which are changed in place, because writing 205 files one by one would take seconds.
        """
        model = io.BytesIO()
        pixels = fits.ImageHDU(np.zeros(_PIXELS, dtype=np.int32), name="PIXELS")
        fits.HDUList([fits.PrimaryHDU(header=self.header()), pixels]).writeto(model)
        content = bytearray(model.getvalue())
        raft = _card_offset(content, "RAFTBAY")
        slot = _card_offset(content, "CCDSLOT")
        data = len(content) - _BLOCK  # the pixels are few: they begin the last block
        for number, (key, detector) in enumerate(self.keys.items()):
            image = np.arange(np.prod(_PIXELS)) + self.exposure_id % 2**30 + number
            content[raft : raft + _CARD] = _card("RAFTBAY", detector.raft)
            content[slot : slot + _CARD] = _card("CCDSLOT", detector.slot)
            stored = image.astype(">i4").tobytes()
            content[data : data + len(stored)] = stored
            yield key, bytes(content)


def _tai(moment: datetime) -> str:
    return (moment + _TAI_AHEAD_OF_UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _card(keyword: str, value: str) -> bytes:
    return str(fits.Card(keyword, value)).encode("ascii")


def _card_offset(content: bytes | bytearray, keyword: str) -> int:
    offset = content.index(f"{keyword:8}= ".encode("ascii"))
    assert offset % _CARD == 0, f"{keyword} is not at a card's start"
    return offset
