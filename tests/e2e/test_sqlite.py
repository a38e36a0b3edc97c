"""Ingest into a SQLite Butler of its own, in a claim, as the environment `test` declares it."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler

from tests.rig import environment, images
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.rig.site import PROJECT, RGW_URL, STATE
from tests.support import connect
from tests.support.exposure import Exposure
from tests.support.namespace import INGEST, Namespace
from tests.support.repository import Repository
from tests.unit.chart import helm as chart

pytestmark = pytest.mark.soak

PROFILE = "embargo"
FEW = 20
"""Images that are enough to see what becomes of them."""
STEPS = """
set -T
steps=0
trap 'case "$BASH_COMMAND" in
  rm*|butler*|mv*|mkdir*|touch*|*{@:2}*) steps=$((steps + 1)); [ $steps != LAST ] || kill -KILL $$;;
esac' DEBUG
trap 'echo "steps: $steps"' EXIT
"""
"""Counts what changes anything, and ends the script before one of them as a dying node does."""


class Place:
    """A release with a SQLite Butler.

    Args:
        folder: For its values.
    """

    def __init__(self, folder: Path) -> None:
        # Ceph 16 delivers nothing for a topic that was deleted and made again under one name.
        self.release = Release(f"sqlite-{secrets.token_hex(3)}")
        self.namespace = Namespace(self.release.namespace)
        self.exposures: list[Exposure] = []
        self.put: set[str] = set()
        self._values = folder / "sqlite.yaml"
        self._values.write_text(json.dumps(_values(self.release)))

    def deploy(self, release: Release) -> str:
        """Deploy with some Helm, and return what it said."""
        return release.deploy(print, "-f", str(self._values))

    @property
    def volume(self) -> Path:
        """The folder that the repository is in."""
        name = self.namespace.get("pvc", "butler-data-pvc")["spec"]["volumeName"]
        return Path(self.namespace.get("pv", name)["spec"]["hostPath"]["path"])

    def init(self) -> dict[str, Any]:
        """Return the state of the init container that makes the repository."""
        states = [
            state
            for pod in self.namespace.get("pods", "-l", "app=ingest")["items"]
            for state in pod["status"].get("initContainerStatuses", [])
        ]
        return next((each for each in states if each["name"] == "butler"), {})

    def kill_init(self, starts: int) -> None:
        """Kill it as a crash does, when it runs and was started again so often."""

        def kill() -> bool:
            found = self.init()
            if found.get("restartCount") != starts or "running" not in found["state"]:
                return False
            container = found["containerID"].removeprefix("containerd://")
            words = ("-n", "k8s.io", "task", "kill", "--signal", "SIGKILL", container)
            run("ctr", "-a", STATE / "containerd/containerd.sock", *words)
            return True

        wait_for(f"it runs, started again {starts} times, and is killed", kill, timeout=180)

    def expose(self) -> None:
        """Take a few images of one more exposure, and wait until all so far are in the Butler."""
        camera = connect.camera(self.release)
        exposure = Exposure.now(camera.next_seq(Exposure.now(0).day))
        self.put |= {put.key for put in camera.put_all(islice(exposure.files(), FEW))}
        self.exposures.append(exposure)
        wait_for("all of it is in the Butler", lambda: self.missing() == set(), timeout=180)

    def missing(self) -> set[str]:
        """Return what was put and is not in the Butler."""
        with Butler.from_config(str(self.volume)) as butler:
            found = {each.uri for each in Repository(butler).datasets(self.exposures)}
        return {uri(self, key) for key in self.put} - found


def _values(release: Release) -> dict[str, Any]:
    """Return what differs from summit, which is what `test` and lfa declare."""
    ingest = chart.load(PROJECT / "values/test.yaml")["ingest"]
    ingest["image"]["pullPolicy"] = "IfNotPresent"
    ingest["claims"] |= chart.load(PROJECT / "values/lfa.yaml")["ingest"]["claims"]
    ingest["env"] |= {
        "BUCKET": f"{PROFILE}@{release.bucket}",
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_ENDPOINT_URL")),
    }
    url = RGW_URL.replace(
        "://", "://{{ a.access_key | urlencode }}:{{ a.secret_key | urlencode }}@"
    )
    keys = {"a": {"path": release.renamed("rubin/embargo/read/rubin-summit-users")}}
    return {
        "production": False,  # a tag that moves is taken
        # Of the little CPU that small releases have, a probe that starts Python gets too little.
        "enqueue": {"env": {"PROFILE": PROFILE}, "resources": {"requests": {"cpu": "100m"}}},
        "ingest": ingest,
        "secrets": {"s3": {"profile": {"template": url, "from": keys}}},
    }


@pytest.fixture(scope="module")
def place(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    image = images.service(
        "ingest", chart.load(PROJECT / "values/test.yaml")["ingest"]["image"]["tag"]
    )
    images.load(image.name, images.archive(image, print), print)
    made = Place(tmp_path_factory.mktemp("sqlite"))
    environment.make(made.release)
    yield made
    environment.remove(made.release)


def test_the_pod_that_makes_it_is_killed_while_it_does(place: Place) -> None:
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(place.deploy, place.release)
        place.kill_init(0)
        place.kill_init(1)
        said = deploying.result()
    assert place.init()["restartCount"] == 2
    assert place.init()["state"]["terminated"]["exitCode"] == 0
    assert known(place.volume) == (["lsst.obs.lsst.LsstCam"], 205, ["guider_raw"])
    assert not (place.volume / "being-made").exists()
    for claim in ("data-redis-0", "butler-data-pvc", "sdf-data-rubin", "sdf-group-rubin"):
        assert f"the claim {claim}" in said


def test_images_are_put_into_it_with_their_profile(place: Place) -> None:
    place.expose()
    exposure = place.exposures[-1]
    key, detector = next((k, each) for k, each in exposure.keys.items() if each.is_science)
    answer = connect.presence(place.release).ask(exposure.group, detector.name)
    assert answer.uri == uri(place, key)


def test_it_may_be_killed_between_any_two_steps(place: Place) -> None:
    script = place.namespace.get(INGEST)["spec"]["template"]["spec"]["initContainers"][-1]
    text = str(script["command"][2])

    def work(folder: str, kill: int = 0) -> int:
        counting = f"set -euo pipefail\n{STEPS.replace('LAST', str(kill))}"
        ours = text.replace("repository=/butler\n", f"repository=/butler/{folder}\n")
        ours = ours.replace("set -euo pipefail\n", counting)
        assert ours.count(folder) == ours.count("trap 'case") == 1
        words = (
            "exec",
            INGEST,
            "-c",
            "ingest",
            "--",
            "bash",
            "-c",
            f"mkdir -p /butler/{folder}\n{ours}",
        )
        if kill:
            with pytest.raises(RigError, match="137"):
                place.namespace.kubectl(*words, timeout=300)
            return 0
        said = place.namespace.kubectl(*words, timeout=300)
        return int(re.findall(r"steps: (\d+)", said)[-1])

    steps = work("whole")
    assert steps >= 9
    assert known(place.volume / "whole")[2] == ["guider_raw"]
    for step in range(1, steps + 1):
        folder = f"killed-{step}"
        work(folder, kill=step)
        work(folder)
        found = known(place.volume / folder)
        assert found == (["lsst.obs.lsst.LsstCam"], 205, ["guider_raw"]), folder
        assert {each.name for each in (place.volume / folder).iterdir()} == {
            ".done",
            "butler.yaml",
            "gen3.sqlite3",
        }
    print(f"killed before each of {steps} steps, and made all the same")


def test_uninstalling_keeps_every_claim_and_what_is_in_it(place: Place, helm: str) -> None:
    release = replace(place.release, helm=helm)
    place.deploy(release)
    place.expose()
    claims = claimed(place)
    assert set(claims) == {"data-redis-0", "butler-data-pvc", "sdf-data-rubin", "sdf-group-rubin"}
    release.run_helm("uninstall", release.name, "-n", release.namespace, "--wait")
    assert claimed(place) == claims
    place.deploy(release)
    assert claimed(place) == claims
    assert place.missing() == set()
    place.expose()


def claimed(place: Place) -> dict[str, str]:
    """Return what volume each claim has."""
    found = place.namespace.get("pvc")["items"]
    return {each["metadata"]["name"]: each["spec"]["volumeName"] for each in found}


def uri(place: Place, key: str) -> str:
    return f"s3://{PROFILE}@{place.release.bucket}/{key}"


def known(repository: Path) -> tuple[list[str], int, list[str]]:
    """Return the cameras, the number of detectors and the dataset types that a repository knows."""
    with closing(sqlite3.connect(repository / "gen3.sqlite3")) as database:

        def column(query: str) -> list[Any]:
            return [row[0] for row in database.execute(query).fetchall()]

        cameras = column("SELECT class_name FROM instrument")
        (detectors,) = column("SELECT count(*) FROM detector")
        types = [name for name in column("SELECT name FROM dataset_type") if name != "raw"]
    return cameras, detectors, types
