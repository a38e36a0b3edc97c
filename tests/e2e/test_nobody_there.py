"""What `status` says where somebody is missing; what it advises brings them back."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator

import pytest

from tests.rig import cluster, environment, vault
from tests.rig.command import run, wait_for
from tests.rig.release import Release
from tests.support import connect
from tests.support.exposure import Exposure
from tests.support.namespace import FULLNAME, Namespace
from tests.support.operated import Operated, Said

INGEST = f"deployment/{FULLNAME}-ingest"
ENQUEUE = f"deployment/{FULLNAME}-enqueue"
REDIS = "statefulset/redis"


class Place(Operated):
    """A release of its own, and an operator who looks at it."""

    def look(self, token: str = "", verb: str = "status", *words: str) -> Said:
        """Return what a verb says; how long it took is printed for people."""
        begun = time.monotonic()
        said = self.run(verb, *words, token=token)
        print(f"{said.all}that took {time.monotonic() - begun:.1f} s")
        return said

    def scale_away(self, what: str) -> None:
        """Have no pods of a workload."""
        self.kubectl("scale", what, "--replicas=0")
        namespace = Namespace(self.release.namespace)
        wait_for(
            f"no pod of {what} is left",
            lambda: not namespace.get(*what.split("/"))["status"].get("readyReplicas"),
            timeout=120,
        )

    def mend(self, said: Said, what: str) -> None:
        """Paste what is advised, and wait for what comes of it."""
        (command,) = set(re.findall(r"is scaled to no pods: `(kubectl scale [^`]*)`", said.out))
        assert what in command
        path = f"{cluster.programs()}:/usr/bin:/bin"
        run("bash", "-c", command, env={**cluster.CLIENT_ENVIRONMENT, "PATH": path})
        cluster.wait_for_rollout(self.release.namespace, what)


@pytest.fixture(scope="module")
def place(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    # Ceph 16 delivers nothing for a topic that was deleted and made again under one name.
    release = Release(f"nobody-{secrets.token_hex(3)}")
    environment.make(release)
    release.prepare_namespace()
    made = Place(release, tmp_path_factory.mktemp("nobody"), {"ingest": {"replicas": 1}})
    try:
        first = made.run("apply", "--yes")
        assert first.status == 0, first.all
        yield made
    finally:
        environment.remove(release)


def test_nobody_who_is_missing_is_passed_over(place: Place) -> None:
    name, token = place.release.name, str(vault.admin().token)
    queues = connect.queues(place.release)
    assert place.look(token).status == 0

    place.scale_away(INGEST)
    exposure = Exposure.now(1)
    connect.camera(place.release).put_all(exposure.files())
    wait_for("all of it waits", lambda: len(queues.waiting()) == 205, timeout=90)
    said = place.look(token)
    assert said.status == 1
    nobody = f"nobody takes them: Deployment {FULLNAME}-ingest has no ready pod"
    assert f"! 205 files wait, and {nobody}\n" in said.out
    traced = place.look(token, "trace", exposure.name)
    assert "! 205 waits in the queue" in traced.out
    assert "not to be seen: the Butler cannot be asked: " in traced.out
    place.mend(said, INGEST)

    def ingested() -> int:
        return sum(bool(each.ingested) for each in queues.notes(list(exposure.keys)).values())

    wait_for("it is ingested", lambda: ingested() == 205, timeout=120)

    place.scale_away(REDIS)
    said = place.look(token)
    assert said.status == 1
    where = f"Service redis of namespace {name} has no ready pod"
    assert f"! Redis does not run: {where}\n" in said.out
    assert said.out.count(f"cannot be shown: Redis does not run: {where}\n") == 2
    assert "rights" not in said.all
    place.mend(said, REDIS)
    cluster.wait_for_rollout(place.release.namespace, INGEST, ENQUEUE)

    place.scale_away(ENQUEUE)
    said = place.look()
    assert said.status == 1
    assert f"! {FULLNAME}-enqueue: is scaled to no pods: " in said.out
    assert "not to be seen: secrets, buckets: " in said.out
    place.mend(said, ENQUEUE)
    wait_for("all is well", lambda: place.look(token).status == 0, timeout=120)
