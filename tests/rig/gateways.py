"""The gateways of the contract suite: one of each major of Ceph that is, was or will be in use.

Debian 12 has 16, whose gateway is the environment's own; 18 and 20 come out of newer Debians.
"""

from __future__ import annotations

import dataclasses
import json

from tests.rig import ceph, credentials
from tests.rig.files import write_private
from tests.rig.progress import Say
from tests.rig.roots import Root
from tests.rig.site import STATE
from tests.rig.store import REGION, Store

DESCRIBED = STATE / "gateways.json"
"""All of them as the contract suite wants them described (RGW_GATEWAYS)."""

_PACKAGES = "ceph-mon,ceph-osd,radosgw,ceph-common"
# Testing moves, and a mirror may keep it as it was on a day that is over by now.
_ANY_DAY = ("--aptopt=Acquire::Check-Valid-Until false",)
_USERS = tuple(ceph.CONTRACT_USERS.values())

NEWER = (
    Store("ceph-18", 18, 13318, 7418, _USERS, Root("trixie", _PACKAGES)),
    Store("ceph-20", 20, 13320, 7420, _USERS, Root("testing", _PACKAGES, _ANY_DAY)),
)
ALL = (ceph.STORE, *NEWER)


def describe(say: Say) -> None:
    """Write the description of all of them."""
    users = {
        role: {"user": user, **dataclasses.asdict(credentials.load().s3(user))}
        for role, user in ceph.CONTRACT_USERS.items()
    }
    found = {store.version(): {"endpoint": store.url, "region": REGION, **users} for store in ALL}
    write_private(DESCRIBED, json.dumps(found, indent=1))
    say(", ".join(found))
