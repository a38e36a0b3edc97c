"""Another observatory: the page is followed, its file and its commands as they stand there.

In the place of its one name stands a new one, as Ceph 16 delivers nothing for a topic that was
deleted and made again. What Rook makes is made here, and the rig's addresses come from a values
file over the page's own, as an operator may have one.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lsst.daf.butler import Butler

from tests.rig import ceph, cluster, credentials, images
from tests.rig.command import wait_for
from tests.rig.site import KUBECONFIG, PROJECT, RGW_URL, STATE
from tests.rig.store import REGION
from tests.support.camera import Camera
from tests.support.exposure import Exposure
from tests.support.namespace import Namespace
from tests.support.repository import Repository

PAGE = PROJECT / "docs/getting-started-elsewhere.md"
ROOK = "rook-ceph"
OVERLAY = {
    "cluster": "rig",
    "ingest": {"env": {"S3_ENDPOINT_URL": RGW_URL}},
    "bucketConfig": {"endpoint": RGW_URL, "region": REGION},
    # By the clock it may find Redis not there yet, which status tells until the next run.
    "hooks": {"reconcile": {"schedule": "0 0 1 1 *"}},
}
SAYS = {
    "helm template": r"^kind: StatefulSet$",
    "make plan": r"^StatefulSet redis: new$",
    "make apply": r"^all is well$",
    "make buckets-apply": r"changes made",
    "make status": r"^status: \S+: well$",
    "make trace": r"all 205 files have arrived",
}
CODES = {"make plan": 0}


class Observatory:
    """Somebody there, with a checkout of the project.

    Args:
        home: Their home.
    """

    def __init__(self, home: Path) -> None:
        self.name = f"observatory-{secrets.token_hex(3)}"
        self.home = home
        self.namespace = Namespace(self.name)
        self.exposure = Exposure.now(1)
        self._page = self._renamed(PAGE.read_text())
        self._checkout = home / "checkout"
        self._checkout.mkdir()
        for each in PROJECT.iterdir():
            if each.name not in ("values", ".git"):
                (self._checkout / each.name).symlink_to(each)
        (self._checkout / "values").mkdir()
        self._overlay = home / "overlay.yaml"
        self._overlay.write_text(yaml.safe_dump(OVERLAY))

    @property
    def file(self) -> str:
        """The values file that the page shows."""
        [found] = re.findall(r"```yaml\n(environment: .*?)```", self._page, re.DOTALL)
        return str(found)

    @property
    def sections(self) -> list[list[str]]:
        """The lines of its commands, section by section."""
        found = re.findall(r"```sh\n(.*?)```", self._page, re.DOTALL)
        return [section.splitlines() for section in found]

    def write(self) -> None:
        """Copy the values file from the page."""
        (self._checkout / "values" / f"{self.name}.yaml").write_text(self.file)

    def rook(self) -> None:
        """Have what Rook makes: a user, and its keys in a Secret; and a bucket."""
        ceph.STORE.ensure_user(self.name)
        ceph.client("s3", self.name).create_bucket(Bucket=self.name)
        keys = credentials.load().s3(self.name)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/rook",
            "metadata": {"name": self._keys, "namespace": ROOK},
            "stringData": {
                "AccessKey": keys.access_key,
                "SecretKey": keys.secret_key,
                "Endpoint": RGW_URL,
            },
        }
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOK}}
        cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([namespace, secret]))

    def type(self, lines: str) -> tuple[int, str]:
        """Type lines in a shell, and the environment's name where a verb asks."""
        done = subprocess.run(
            ["bash", "-c", lines],
            cwd=self._checkout,
            env={
                "HOME": str(self.home),
                "PATH": f"{Path(sys.executable).parent}:{cluster.programs()}:{os.environ['PATH']}",
                "EMBARGO_BUTLER_CACHE": str(Path(sys.executable).parents[2]),
                "KUBECONFIG": str(KUBECONFIG),
                "VALUES": str(self._overlay),
            },
            input=f"{self.name}\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
        )
        return done.returncode, done.stdout

    def expose(self) -> None:
        """Take the exposure that the page traces."""
        keys = credentials.load().s3(self.name)
        camera = Camera(RGW_URL, keys.access_key, keys.secret_key, self.name)
        camera.put_all(self.exposure.files())

    def volume(self, claim: str) -> Path:
        """Return the folder that is a claim's volume."""
        name = self.namespace.get("pvc", claim)["spec"]["volumeName"]
        return Path(self.namespace.get("pv", name)["spec"]["local"]["path"])

    def leave(self) -> None:
        """Remove all of it."""
        self.type(f"make withdraw ENV={self.name} APPLY=1")
        self.type(f"helm uninstall {self.name} -n {self.name} --wait")
        cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", timeout=180)
        cluster.kubectl("delete", "secret", "-n", ROOK, self._keys, "--ignore-not-found")
        ceph.STORE.admin("user", "rm", "--uid", self.name, "--purge-data")

    @property
    def _keys(self) -> str:
        return f"rook-ceph-object-user-store-{self.name}"

    def _renamed(self, text: str) -> str:
        return re.sub(r"\bobservatory\b", self.name, text).replace(
            "MC_O_20260603_000258", self.exposure.name
        )


@pytest.fixture(scope="module")
def observatory(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observatory]:
    made = Observatory(tmp_path_factory.mktemp("observatory"))
    values = yaml.safe_load(made.file)
    for name in ("enqueue", "idle", "ingest", "presence"):
        image = images.service(name, values[name]["image"]["tag"])
        images.load(image.name, images.archive(image, print), print)
    images.tag(images.REDIS, f"docker.io/library/redis:{values['redis']['image']['tag']}")
    try:
        made.rook()
        yield made
    finally:
        made.leave()


def test_the_page_is_followed_to_the_first_exposure(observatory: Observatory) -> None:
    assert observatory.file.count("\n") < 30
    keys, deploying, [trace] = observatory.sections
    code, said = observatory.type("set -e\n" + "\n".join(keys))
    assert code == 0, said
    observatory.write()
    for line in deploying:
        _typed(observatory, line)
    observatory.expose()

    def arrived() -> bool:
        return observatory.type(trace)[0] == 0

    wait_for("all of the exposure has arrived", arrived, timeout=240)
    _typed(observatory, trace)
    with Butler.from_config(str(observatory.volume("butler"))) as butler:
        found = {each.uri for each in Repository(butler).datasets([observatory.exposure])}
    assert found == {f"s3://{observatory.name}/{key}" for key in observatory.exposure.keys}


def _typed(observatory: Observatory, line: str) -> None:
    verb = " ".join(line.split()[:2])
    code, said = observatory.type(line)
    print(said)
    assert code == CODES.get(verb, 0), said
    assert re.search(SAYS[verb], said, re.MULTILINE), said


def test_its_claims_are_of_the_clusters_default_class(observatory: Observatory) -> None:
    made = observatory.namespace.get("pvc")["items"]
    assert {each["metadata"]["name"]: each["spec"]["storageClassName"] for each in made} == {
        "butler": "standard",
        "data-redis-0": "standard",
    }
    _, rendered = observatory.type(
        f"helm template {observatory.name} charts/embargo-butler -n {observatory.name} "
        f"-f values/{observatory.name}.yaml"
    )
    assert "storageClassName" not in rendered


def test_a_volume_belongs_to_those_who_use_it(observatory: Observatory) -> None:
    butler = observatory.volume("butler").stat()
    assert (butler.st_uid, butler.st_gid, butler.st_mode & 0o7777) == (0, 1000, 0o2775)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in (STATE / "volumes").iterdir()}
    assert [name for name, mode in modes.items() if mode & 0o002] == []
