"""The chart is put over the manifests that run before it, while the camera works."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.nothing_lost.conftest import _counted
from tests.rig import environment, images, vault
from tests.rig.release import Release
from tests.rig.site import PROJECT
from tests.support import connect, faults, mends, predecessor
from tests.support.changing import Changing
from tests.support.namespace import FULLNAME
from tests.support.operated import Said
from tests.support.queues import Queues

pytestmark = pytest.mark.soak

TAG = "1.2.98"
JOBS_NOTES = {f"{FULLNAME}-inventory", f"{FULLNAME}-lookups"}
"""Where the jobs have noted what they did: like the buckets' policies it stays."""
SERVICES = ("enqueue", "ingest", "idle", "presence")


class Place(Changing):
    """A release that is yet to be, where its predecessor runs."""

    def take_over(self, *words: str, **change: Any) -> Said:
        """Type the verb with an operator's login to Vault."""
        client, policy = vault.admin(), f"embargo-butler-{self.release.name}"
        made = client.auth.token.create(policies=[policy], ttl="20m")["auth"]
        return self.run("take-over", "--yes", *words, token=made["client_token"], **change)

    def workloads(self) -> dict[str, Any]:
        """Return what the workloads and Services declare, by kind and name."""
        found = self.get("statefulsets,deployments,services")["items"]
        return {f"{each['kind']}/{each['metadata']['name']}": each["spec"] for each in found}

    def state(self) -> dict[str, Any]:
        """Return them, the ConfigMaps that no job has written, and who is announced to."""
        maps = {each["metadata"]["name"] for each in self.get("configmaps")["items"]} - JOBS_NOTES
        return {"workloads": self.workloads(), "maps": maps, **self.announcing()}

    def pods(self) -> set[str]:
        """Return the names of the services' pods that are not on their way out."""
        found = faults.pods(self.release)
        return {
            each["metadata"]["name"]
            for each in found
            if "deletionTimestamp" not in each["metadata"]
        }

    def addresses(self) -> dict[str, tuple[str, str]]:
        """Return each Service's address within the cluster, and outside of it."""
        return {
            each["metadata"]["name"]: (
                each["spec"]["clusterIP"],
                str(each["status"].get("loadBalancer")),
            )
            for each in self.get("services")["items"]
        }


@pytest.fixture(scope="module")
def place(site: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(Release(f"night-{secrets.token_hex(3)}", helm), tmp_path_factory.mktemp("old"))
    environment.make(made.release)
    for image in made.release.images():
        if image.name.rpartition(":")[0].rpartition("-")[2] in SERVICES:
            images.tag(image, f"{image.name.rpartition(':')[0]}:{TAG}")
    rig = yaml.safe_load((PROJECT / "tests/rig/values/summit.yaml").read_text())
    predecessor.apply(made.release, rig)
    yield made
    environment.remove(made.release)
    made.close()


def test_one_that_fails_leaves_what_runs(place: Place, request: pytest.FixtureRequest) -> None:
    """At any step: in the first job, in the second, and between two pods."""
    refusing = {"namespace": place.release.namespace}
    short: dict[str, Any] = {"hooks": {"deadlineSeconds": 30}}
    with _counted(place.release, request.node.name, mends.by_itself, 900) as load:
        load.wait("Redis knows of files", lambda: keys(place))
        before, pods, queues = place.state(), place.pods(), keys(place)
        # A Secret of a declared name that is somebody else's stops the first job.
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "db-env", **refusing},
        }
        place.namespace.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))
        said = place.take_over()
        assert said.status == 1
        assert "Everything was put back as it was before" in said.err
        place.kubectl("delete", "secret", "db-env")
        assert unchanged(place, before, pods, queues)

        with place.store.shut_for_a_while():  # the second job finds no gateway
            said = place.take_over(**short)
        assert said.status == 1
        assert "Everything was put back as it was before" in said.err
        assert unchanged(place, before, pods, queues)

        said = place.take_over(presence={"image": {"tag": "99.0.0"}})  # Redis is new by then
        assert said.status == 1
        assert "Deployment embargo-butler-presence: 0 of 1 new pods are ready" in said.err
        assert "Everything was put back as it was before" in said.err
        faults.wait_until_ready(place.release)
        assert unchanged(place, before, place.pods(), queues)
        load.wait_for_more(20)


def test_a_value_that_would_change_is_told_before_anything_is_done(place: Place) -> None:
    path = place.release.renamed(vault.OWN)
    kept = vault.change(path, notification="not-the-running-one")
    try:
        said = place.take_over()
    finally:
        vault.change(path, **kept)
    assert said.status == 1
    assert (
        "embargo-butler-enqueue: NOTIFICATION_SECRET is secret of Secret notification" in said.err
    )
    assert "not-the-running-one" not in said.all
    assert place.helm("status", place.release.name).status != 0


def test_it_is_undone(place: Place, request: pytest.FixtureRequest) -> None:
    with _counted(place.release, request.node.name, mends.by_itself, 900) as load:
        before, queues = place.state(), keys(place)
        said = place.take_over()
        assert said.status == 0, said.all
        load.wait_for_more(20)
        said = place.take_over("--back")
        assert said.status == 0, said.all
        faults.wait_until_ready(place.release)
        assert unchanged(place, before, place.pods(), queues)


def test_it_takes_over(place: Place, request: pytest.FixtureRequest) -> None:
    with _counted(place.release, request.node.name, mends.by_itself, 900) as load:
        addresses, queues = place.addresses(), keys(place)
        claim = place.get("pvc", "data-redis-0")["metadata"]["uid"]
        said = place.take_over()
        assert said.status == 0, said.all
        assert place.status() == "deployed"
        faults.wait_until_ready(place.release)
        assert place.addresses() == addresses
        assert place.get("pvc", "data-redis-0")["metadata"]["uid"] == claim
        assert queues <= keys(place)
        assert predecessor.SUFFIX not in str(place.workloads())
        [redis] = place.workloads()["StatefulSet/redis"]["template"]["spec"]["containers"]
        assert "args" not in redis
        assert "MASTER" not in [each["name"] for each in redis["env"]]
        assert len(place.ours()) == 1
        load.wait_for_more(50)
        # Nobody else owns a field, so that the next upgrade is one like any other.
        later: dict[str, Any] = {name: {"image": {"tag": TAG}} for name in SERVICES}
        done = place.upgrade(later)
        assert done.status == 0, done.all
        assert place.run("diff", **later).status == 0


def keys(place: Place) -> set[str]:
    """Return what Redis knows of files that are done: it is to be known for ever after."""
    queues: Queues = connect.queues(place.release)
    return set(queues.redis.scan_iter(match="FILE:*", count=1000))


def unchanged(place: Place, before: dict[str, Any], pods: set[str], queues: set[str]) -> bool:
    assert place.state() == before
    assert place.pods() == pods
    assert queues <= keys(place)
    assert place.helm("status", place.release.name).status != 0
    made = {each["metadata"]["name"] for each in place.get("secrets")["items"]}
    assert {name for name in made if not name.endswith(predecessor.SUFFIX)} == set()
    return True
