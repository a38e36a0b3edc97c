from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from embargo_butler.cli.operator.command import main
from embargo_butler.errors import ConfigError
from embargo_butler.release.image_tags import Image, ImageTags
from embargo_butler.release.promotion import make, pinned, promoted
from embargo_butler.release.registry import RegistryError, digest
from tests.unit.chart.helm import PROJECT

DIGEST = f"sha256:{'5e' * 32}"
FILE = """\
# The newest of all.
environment: test

redis: {image: {tag: 7.4.4}}
enqueue:
  mode: kafka # as summit-new
  image: {tag: DM-54533, pullPolicy: Always}
  env:
    DATASET_REGEXP: '\\.fits$'
ingest:
  image:
    tag: "1.6" # not 1.6.1
presence: {enabled: false}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "charts").symlink_to(PROJECT / "charts")
    (tmp_path / "values").mkdir()
    (tmp_path / "values/test.yaml").write_text(FILE)
    new = FILE.replace("DM-54533", "1.6.0").replace('"1.6"', "DM-54386").replace("7.4.4", "7.0.15")
    (tmp_path / "values/new.yaml").write_text(new)
    return tmp_path


def test_a_file_stays_as_it_is(project: Path) -> None:
    assert ImageTags(project, "test").text() == FILE


@pytest.mark.parametrize("path", sorted((PROJECT / "values").glob("*.yaml")), ids=lambda p: p.stem)
def test_so_do_all_environments(path: Path) -> None:
    assert ImageTags(PROJECT, path.stem).text() == path.read_text()


def test_pinning_writes_digests_and_nothing_else(project: Path) -> None:
    tags = ImageTags(project, "test")
    changes = pinned(tags, lambda image: DIGEST)
    make(tags, changes)
    assert [str(change) for change in changes] == [
        "redis: 7.4.4 -> 7.4.4@sha256:5e5e5e5e5e5e",
        "enqueue: DM-54533 -> DM-54533@sha256:5e5e5e5e5e5e",
        "ingest: 1.6 -> 1.6@sha256:5e5e5e5e5e5e",
    ]
    expected = FILE.replace("7.4.4", f"7.4.4, digest: '{DIGEST}'")
    expected = expected.replace("Always", f"Always, digest: '{DIGEST}'")
    expected = expected.replace("not 1.6.1", f"not 1.6.1\n    digest: {DIGEST}")
    written = (project / "values/test.yaml").read_text()
    assert written.replace("'sha", "sha").replace("5e'", "5e") == expected.replace(
        "'sha", "sha"
    ).replace("5e'", "5e")
    assert pinned(ImageTags(project, "test"), lambda image: DIGEST) == []


def test_a_registry_that_fails_changes_nothing(project: Path) -> None:
    def fails(image: Image) -> str:
        raise RegistryError("no")

    with pytest.raises(RegistryError):
        pinned(ImageTags(project, "test"), fails)
    assert (project / "values/test.yaml").read_text() == FILE


def test_promoting_takes_tags_and_digests(project: Path) -> None:
    source = ImageTags(project, "new")
    make(source, pinned(source, lambda image: DIGEST if image.tag == "DM-54386" else ""))
    target = ImageTags(project, "test")
    changes = promoted(source, target)
    assert [change.component for change in changes] == ["redis", "enqueue", "ingest"]
    make(target, changes)
    there = ImageTags(project, "test").images()
    assert there == ImageTags(project, "new").images()
    assert there["ingest"].digest == DIGEST
    # And back to tags alone.
    (project / "values/new.yaml").write_text(FILE)
    make(target, promoted(ImageTags(project, "new"), target))
    assert not any(image.digest for image in ImageTags(project, "test").images().values())


def test_another_repository_is_refused(project: Path) -> None:
    path = project / "values/new.yaml"
    path.write_text(path.read_text().replace("{tag: 1.6.0", "{repository: mine/enqueue, tag: 1"))
    with pytest.raises(ConfigError, match="mine/enqueue: its tag means something else there"):
        promoted(ImageTags(project, "new"), ImageTags(project, "test"))


def test_the_verbs_change_files_only(
    project: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = "\ncluster: usdf-embargo-dmz\nnamespace: new\n"
    for name in ("new", "test"):
        path = project / f"values/{name}.yaml"
        path.write_text(path.read_text().replace("\n", cluster, 1))
    words = ("--project", str(project))
    assert main(["promote", "new", "--from", "test", *words]) == 1
    assert "enqueue DM-54533: no version, may mean another image" in capsys.readouterr().err
    assert main(["promote", "test", "--from", "ne", *words]) == 1
    assert "did you mean new" in capsys.readouterr().err
    path.write_text(path.read_text().replace("DM-54533", "1.6.1"))
    assert main(["promote", "new", "--from", "test", *words]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["redis: 7.0.15 -> 7.4.4", "enqueue: 1.6.0 -> 1.6.1"]
    assert said[-1].endswith("new.yaml: 3 images changed, nothing deployed")
    (project / "values/test.yaml").write_text(
        "environment: test" + cluster + "redis: {enabled: false, image: {tag: 1.0}}\n"
        f"enqueue: {{image: {{registry: '{registry}', repository: lsst-dm/enqueue, tag: 1.6.1}}}}\n"
        "ingest: {enabled: false, image: {tag: 1.0}}\nidle: {enabled: false, image: {tag: 1.0}}\n"
        "presence: {enabled: false, image: {tag: 1.0}}\n"
    )
    assert main(["pin", "test", *words]) == 0
    assert f"digest: {DIGEST}" in (project / "values/test.yaml").read_text().replace("'", "")


@pytest.mark.parametrize("tag", ["1.6.1", "0.99", "0.99.2-w_2023_41", "v1.45.0"])
def test_a_version_stays(tag: str) -> None:
    assert not Image("ghcr.io", "a/b", tag).moves


@pytest.mark.parametrize("tag", ["DM-54533", "latest", "", "1"])
def test_another_tag_moves_but_not_its_digest(tag: str) -> None:
    assert Image("ghcr.io", "a/b", tag).moves
    assert not Image("ghcr.io", "a/b", tag, DIGEST).moves


class Registry(BaseHTTPRequestHandler):
    """A registry that wants a token, as the public ones do."""

    def do_HEAD(self) -> None:
        if self.headers.get("Authorization") != "Bearer anonymous":
            self.send_response(401)
            host = self.headers["Host"]
            self.send_header(
                "WWW-Authenticate", f'Bearer realm="http://{host}/token",service="here"'
            )
        elif self.path == "/v2/lsst-dm/enqueue/manifests/1.6.1":
            assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
            self.send_response(200)
            self.send_header("Docker-Content-Digest", DIGEST)
        else:
            self.send_response(404)
        self.end_headers()

    def do_GET(self) -> None:
        fine = self.path == "/token?service=here&scope=repository%3Alsst-dm%2Fenqueue%3Apull"
        self.send_response(200 if fine else 400)
        self.end_headers()
        self.wfile.write(b'{"token": "anonymous"}')

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_registry_tells_the_digest(registry: str) -> None:
    assert digest(Image(registry, "lsst-dm/enqueue", "1.6.1")) == DIGEST


def test_a_tag_that_is_not_there(registry: str) -> None:
    with pytest.raises(RegistryError, match=f"{registry}/lsst-dm/enqueue:9: .* no such tag"):
        digest(Image(registry, "lsst-dm/enqueue", "9"))


def test_a_registry_that_is_not_there() -> None:
    with pytest.raises(RegistryError, match="does not answer"):
        digest(Image("127.0.0.1:1", "a/b", "1.0"))
