"""A long plan, its process killed at each single call that writes, while the camera goes on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Rows
from tests.contract.crossing import Crossing, Kill
from tests.contract.receiver import Receiver
from tests.contract.server import Server
from tests.contract.site import Site

pytestmark = pytest.mark.soak
_MOMENTS = {False: "before it is done", True: "before its answer"}


@pytest.fixture
def crossing(ceph: Server) -> Iterator[Crossing]:
    made = Crossing(ceph.endpoint)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def beside() -> Iterator[Receiver]:
    """Where topics push to that come and go beside ours."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def asking() -> Iterator[Receiver]:
    """Where a topic pushes to that only gets another OpaqueData."""
    made = Receiver("first")
    yield made
    made.close()


@pytest.fixture
def endpoint(crossing: Crossing) -> str:
    return crossing.url


@pytest.fixture
def site(declared: Site, crossing: Crossing, beside: Receiver, asking: Receiver) -> Site:
    # Both sides see the same ConfigMaps.
    declared.world.fake_cluster.config_maps = crossing.config_maps
    declared.declare("left", beside, persistent=False)
    declared.declare("asking", asking, persistent=False)
    resealed(declared, asking)["OpaqueData"] = "first"
    declared.declared["grants"] = {"read": ["somebody"]}
    declared.apply()
    return declared


def resealed(site: Site, asking: Receiver) -> dict[str, Any]:
    """Return the attributes of the topic whose receiver asks for the OpaqueData."""
    attributes: dict[str, Any] = site.topics[f"{site.bucket}-asking"]["attributes"]
    assert attributes["push-endpoint"] == asking.url
    return attributes


def change(site: Site, beside: Receiver, asking: Receiver) -> None:
    """Another endpoint, another OpaqueData; one notification goes, one comes; another policy.

    The same again changes all of it back.
    """
    asking.secret = {"first": "second", "second": "first"}[str(asking.secret)]
    resealed(site, asking)["OpaqueData"] = asking.secret
    to = {site.first.url: site.second, site.second.url: site.first}
    site.attributes["push-endpoint"] = to[site.attributes["push-endpoint"]].url
    old = next(name for name in ("left", "right") if name in site.declared["notifications"])
    new = {"left": "right", "right": "left"}[old]
    del site.topics[f"{site.bucket}-{old}"], site.declared["notifications"][old]
    site.declare(new, beside, persistent=False)
    site.declared["grants"]["read"] = ["somebody", *(["else"] if new == "right" else [])]


def entries(site: Site) -> dict[str, str]:
    found = site.gateway.notifications(site.bucket)
    names = [entry.name for entry in found]
    assert len(names) == len(set(names)), f"an Id stands there twice: {names}"
    return {entry.name: entry.topic for entry in found}


def test_each_run_that_is_killed_is_completed_by_the_next(
    ceph: Server,
    site: Site,
    crossing: Crossing,
    beside: Receiver,
    asking: Receiver,
    rows: Rows,
) -> None:
    keys: Any = ceph.owner
    killed = 0
    with site.camera.working():
        site.camera.more(1)
        change(site, beside, asking)
        assert crossing.run(site.write(), keys) == 0
        calls = list(crossing.writes)
        for number, done in itertools.product(range(1, len(calls) + 1), (False, True)):
            change(site, beside, asking)
            code = crossing.run(site.write(), keys, Kill(number, done))
            killed += code == -9
            if code == -9:
                # Whatever it was killed at: each entry has a topic, and none stands there twice.
                assert set(entries(site).values()) <= site.gateway.topics().keys()
            else:
                assert code == 0
            at = f"killed at call {number} ({_MOMENTS[done]})"
            assert site.apply()["result"] in ("changed", "unchanged"), at
            assert site.apply("buckets", "--dry-run")["result"] == "unchanged", (
                f"{at}: not completed"
            )
            entries(site)
            after = time.time()
            site.camera.more(0.5)
            # Where a notification kept an older copy of its topic, all of these are dropped.
            later = {key for key, (begun, _) in site.camera.put.items() if begun > after}
            site.announced(asking, among=later)
        site.camera.more(2)
    # One way back may take a call less than the way there.
    assert killed >= 2 * len(calls) - 2, calls
    settled = site.settle(site.first, site.second)
    rows.add(
        *(f"{killed} kills, {len(calls)} calls", site.version, settled.puts),
        *(len(settled.lost), len(settled.named), settled.again, len(settled.foreign)),
    )
    assert settled.lost == settled.foreign == frozenset()
    assert settled.named == frozenset()
    site.retire()
