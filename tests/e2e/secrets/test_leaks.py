"""No value is seen anywhere but in its Secret."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests

from tests.rig import vault
from tests.rig.command import run
from tests.rig.site import KUBECONFIG, STATE
from tests.support.leaks import forms
from tests.support.rotating import Rotating
from tests.support.secret_place import ACCOUNT, Place

KUBE = {"KUBECONFIG": str(KUBECONFIG)}


def test_no_output_shows_a_value(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    planted = [f'Pl4nted/{name}"+{secrets.token_hex(8)}=\n' for name in "abcd"]
    at = place.put("all", a=planted[0], b=planted[1], n=7)
    place.config["secrets"]["planted"] = {
        "a": {**at, "field": "a"},
        "t": {"template": "{{ s.b }}!", "from": {"s": at}},
    }
    place.permit()
    assert place.run("secrets", "--dry-run") == 2
    assert place.run("secrets") == 0
    assert place.run("secrets", "--dry-run", "--output", "json") == 0
    place.put("all", a=planted[2], b=planted[3])
    place.run("secrets", "--dry-run")
    for wrong in (
        {"template": "{{ s[s.a] }}", "from": {"s": at}},
        {"template": "{{ s.a + 1 }}", "from": {"s": at}},
        {"template": "{{ s.a.b.c }}{{ [][s.a] }}", "from": {"s": at}},
        {**at, "field": "none"},
    ):
        place.config["secrets"]["planted"]["wrong"] = wrong
        assert place.run("secrets") == 1
    del place.config["secrets"]["planted"]["wrong"]
    simple_role = place.kubectl("delete", "role", ACCOUNT)
    assert place.run("secrets", "--rollback") == 0
    assert place.run("secrets") == 1
    seen = capfd.readouterr()
    places = {"output": seen.out + seen.err + simple_role}
    kinds_but_secrets = "configmaps,events,pods,jobs,roles,serviceaccounts"
    places["objects"] = place.kubectl("get", kinds_but_secrets, "-o", "json")
    token = place.token.read_text()
    for where, text in places.items():
        for value in [*planted, token.rpartition(".")[2]]:
            shown = [form for form in forms(value.strip()) if form in text]
            assert not shown, f"{where} shows a planted value"


@pytest.mark.parametrize("to_vault", [True, False])
def test_no_traceback_and_no_library_shows_a_value(
    simple: Place,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    to_vault: bool,
) -> None:
    """An exception that quotes the value comes out of each call in turn; libraries log all."""
    client: Any = requests.Session if to_vault else httpx2.Client
    really, count = client.send, 0
    planted = f"Pl4nted/{secrets.token_hex(8)}"
    fails_at = 0

    def send(self: Any, request: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == fails_at:
            raise RuntimeError(f"{planted} {dict(request.headers)}")
        return really(self, request, **more)

    monkeypatch.setattr(client, "send", send)
    caplog.set_level(logging.DEBUG)
    simple.put("redis", a=planted)
    results = []
    while count >= fails_at:
        count, fails_at = 0, fails_at + 1
        results.append(simple.run("secrets"))
        simple.kubectl("patch", "secret", "redis", "-p", '{"stringData": {"password": "old"}}')
        # A run that cannot give the Lease back leaves it to run out; that wait is not the subject.
        simple.kubectl("delete", "leases", "--all")
    fails_at = -1
    assert results[-1] == 0
    assert 1 in results
    seen = capfd.readouterr()
    text = seen.out + seen.err + caplog.text
    assert "internal error: RuntimeError" in text
    token = simple.token.read_text().rpartition(".")[2]
    for value in (planted, token):
        assert not [form for form in forms(value) if form in text]
    assert "hvs." not in text, "no token of Vault is shown"


def test_a_release_whose_secrets_changed_shows_no_value(rotating: Rotating) -> None:
    """Enqueue, as the real one, logs what it drops: the retired secret at most."""
    namespace = rotating.namespace
    retired = rotating.read(vault.OWN)
    planted = {name: f'Pl4nted/{name} "+{secrets.token_hex(8)}=' for name in retired}
    rotating.write(vault.OWN, **planted)
    rotating.deploy()
    post(rotating, {"Records": [{"opaqueData": retired["notification"]}]})
    values = planted | {f"retired {name}": value for name, value in retired.items()}
    for path in (vault.POSTGRES, vault.USERS_KEYS, vault.OWNER_KEYS):
        fields = rotating.read(path)
        secret = fields.keys() & {"password", "secret_key"}
        values |= {f"{name} of {path}": fields[name] for name in secret}
    places = dict(around(rotating))
    assert any(name.startswith("sh.helm.release") for name in places)
    assert any("_embargo-butler-buckets-" in name for name in places)
    shown = sorted(
        f"{where} shows {name}"
        for where, text in places.items()
        for name, value in values.items()
        if any(form in text for form in forms(value))
    )
    logs = [
        where for where in shown if "enqueue" in where and where.endswith("retired notification")
    ]
    assert shown == logs
    assert logs, "the services' own log is looked at"
    holders = {
        each["metadata"]["name"]
        for each in namespace.get("secrets")["items"]
        if each["type"] == "Opaque"
        for value in (each.get("data") or {}).values()
        if base64.b64decode(value).decode() in values.values()
    }
    assert holders == {"redis", "notification", "db-env", "s3"}


def post(rotating: Rotating, message: dict[str, Any]) -> None:
    """Announce something to enqueue as a gateway does."""
    address = rotating.namespace.outer_address("embargo-butler-enqueue")
    requests.post(f"http://{address}:8080/notify", json=message, timeout=10)


def around(rotating: Rotating) -> Iterator[tuple[str, str]]:
    """Yield every text that a release leaves somewhere, but for its Secrets, with its place."""
    release, namespace = rotating.release, rotating.namespace
    kinds = "configmaps,events,pods,jobs,deployments,replicasets,statefulsets,services,leases,roles"
    yield "objects", namespace.kubectl("get", kinds, "-o", "json")
    words = ("get", "all", release.name, "-n", release.namespace)
    yield "helm get all", run(release.helm, *words, env=KUBE)
    for each in namespace.get("secrets")["items"]:
        noted = json.dumps(each["metadata"])
        if each["type"] == "helm.sh/release.v1":
            packed = base64.b64decode(base64.b64decode(each["data"]["release"]))
            yield each["metadata"]["name"], gzip.decompress(packed).decode() + noted
        else:
            yield f"annotations of {each['metadata']['name']}", noted
    for log in (STATE / "pod-logs").glob(f"{release.namespace}_*/*/*.log"):
        yield str(log), log.read_text(errors="replace")
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield str(process), process.read_text(errors="replace")
    pods = namespace.get("pods")["items"]
    for container in (c for pod in pods for c in pod["status"].get("containerStatuses", ())):
        name, number = container["containerID"].rsplit("/", 1)[1], container["name"]
        mounted = run(
            *("ctr", "-a", STATE / "containerd/containerd.sock", "-n", "k8s.io"),
            *("snapshots", "--snapshotter", "overlayfs", "mounts", "/nowhere", name),
        )
        folders = re.findall(r"upperdir=([^,\s]+)", mounted)
        assert folders, "what a container wrote is looked at"
        if number in ("secrets", "buckets"):
            folders += re.findall(r"lowerdir=([^,\s]+)", mounted)[0].split(":")
        for file in (file for folder in folders for file in Path(folder).rglob("*")):
            if file.is_file() and not file.is_symlink():
                yield f"{number}: {file}", file.read_text("latin-1")
