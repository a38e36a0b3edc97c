"""Upgrades while the camera works: new images, two at once, a killed Helm, a new address."""

from __future__ import annotations

import signal
import subprocess
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.e2e.nothing_lost.conftest import THREE, Night, in_each_test
from tests.rig import images
from tests.rig.command import wait_for
from tests.rig.site import ADDRESS_POOLS
from tests.support import connect, faults, mends
from tests.support.changing import Changing
from tests.support.namespace import FULLNAME

TAG = "1.2.99"
SERVICES = ("redis", "idle", "presence", "ingest", "enqueue")
MORE_INGESTS: dict[str, Any] = {"ingest": {"env": {"MAX_INGESTS": "7"}}}


@pytest.fixture(scope="module", autouse=True)
def new_images(changing: Changing) -> None:
    """The images that run, under one more tag."""
    for image in changing.release.images()[1:]:
        images.tag(image, f"{image.name.rpartition(':')[0]}:{TAG}")


@in_each_test(THREE)
def test_new_images_pod_by_pod(changing: Changing, changing_night: Night) -> None:
    change: dict[str, Any] = {}
    with changing_night() as load:
        for name in SERVICES:
            change[name] = {"image": {"tag": TAG}}
            done = changing.upgrade(change)
            assert done.status == 0, done.all
            [pod] = [each for each in faults.pods(changing.release, name) if not _ends(each)]
            assert pod["spec"]["containers"][0]["image"].endswith(f":{TAG}")
            load.wait_for_more(20)


@pytest.mark.soak
def test_two_upgrades_at_once(changing: Changing, changing_night: Night) -> None:
    with changing_night():
        before = changing.revision()
        first = changing.start(*changing.upgrade_words(MORE_INGESTS))
        _wait_until_pending(changing, "upgrade")
        second = changing.upgrade({"ingest": {"env": {"MAX_INGESTS": "9"}}})
        said, _ = first.communicate(timeout=300)
        assert second.status != 0
        assert "another operation (install/upgrade/rollback) is in progress" in second.all
        assert first.returncode == 0, said
        assert (changing.revision(), changing.status()) == (before + 1, "deployed")
        [pod] = [each for each in faults.pods(changing.release, "ingest") if not _ends(each)]
        env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
        assert env["MAX_INGESTS"] == "7"


@pytest.mark.soak
@pytest.mark.parametrize("verb", ["upgrade", "rollback"])
def test_a_killed_helm_is_unlocked(changing: Changing, changing_night: Night, verb: str) -> None:
    with changing_night() as load:
        good = changing.revision()
        if verb == "upgrade":
            helm = changing.start(*changing.upgrade_words(MORE_INGESTS))
        else:
            helm = changing.start("rollback", changing.release.name, str(good), "--wait")
        _wait_until_pending(changing, verb)
        _kill(helm)
        stuck = changing.upgrade({})
        assert stuck.status != 0
        assert "another operation" in stuck.all
        load.wait_for_more(20)
        freed = changing.run("unlock", "--yes")
        assert freed.status == 0, freed.all
        done = changing.upgrade({})
        assert done.status == 0, done.all
        assert (changing.status(), changing.revision()) == ("deployed", good + 1)


@pytest.mark.soak
def test_the_address_changes_with_events_waiting(changing: Changing, changing_night: Night) -> None:
    enqueue = f"deployment/{FULLNAME}-enqueue"
    other = {"enqueue": {"service": {"pool": "sdf-rubin-ingest"}}}
    with changing_night(mends.dropped) as load:
        service = f"{FULLNAME}-enqueue"
        before, declared = changing.namespace.outer_address(service), changing.declared()
        # Events wait: nobody is there to take them, as when a network's range is on the move.
        changing.kubectl("scale", enqueue, "--replicas=0")
        load.wait("enqueue is gone", lambda: not faults.pods(changing.release, "enqueue"))
        load.wait_for_more(100)
        unheard = _unheard(changing, load.puts)
        assert unheard, "events wait"
        # All of them still do when the address changes: the upgrade brings enqueue back as well,
        # and the Service comes first.
        done = changing.upgrade(other)
        assert done.status == 0, done.all
        after = changing.namespace.outer_address(service)
        assert after != before
        assert ip_address(after) in ip_network(ADDRESS_POOLS["sdf-rubin-ingest"])
        [now] = changing.declared()["notifications"]
        assert now == {**declared["notifications"][0], "to": f"http://{after}:8080/notify"}


def _unheard(changing: Changing, keys: dict[str, Any]) -> list[str]:
    notes = connect.queues(changing.release).notes(list(keys))
    return [key for key in list(keys) if key not in notes]


def _wait_until_pending(changing: Changing, verb: str) -> None:
    pending = ("get", "secrets", "-l", f"owner=helm,status=pending-{verb}", "-o", "name")
    wait_for(f"the {verb} has begun", lambda: changing.kubectl(*pending), timeout=60)


def _kill(helm: subprocess.Popen[str]) -> None:
    helm.send_signal(signal.SIGKILL)
    helm.communicate(timeout=20)


def _ends(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]
