"""The header of an image, from its sidecar or from its FITS file.

Each step of the real service reads it in its own way; so does this one, because they differ in
what a missing or broken sidecar does.
"""

from __future__ import annotations

import contextlib
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


def for_raw(resource: ResourcePath) -> Header:
    """Read a header for ingest: a sidecar that exists has to be good."""
    sidecar = resource.updatedExtension(".json")
    return _parsed(sidecar) if sidecar.exists() else _primary(resource)


def for_guider(resource: ResourcePath) -> Header:
    """Read a header for a guider's ingest: a broken sidecar is passed over."""
    sidecar = resource.updatedExtension(".json")
    if sidecar.exists():
        with contextlib.suppress(Exception):
            return _parsed(sidecar)
    return _primary(resource)


def _parsed(sidecar: ResourcePath) -> Header:
    content: Header = json.loads(sidecar.read())
    return content


def _primary(resource: ResourcePath) -> Header:
    # Not the whole file: as many blocks as the header has.
    with resource.open("rb") as stream:
        header: Header = astropy.io.fits.Header.fromfile(stream)
        return header
