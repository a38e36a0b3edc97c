"""Each environment is deployed by the README's command from its own files.

After them come the rig's values, which are addresses and sizes and nothing else. What they find is
what USDF has today. Summit is deployed so for all other tests.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rig import butler, ceph, declared, images, postgres, vault
from tests.rig.cluster import kubectl
from tests.rig.command import wait_for
from tests.rig.declared import Declared
from tests.support import broker, registry
from tests.support.namespace import Namespace

ENVIRONMENTS = ("tts", "sts", "lfa", "pp-dev", "test", "summit-new")


@pytest.fixture
def environment(site: None, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Declared]:
    """What an environment finds at USDF, and a namespace that was not there."""
    found = Declared(request.param)
    values = found.all_values
    embargo = values["bucketConfig"].get("zoneGroup")
    store = ceph.EMBARGO if embargo else ceph.STORE
    if embargo:
        store.up(print)
    before = vault.read(vault.CLIENT_CONFIG)
    declared.make(found, store, print)
    images.tag(images.REDIS, f"docker.io/library/redis:{values['redis']['image']['tag']}")
    if topic := values["enqueue"].get("kafka", {}).get("topic"):
        broker.make(topic)
    with ExitStack() as open_ones:
        if values["enqueue"]["image"].get("pullPolicy") == "Always":
            open_ones.enter_context(registry.mirrored(tmp_path, found.images()))
        yield found
        found.remove()
    vault.change(vault.CLIENT_CONFIG, **before)
    postgres.drop(found.database)
    if embargo:
        store.stop()  # no part of the site that other tests bring up again


@pytest.mark.parametrize(
    "environment",
    ["bts", *(pytest.param(name, marks=pytest.mark.soak) for name in ENVIRONMENTS)],
    indirect=True,
)
def test_it_is_deployed_from_its_files(environment: Declared) -> None:
    environment.prepare_namespace()
    environment.run_helm(*environment.full_command[1:], timeout=600)
    namespace = Namespace(environment.namespace)
    if environment.name == "lfa":
        _fill(namespace, "sdf-group-rubin", Path("repo/main/butler.yaml"), environment.database)
    environment.wait_for_rollout()
    told = namespace.get("events", "--field-selector=reason=Misfortune")["items"]
    assert [each["message"] for each in told] == []
    jobs = kubectl("logs", "-n", environment.namespace, "-l", "app.kubernetes.io/component=buckets")
    print(jobs)
    release = json.loads(
        environment.run_helm("status", environment.name, "-n", environment.namespace, "-o", "json")
    )
    assert release["info"]["status"] == "deployed"


def _fill(namespace: Namespace, claim: str, file: Path, database: str) -> None:
    """Put a Butler repository where at USDF one is on a claim."""

    def volume() -> str:
        return str(namespace.get("pvc", claim)["spec"].get("volumeName", ""))

    name = wait_for("the claim is bound", volume, timeout=60)
    top = Path(namespace.get("pv", name)["spec"]["hostPath"]["path"])
    (top / file).parent.mkdir(parents=True)
    (top / file).write_bytes(butler.make_empty(database))
    for folder, folders, files in os.walk(top):
        for each in (*folders, *files):
            shutil.chown(Path(folder) / each, 1000, 4085)
