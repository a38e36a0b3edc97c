"""What operators do by day and by night, from a checkout on a login node."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.rig import cluster, environment, vault
from tests.rig.command import run, wait_for
from tests.rig.packages import program
from tests.rig.release import Release
from tests.support import connect
from tests.support.camera import Camera
from tests.support.exposure import Exposure
from tests.support.namespace import INGEST
from tests.support.operated import Operated, Said
from tests.support.queues import Queues

pytestmark = pytest.mark.soak


class Place(Operated):
    """A release, its camera and its queues, and an operator with a login to Vault."""

    camera: Camera
    queues: Queues

    def type(self, verb: str, *words: str, **change: Any) -> Said:
        return self.run(verb, *words, token=str(vault.admin().token), **change)

    def expose(self) -> Exposure:
        exposure = Exposure.now(self.camera.next_seq(Exposure.now(0).day))
        self.camera.put_all(exposure.files())
        return exposure

    def ingested(self, exposure: Exposure) -> int:
        notes = self.queues.notes(list(exposure.keys))
        return sum(bool(each.ingested) for each in notes.values())

    def pods(self) -> int:
        return len(self.get("pods", "-l", "app=ingest")["items"])


def section(said: Said, name: str) -> dict[str, Any]:
    (found,) = (each for each in json.loads(said.out)["sections"] if each["name"] == name)
    return dict(found)


@pytest.fixture(scope="module")
def place(site: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The release with each Helm; with a number of pods in the values, as most have it."""
    major = run(helm, "version", "--short").strip()[1]
    # Ceph 16 delivers nothing for a topic that was deleted and made again under one name.
    release = Release(f"day-{major}-{secrets.token_hex(3)}", helm)
    environment.make(release)
    release.prepare_namespace()
    folder = tmp_path_factory.mktemp("day")
    made = Place(release, folder, {"ingest": {"replicas": 1}})
    try:
        first = made.type("apply", "--yes")
        assert first.status == 0, first.all
        made.camera, made.queues = connect.camera(release), connect.queues(release)
        yield made
    finally:
        environment.remove(release)


def test_one_screen_tells_that_all_is_well(place: Place) -> None:
    exposure = place.expose()
    wait_for("it is ingested", lambda: place.ingested(exposure) == 205, timeout=120)
    said = place.type("status")
    print(said.out)
    assert said.status == 0, said.all
    name = place.release.name
    assert "revision 1, deployed, embargo-butler-" in said.out
    assert "docker.io/redis:7.0.15" in said.out
    assert f"QUEUE:{place.release.bucket}" in said.out
    assert "(today)" in said.out or "nothing received today" in said.out
    assert exposure.name in said.out
    assert "as in Vault: " in said.out
    assert "in order" in said.out
    assert "embargo-butler-secrets: succeeded" in said.out
    assert said.out.endswith(f"status: {name}: well\n")
    document = json.loads(place.type("status", "--output", "json").out)
    assert [each["name"] for each in document["sections"] if each["hidden"]] == []
    names = ["release", "pods", "jobs", "queues", "images", "newest", "reconcile"]
    assert [each["name"] for each in document["sections"]] == [*names, "secrets", "buckets"]


def test_whether_reconcile_runs_is_told_and_that_somebody_has_suspended_it(place: Place) -> None:
    assert "  runs by the clock (0 0 1 1 *) over the last 24h\n" in place.type("status").out
    suspended = json.dumps({"spec": {"suspend": True}})
    place.kubectl("patch", "cronjob", "embargo-butler-reconcile", "--patch", suspended)
    (problem,) = section(place.type("status", "--output", "json"), "jobs")["problems"]
    assert problem.startswith("embargo-butler-reconcile: somebody has suspended it: `kubectl ")
    place.kubectl(*shlex.split(problem.split("`")[1])[1:])
    said = place.type("status", "--output", "json")
    assert said.status == 0, said.all
    assert section(said, "jobs")["problems"] == []


def test_what_is_not_well_is_told_with_what_to_do(place: Place) -> None:
    name, path = place.release.name, place.release.renamed(vault.POSTGRES)
    kept = vault.change(path, password="another")
    place.kubectl("set", "image", INGEST, "ingest=ghcr.io/lsst-dm/embargo-butler-idle:1.2.1")
    said = place.type("status", "--output", "json")
    vault.change(path, **kept)
    place.kubectl("rollout", "undo", INGEST)
    cluster.wait_for_rollout(place.release.namespace, INGEST)
    assert said.status == 1
    (older,) = section(said, "secrets")["problems"]
    assert older == f"Secret db-env: older than Vault: pg_password: `make plan ENV={name}`"
    told = section(said, "pods")["problems"]
    assert any("the release has ghcr.io/lsst-dm/embargo-butler-ingest:1.2.1" in t for t in told)


def test_what_was_never_announced_is_told_and_announced_by_the_webhook(place: Place) -> None:
    gone = place.type("buckets", "withdraw", "--apply")
    assert gone.status == 0, gone.all
    exposure = place.expose()
    lost = place.type("trace", exposure.name)
    name = place.release.name
    assert lost.status == 1
    assert "! 205 in the bucket, never announced" in lost.out
    assert f"make trigger ENV={name} EXPOSURE={exposure.name}\n" in lost.out
    missing = place.type("status", "--output", "json")
    assert any("notification" in each for each in section(missing, "buckets")["problems"])
    done = place.type("trigger", exposure.name, "--through", "webhook")
    print(done.all)
    assert done.status == 0, done.all
    assert done.out.endswith("205 of 205 objects announced, 205 ingested\n")
    back = place.type("buckets", "apply")
    assert back.status == 0, back.all
    found = place.type("trace", exposure.name, "--rows")
    assert found.status == 0, found.all
    assert "all 205 files have arrived" in found.out


def test_a_pause_lasts_over_releases_and_loses_nothing(place: Place) -> None:
    paused = place.type("pause", "--yes")
    assert paused.status == 0, paused.all
    assert place.pods() == 0
    exposure = place.expose()
    wait_for("all of it waits", lambda: len(place.queues.waiting()) == 205, timeout=90)
    assert place.type("diff").status == 0, "nothing to change, least of all the number of pods"
    again = place.type("apply", "--yes", ingest={"env": {"MAX_INGESTS": "7"}})
    assert "ingest is paused since" in again.err
    assert place.pods() == 0, again.all
    rolled = place.type("rollback", "--yes")
    assert place.pods() == 0, rolled.all
    said = place.type("status")
    assert said.status == 1
    assert f"`make resume ENV={place.release.name}`" in said.out
    assert len(place.queues.waiting()) == 205
    resumed = place.type("resume")
    assert resumed.status == 0, resumed.all
    wait_for("it is ingested", lambda: place.ingested(exposure) == 205, timeout=120)
    last = place.type("apply", "--yes")
    assert last.status == 0, last.all
    assert place.pods() == 1
    assert place.type("pause", "--yes").status == 0
    place.kubectl("delete", "pods", "-l", "app=ingest", "--ignore-not-found")
    assert place.type("resume").status == 0
    assert place.type("diff").status == 0, "nobody owns what the next release has to change"


def test_the_owners_keys_come_from_an_aws_profile(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = vault.secrets(place.release)
    keys = held[place.release.renamed(vault.OWNER_KEYS)]
    lines = [
        "[wsummit]",
        f"aws_access_key_id = {keys['access_key']}",
        f"aws_secret_access_key = {keys['secret_key']}",
    ]
    (tmp_path / "credentials").write_text("\n".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    owners = {place.release.bucket: {"path": "nothing/here", "profile": "wsummit"}}
    said = place.type("buckets", "plan", bucketConfig={"owners": owners})
    assert said.status == 0, said.all
    assert "nothing to do" in said.all
    assert keys["secret_key"] not in said.all


def test_a_night_is_a_page_that_a_browser_shows(place: Place, tmp_path: Path) -> None:
    day = Exposure.now(0).day
    page = tmp_path / "night.html"
    said = place.type("report", "--night", day, "--file", str(page))
    assert said.status == 0, said.all
    command = [
        *(program("chromium-headless-shell"), "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--user-data-dir={tmp_path}/profile", f"--screenshot={tmp_path}/night.png"),
        *("--window-size=1000,1800", f"file://{page}"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(tmp_path / "night.png") as shown:
        colours = shown.convert("RGB").getcolors(1000 * 1800) or []
    green = sum(count for count, colour in colours if colour == (0x3D, 0x8F, 0x63))
    assert green > 100_000, "the focal plane, all of it ingested"


def test_who_lacks_a_right_is_told_which(place: Place) -> None:
    token = place.kubectl("create", "token", "default").strip()
    with place.as_somebody(token):
        said = place.run("status", "--output", "json")
    print(said.all)
    assert "cannot list resource" in said.all


def test_the_same_is_seen_from_inside_the_cluster(place: Place) -> None:
    """By a Job of the release's own image, with the config and the rights of reconcile."""
    cron = place.get("cronjob", "embargo-butler-reconcile")
    spec = cron["spec"]["jobTemplate"]["spec"]
    config = ["--config", "/etc/embargo-hooks/config.yaml", "--output", "json"]
    (container,) = spec["template"]["spec"]["containers"]
    container["args"] = ["job", "status", "--pipeline-only", *config]
    metadata = {"name": "look", "namespace": place.release.namespace}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(job))
    wait_for("it has ended", lambda: place.get("job", "look")["status"].get("conditions"), 90)
    found = json.loads(place.kubectl("logs", "job/look"))
    assert found["healthy"], found["summary"]
    assert [each["name"] for each in found["sections"] if each["hidden"]] == []
    place.kubectl("delete", "job", "look")


def test_a_watch_goes_on_until_it_is_interrupted(place: Place) -> None:
    begun = time.monotonic()
    said = place.run("status", "--watch", "30", "--pipeline-only", interrupt_after=12)
    assert time.monotonic() - begun < 40
    assert said.out.count("queues\n") == 1
