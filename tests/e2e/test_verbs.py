"""The operators' verbs, from outside as people run them and in the cluster as the CronJob does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig import cluster, environment
from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.rig.site import API_URL, KUBECONFIG
from tests.support import connect, verbs
from tests.support.camera import Camera
from tests.support.exposure import Exposure
from tests.support.namespace import INGEST, Namespace
from tests.support.queues import Queues

pytestmark = pytest.mark.soak

VERBS = Release("verbs")
RECONCILE = "embargo-butler-reconcile"


@dataclass
class Place:
    """A release of its own, and the command line over it."""

    namespace: Namespace
    camera: Camera
    queues: Queues

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        return verbs.run(VERBS, *words)

    def expose(self) -> Exposure:
        day = Exposure.now(0).day
        exposure = Exposure.now(self.camera.next_seq(day))
        self.camera.put_all(exposure.files())
        return exposure

    def scale(self, replicas: int) -> None:
        self.namespace.kubectl("scale", INGEST, f"--replicas={replicas}")
        cluster.wait_for_rollout(self.namespace.name, INGEST)

    def notes(self, exposure: Exposure) -> dict[str, Any]:
        return dict(self.queues.notes(list(exposure.keys)))

    def note(self, key: str, field: str) -> Any:
        """Return what Redis has noted of a file, if anything."""
        return getattr(self.queues.notes([key]).get(key), field, None)

    def reconcile(self, job: str) -> dict[str, Any]:
        """Run the CronJob once, by hand; return its account."""
        assert self.namespace.run_now(RECONCILE, job)
        found = self.namespace.get("configmap", RECONCILE)["data"]["last.json"]
        return dict(json.loads(found))

    def quiet(self) -> None:
        wait_for(
            "no file is in a queue or with a worker", lambda: not self.queues.lists(), timeout=120
        )

    def forget(self) -> None:
        """Have Redis know nothing, as after the loss of its volume."""
        redis: Any = self.queues.redis
        redis.flushall()

    def datasets(self, exposure: Exposure) -> list[str]:
        with connect.repository(VERBS) as repository:
            return sorted(each.uri for each in repository.datasets([exposure]))


@pytest.fixture(scope="module")
def place(site: None) -> Iterator[Place]:
    environment.make(VERBS)
    VERBS.deploy(print)
    namespace = Namespace(VERBS.namespace)
    yield Place(namespace, connect.camera(VERBS), connect.queues(VERBS))
    environment.remove(VERBS)


@pytest.fixture(scope="module")
def lost(place: Place) -> Exposure:
    """An exposure that was announced, and that Redis lost before ingest had it."""
    place.scale(0)
    exposure = place.expose()
    wait_for("all is announced", lambda: len(place.notes(exposure)) == 205, timeout=90)
    place.forget()
    return exposure


def test_what_redis_lost_is_found_queued_once_and_ingested(place: Place, lost: Exposure) -> None:
    paths = {f"{VERBS.bucket}/{key}" for key in lost.keys}
    code, document = place.run("trace", lost.name, "--no-butler")
    assert (code, document["stages"]["announced"]) == (1, "0 of 205")
    code, document = place.run("backfill", "--since", "1h", "--until", "0s")
    assert code == 2
    assert {each["path"] for each in document["survey"]["lost"]} == paths
    assert place.queues.waiting() == [], "dry by default"
    code, document = place.run("backfill", "--since", "1h", "--until", "0s", "--apply")
    assert (code, document["queued"]) == (0, 205)
    code, document = place.run("backfill", "--since", "1h", "--until", "0s", "--apply")
    assert (code, document["queued"]) == (0, 0), "they wait in the queue already"
    place.scale(1)
    place.quiet()
    code, document = place.run("trace", lost.name)
    assert (code, document["visit"]) == (0, True), document["summary"]
    assert document["stages"]["in the Butler"] == "205 of 205"
    assert document["stages"]["presence"] == "189 of 189"
    assert place.datasets(lost) == sorted(f"s3://{path}" for path in paths)


def test_duplicates_come_to_an_end(place: Place, lost: Exposure) -> None:
    place.forget()
    _, document = place.run("backfill", "--since", "1h", "--until", "0s", "--in-butler", "--apply")
    assert (document["survey"]["inButler"], document["queued"]) == (205, 0)
    _, document = place.run("backfill", "--since", "1h", "--until", "0s", "--apply")
    assert document["queued"] == 205
    place.quiet()
    _, document = place.run("backfill", "--since", "1h", "--until", "0s", "--apply")
    # To 1.3.3 ingest says of a duplicate that the Butler has it; later it says nothing.
    assert (document["queued"], document["survey"]["unsettled"]) == (0, 0)
    assert len(place.datasets(lost)) == 205


def test_a_file_that_ingest_gave_up_is_named_with_why_and_mended(place: Place) -> None:
    exposure = Exposure.now(place.camera.next_seq(Exposure.now(0).day))
    files = dict(exposure.files())
    key = next(key for key, detector in exposure.keys.items() if detector.name == "R22_S11")
    place.camera.put(key, b"no FITS file")
    wait_for("ingest has given it up", lambda: place.note(key, "failure"), timeout=60)
    code, document = place.run("trace", f"{exposure.name}_R22_S11")
    (row,) = document["rows"]
    assert code == 1
    assert "given up by ingest: its metadata cannot be read" in row["why"]
    _, document = place.run("backfill", "--since", "1h", "--until", "0s")
    assert [each["path"] for each in document["survey"]["lost"]] == [f"{VERBS.bucket}/{key}"]
    place.camera.put(key, files[key])
    verb = row["mend"].split()[1:]
    assert verb[0] == "trigger"
    place.run(*verb)
    wait_for("it is ingested", lambda: place.note(key, "ingested"), timeout=60)
    assert place.datasets(exposure) == [f"s3://{VERBS.bucket}/{key}"]


def test_the_cron_job_queues_by_itself(place: Place, lost: Exposure) -> None:
    place.forget()
    last = place.reconcile("by-hand")
    # The newest objects, PUT less than a minute ago, are left to their announcement.
    assert last["queued"] == last["found"] >= 205
    place.quiet()
    _code, document = place.run("status", "--pipeline-only")
    (section,) = (each for each in document["sections"] if each["name"] == "reconcile")
    assert (section["hidden"], section["document"]["queued"]) == ("", last["queued"])


def test_status_of_a_quiet_environment_is_well(place: Place, lost: Exposure) -> None:
    place.quiet()
    # What the last one has found is told until one finds nothing: a guider that came before its
    # exposure is given up once more.
    again = (f"again-{number}" for number in range(4))
    assert any(place.reconcile(job)["found"] == 0 for job in again)
    place.quiet()
    code, document = place.run("status", "--pipeline-only")
    assert (code, document["healthy"]) == (0, True), document["summary"]
    assert [each["name"] for each in document["sections"] if each["hidden"]] == []


def test_without_rights_it_says_which_one_is_missing(place: Place, tmp_path: Path) -> None:
    token = place.namespace.kubectl("create", "token", "default").strip()
    kubeconfig = yaml.safe_load(KUBECONFIG.read_text())
    kubeconfig["users"][0]["user"] = {"token": token}
    nobody = tmp_path / "kubeconfig"
    nobody.write_text(yaml.safe_dump(kubeconfig))
    assert API_URL in nobody.read_text()
    code, document = verbs.run(VERBS, "status", "--pipeline-only", kubeconfig=nobody)
    assert (code, document["result"]) == (1, "unseen")
    hidden = {each["name"]: each["hidden"] for each in document["sections"]}
    assert "Secret redis of namespace verbs: permission denied" in hidden["queues"]
    assert "ConfigMap embargo-butler-reconcile" in hidden["reconcile"]


def test_an_unknown_exposure_has_the_nearest_named(place: Place, lost: Exposure) -> None:
    code, document = place.run("trace", f"{lost.name[:-1]}9")
    assert code == 1
    assert lost.name in document["summary"].partition("the nearest there: ")[2]
