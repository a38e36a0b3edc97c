"""`kubectl proxy`, with a script for kubectl: begun, asked, ended, and nothing is left."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from embargo_butler.config.config import load
from embargo_butler.connections import Connections
from embargo_butler.errors import KubernetesError
from tests.rig.site import PROJECT
from tests.unit.conftest import Write
from tests.unit.programs import Fake

# Notes its processes, and answers whatever it is asked with a Secret.
SERVING = """#!{python}
import base64, http.server, json, os, pathlib, socketserver, sys

words = sys.argv[1:]
if words[0] == "config":
    clusters = [{{"cluster": {{"server": "https://theirs"}}}}]
    print(json.dumps({{"current-context": "mine", "clusters": clusters}}))
    sys.exit()
pathlib.Path("{notes}").write_text(json.dumps([os.getppid(), os.getpid(), words]))

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({{"metadata": {{"name": "s"}}, "data": {{}}}}).encode()
        if self.path.endswith("/broken"):
            said = "dial tcp: connect: connection refused"
            print("E1201 proxy_server.go:147] Error while proxying request:", said, file=sys.stderr)
            sys.stderr.flush()
            self.send_response(500)
            body = said.encode() + b"\\n"
        else:
            self.send_response(200)
        self.send_header("content-type", "application/json" if body[:1] == b"{{" else "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "here"

    def log_message(self, *_):
        pass

(path,) = [each.partition("=")[2] for each in words if each.startswith("--unix-socket=")]
with socketserver.ThreadingUnixStreamServer(path, Answer) as server:
    print("Starting to serve on", path, flush=True)
    server.serve_forever()
"""


class Noted(NamedTuple):
    """What runs it, its process, its words, and the folder of its socket."""

    guard: int
    process: int
    words: list[str]
    folder: Path


class Stub:
    """A kubectl of its own on PATH.

    Attributes:
        notes: Where it writes its process and its words.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"

    def be(self, script: str) -> None:
        """Be that script."""
        program = self.folder / "kubectl"
        program.write_text(script)
        program.chmod(0o755)

    def noted(self) -> Noted:
        """Return what it is running as now."""
        guard, process, words = json.loads(self.notes.read_text())
        (socket,) = (each.partition("=")[2] for each in words if each.startswith("--unix-socket="))
        return Noted(guard, process, words, Path(socket).parent)


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    made = Stub(tmp_path / "programs")
    made.folder.mkdir()
    made.be(SERVING.format(python=sys.executable, notes=made.notes))
    monkeypatch.setenv("PATH", str(made.folder), prepend=":")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return made


@pytest.fixture
def config(site: dict[str, Any], write: Write) -> Path:
    return write(site)


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_what_is_asked_goes_through_it_and_nothing_is_left(stub: Stub, config: Path) -> None:
    with closing(Connections(load(config), "status")) as world:
        assert world.cluster() is world.cluster()
        assert world.cluster().secret("s")
        noted = stub.noted()
        assert noted.words[2:] == ["--context", "mine", "--namespace", "summit"]
        assert stat.S_IMODE(noted.folder.stat().st_mode) == 0o700
        assert not ended(noted.process)
    assert ended(noted.process)
    assert not noted.folder.exists()


def test_its_context_is_the_callers(stub: Stub, config: Path) -> None:
    kubectl = Fake().kubectl()
    with closing(Connections(load(config), "status", kubectl=kubectl)) as world:
        world.cluster()
        assert stub.noted().words[2:4] == ["--context", "usdf-embargo-dmz"]


def test_after_a_close_there_is_another_one(stub: Stub, config: Path) -> None:
    with closing(Connections(load(config), "status")) as world:
        world.cluster()
        first = stub.noted().process
        world.close()
        assert world.cluster().secret("s")
        assert stub.noted().process != first
        assert ended(first)


def test_what_kubectl_could_not_do_is_told_in_its_words(
    stub: Stub, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embargo_butler.adapters.kubernetes.client._PAUSES", ())
    told = (
        "Secret broken of namespace summit: no answer of the API at https://theirs: dial tcp: "
        "connect: connection refused; does `kubectl get --raw /readyz` answer?"
    )
    with closing(Connections(load(config), "status")) as world, pytest.raises(KubernetesError) as e:
        world.cluster().secret("broken")
    assert str(e.value) == told


def test_a_kubectl_that_does_not_begin(stub: Stub, config: Path) -> None:
    stub.be("#!/bin/sh\necho 'error: context \"mine\" does not exist' >&2\nexit 1\n")
    kubectl = Fake().kubectl()
    before = set(Path("/tmp").glob("embargo-butler-*"))
    with (
        closing(Connections(load(config), "status", kubectl=kubectl)) as world,
        pytest.raises(KubernetesError) as error,
    ):
        world.cluster()
    assert str(error.value) == (
        '`kubectl proxy` with kube context usdf-embargo-dmz: context "mine" does not exist; '
        "does `kubectl get --raw /readyz` answer?"
    )
    assert set(Path("/tmp").glob("embargo-butler-*")) <= before


def test_no_kubectl(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with closing(Connections(load(config), "status")) as world:
        told = "from outside the cluster kubectl is needed: kubectl is not there: install it"
        with pytest.raises(KubernetesError, match=told):
            world.cluster()


KILLED = """
import sys
from pathlib import Path
from embargo_butler.config.config import load
from embargo_butler.connections import Connections
world = Connections(load(Path(sys.argv[1])), "status")
world.cluster()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_who_is_killed_leaves_nothing(stub: Stub, config: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(config)],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "hooks")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as ours:
        assert ours.stdout
        assert ours.stdout.readline() == "up\n"
        noted = stub.noted()
        watched = os.pidfd_open(noted.guard)
        ours.send_signal(number)
        assert ours.wait(20) != 0
    assert select.select([watched], [], [], 20)[0], "what ends kubectl has not ended"
    os.close(watched)
    assert ended(noted.process)
    assert not noted.folder.exists()
