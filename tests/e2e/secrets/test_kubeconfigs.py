"""Whatever kubectl takes for a login is taken from outside the cluster: a job, with each kind."""

from __future__ import annotations

import base64
import json
import os
import select
import shlex
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.site import KUBECONFIG
from tests.support.secret_place import ACCOUNT, Place

Document = dict[str, Any]


def exec_plugin(version: str) -> Callable[[Place, Document], None]:
    """As kubelogin does it; its command is relative to the file, as kubectl has it."""

    def change(place: Place, document: Document) -> None:
        api = f"client.authentication.k8s.io/{version}"
        said = {"apiVersion": api, "kind": "ExecCredential", "status": user(document)}
        program = place.folder / "login"
        program.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps(said))}\n")
        program.chmod(0o755)
        plugin = {"apiVersion": api, "command": "./login", "interactiveMode": "IfAvailable"}
        document["users"][0]["user"] = {"exec": plugin}

    return change


def token_file(place: Place, document: Document) -> None:
    (place.folder / "api-token").write_text(user(document)["token"])
    document["users"][0]["user"] = {"tokenFile": "api-token"}


def auth_provider(place: Place, document: Document) -> None:
    """kubectl's own, of OpenID Connect: it shows the token that it has until that expires."""
    login = {"id-token": user(document)["token"], "client-id": "c", "idp-issuer-url": "https://i"}
    document["users"][0]["user"] = {"auth-provider": {"name": "oidc", "config": login}}


def impersonation(place: Place, document: Document) -> None:
    admin = yaml.safe_load(KUBECONFIG.read_text())["users"][0]["user"]
    account = f"system:serviceaccount:{place.name}:{ACCOUNT}"
    document["users"][0]["user"] = {**admin, "as": account}


def certificate_data(place: Place, document: Document) -> None:
    cluster = document["clusters"][0]["cluster"]
    authority = Path(cluster.pop("certificate-authority")).read_bytes()
    cluster["certificate-authority-data"] = base64.b64encode(authority).decode()


def user(document: Document) -> Document:
    found: Document = document["users"][0]["user"]
    return found


KINDS: dict[str, Callable[[Place, Document], None]] = {
    "token": lambda *_: None,
    "exec of v1": exec_plugin("v1"),
    "exec of v1beta1": exec_plugin("v1beta1"),
    "relative token file": token_file,
    "auth-provider": auth_provider,
    "as somebody else": impersonation,
    "authority in the file": certificate_data,
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_kubectl_takes_is_taken(place: Place, kind: str) -> None:
    place.config["secrets"]["redis"] = {"password": {**place.put("redis", a="one"), "field": "a"}}
    place.permit()
    document = yaml.safe_load(place.kubeconfig.read_text())
    KINDS[kind](place, document)
    place.kubeconfig.write_text(yaml.safe_dump(document))
    assert place.run("secrets") == 0
    assert place.run("secrets", "--dry-run") == 0


def test_two_files(simple: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has the context and the cluster, the other one who the user is."""
    document = yaml.safe_load(simple.kubeconfig.read_text())
    users = simple.folder / "users"
    users.write_text(yaml.safe_dump({"users": document.pop("users")}))
    simple.kubeconfig.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", f"{simple.kubeconfig}{os.pathsep}{users}")
    assert simple.run("secrets", "--dry-run") == 0


def test_through_a_proxy(simple: Place) -> None:
    document = yaml.safe_load(simple.kubeconfig.read_text())
    with proxy() as (url, reached):
        document["clusters"][0]["cluster"]["proxy-url"] = url
        simple.kubeconfig.write_text(yaml.safe_dump(document))
        assert simple.run("secrets", "--dry-run") == 0
    assert reached


def test_a_login_that_is_refused_says_which_and_what_to_type(
    simple: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    document = yaml.safe_load(simple.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": "of-nobody"}
    simple.kubeconfig.write_text(yaml.safe_dump(document))
    assert simple.run("secrets", "--dry-run") == 1
    said = "".join(capsys.readouterr())
    assert "is not valid, or no longer: log in anew, until `kubectl --context c auth who" in said
    assert "of-nobody" not in said


def test_a_plugin_that_fails_is_told_in_kubectls_words(
    simple: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    document = yaml.safe_load(simple.kubeconfig.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}
    plugin["interactiveMode"] = "Never"
    document["users"][0]["user"] = {"exec": plugin}
    simple.kubeconfig.write_text(yaml.safe_dump(document))
    assert simple.run("secrets", "--dry-run") == 1
    said = "".join(capsys.readouterr())
    assert "getting credentials: exec: executable false failed with exit code 1; does `kube" in said


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """Run a proxy that connects to whatever it is asked to; notes to whom."""
    reached: list[str] = []

    class Connect(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            where = self.rfile.readline().split()[1].decode()
            while self.rfile.readline().strip():
                pass
            reached.append(where)
            host, _, port = where.rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                other = {self.request: there, there: self.request}
                while True:
                    for each in select.select([*other], [], [])[0]:
                        if not (got := each.recv(65536)):
                            return
                        other[each].sendall(got)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connect) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", reached
        finally:
            server.shutdown()
            thread.join()
