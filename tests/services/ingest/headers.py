"""The header of an image, from its sidecar or from its FITS file.

Each step of the real service reads it in its own way; so does this one, because they differ in
what a missing or broken sidecar does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import astropy.io.fits
from lsst.resources import ResourcePath

Header = Mapping[str, Any]

_CANONICAL = {
    "comcam": "LSSTComCam",
    "comcamsim": "LSSTComCamSim",
    "latiss": "LATISS",
    "lsstcam": "LSSTCam",
    "lsstcomcam": "LSSTComCam",
    "lsstcomcamsim": "LSSTComCamSim",
}


def instrument(header: Header) -> str:
    """Return the instrument's name as the repository has it."""
    name: str = header["INSTRUME"]
    return _CANONICAL.get(name.lower(), name)


def detector(header: Header) -> str:
    """Return the detector's full name, like `R22_S11`."""
    name: str = header["RAFTBAY"] + "_" + header["CCDSLOT"]
    return name


def for_groups(resource: ResourcePath) -> Header:
    """Read a header for the group keys: whatever is wrong with the sidecar, FITS is next."""
    try:
        return _parsed(resource.updatedExtension(".json"))
    except Exception:
        return _primary(resource)


def for_raw(resource: ResourcePath, *, broken_sidecar_passed: bool = True) -> Header:
    """Read a header for ingest: a broken sidecar is passed over, or an error in older stacks."""
    sidecar = resource.updatedExtension(".json")
    if sidecar.exists():
        try:
            return _parsed(sidecar)
        except Exception:
            if not broken_sidecar_passed:
                raise
    return _primary(resource)


def find_translator(header: Header) -> None:
    """Look for who understands a header.

    Raises:
        ValueError: Nobody does.
    """
    if _CANONICAL.get(str(header.get("INSTRUME")).lower()) is None:
        raise ValueError("None of the registered translators understands this header")


def _parsed(sidecar: ResourcePath) -> Header:
    content: Header = json.loads(sidecar.read())
    return content


def _primary(resource: ResourcePath) -> Header:
    # Not the whole file: as many blocks as the header has.
    with resource.open("rb") as stream:
        header: Header = astropy.io.fits.Header.fromfile(stream)
        return header
