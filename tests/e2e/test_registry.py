"""Tags and digests of a real registry: Docker's own, as Debian has it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.rig import images, packages
from tests.rig.command import run
from tests.rig.release import SUMMIT
from tests.rig.site import PROJECT
from tests.support.ports import free_port
from tests.support.registry import copy, serving

pytestmark = pytest.mark.soak

REPOSITORY = "lsst-dm/embargo-butler-enqueue"
TAG = "1.2.1"
OTHERS = ("redis", "ingest", "idle", "presence")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with one image, `host:port`."""
    host = f"127.0.0.1:{free_port()}"
    with serving(tmp_path_factory.mktemp("registry"), host):
        (image,) = (each for each in SUMMIT.images() if each.name.endswith(f"enqueue:{TAG}"))
        copy(f"oci-archive:{images.archive(image, print)}", f"{host}/{REPOSITORY}:{TAG}")
        yield host


@pytest.fixture
def checkout(registry: str, tmp_path: Path) -> Path:
    """A checkout with one environment, whose image is in that registry."""
    for name in ("Makefile", "hooks", "charts", "tests"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "values").mkdir()
    values = {
        "environment": "test",
        "cluster": "usdf-embargo-dmz-dev",
        "namespace": "test",
        "enqueue": {"image": {"registry": registry, "repository": REPOSITORY, "tag": TAG}},
        **{name: {"enabled": False, "image": {"tag": "1.0"}} for name in OTHERS},
    }
    (tmp_path / "values/test.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return tmp_path


def test_pinning_writes_what_the_tag_means(registry: str, checkout: Path) -> None:
    said = pin(checkout)
    assert said.returncode == 0, said.stderr
    image = yaml.safe_load((checkout / "values/test.yaml").read_text())["enqueue"]["image"]
    assert image == {
        "registry": registry,
        "repository": REPOSITORY,
        "tag": TAG,
        "digest": digest(f"{registry}/{REPOSITORY}:{TAG}"),
    }
    before = (checkout / "values/test.yaml").read_text()
    assert pin(checkout).returncode == 0
    assert (checkout / "values/test.yaml").read_text() == before


def test_a_tag_that_is_not_there_changes_nothing(checkout: Path) -> None:
    file = checkout / "values/test.yaml"
    file.write_text(file.read_text().replace(TAG, "9.9.9"))
    before = file.read_text()
    said = pin(checkout)
    assert said.returncode != 0
    assert f"{REPOSITORY}:9.9.9: the registry has no such tag" in said.stderr
    assert file.read_text() == before


def test_a_copy_keeps_the_digest(registry: str) -> None:
    nearby = f"{registry}/nearby/enqueue:{TAG}"
    copy(f"docker://{registry}/{REPOSITORY}:{TAG}", nearby)
    assert digest(nearby) == digest(f"{registry}/{REPOSITORY}:{TAG}")


def pin(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "pin", "ENV=test"],
        cwd=checkout,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def digest(image: str) -> str:
    words = ("inspect", "--tls-verify=false", f"docker://{image}")
    return str(json.loads(run(packages.program("skopeo"), *words))["Digest"])
