"""What can go wrong with Vault: each has its own kind, and nothing was written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hvac
import pytest
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tests.rig import binaries, pki, vault
from tests.rig.command import wait_for
from tests.rig.site import VAULT_URL
from tests.support.ports import free_port
from tests.support.secret_place import ACCOUNT, Place

Output = pytest.CaptureFixture[str]


def absent(place: Place) -> None:
    source(place, {"path": f"{place.name}/nothing", "field": "a"})


def deleted(place: Place) -> None:
    at = place.put("gone", a="x")
    place.admin.secrets.kv.v2.delete_latest_version_of_secret(at["path"], mount_point=vault.MOUNT)
    source(place, {**at, "field": "a"})


def destroyed(place: Place) -> None:
    at = place.put("gone", a="x")
    place.admin.secrets.kv.v2.destroy_secret_versions(at["path"], [1], mount_point=vault.MOUNT)
    source(place, {**at, "field": "a", "version": 1})


def missing(place: Place) -> None:
    source(place, {**place.put("some", a="x"), "field": "b"})


def empty(place: Place) -> None:
    source(place, {**place.put("some", a=""), "field": "a"})


def template(place: Place) -> None:
    at = place.put("some", a="x")
    source(place, {"template": "{{ s.a + 1 }}", "from": {"s": at}})


def refused(place: Place) -> None:
    role = {"bound_service_account_namespaces": ["another"]}
    place.admin.write_data(f"auth/kubernetes/role/{place.name}", data=role)


def norole(place: Place) -> None:
    place.config["vault"]["auth"]["role"] = "nobody"


def notoken(place: Place) -> None:
    place.token.unlink()


def down(place: Place) -> None:
    place.config["vault"]["address"] = f"http://127.0.0.1:{free_port()}"


def untrusted(place: Place) -> None:
    place.config["vault"]["address"] = VAULT_URL.replace("http:", "https:")


def other_certificate(place: Place) -> None:
    # The API server speaks TLS with an authority that the system does not know.
    place.config["vault"]["address"] = f"https://{VAULT_URL.split('/')[2].split(':')[0]}:6443"


def old_mount(place: Place) -> None:
    mount = f"kv1-{place.name}"
    place.admin.sys.enable_secrets_engine("kv", path=mount, options={"version": "1"})
    place.admin.write_data(f"{mount}/redis", data={"a": "x"})
    place.config["vault"]["mount"] = mount
    place.config["secrets"]["redis"] = {"password": {"path": "redis", "field": "a"}}
    place.permit()


def source(place: Place, what: dict[str, Any]) -> None:
    place.config["secrets"]["more"] = {"k": what}
    place.permit()


WRONG: dict[str, tuple[Callable[[Place], None], str, str]] = {
    "absent": (absent, "path-absent", "there is nothing"),
    "deleted": (deleted, "version-deleted", "was deleted at 20"),
    "destroyed": (destroyed, "version-destroyed", "put a new one"),
    "missing": (missing, "field-missing", "has no field 'b'; its fields: a"),
    "empty": (empty, "value-empty", "is empty"),
    "template": (template, "template", "fails with TypeError"),
    "refused": (refused, "login-refused", f":{ACCOUNT}, audience vault: "),
    "no role": (norole, "login-refused", "as role nobody"),
    "no token": (notoken, "no-login", "projected"),
    "down": (down, "unreachable", "cannot be reached: Connection refused"),
    "untrusted": (untrusted, "tls", "wrong version number"),
    "other certificate": (other_certificate, "tls", "certificate verify failed: "),
    "old mount": (old_mount, "not-kv2", "is KV version 1, expected KV version 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_after_any_problem_nothing_has_changed(simple: Place, case: str, capsys: Output) -> None:
    breaking, kind, message = WRONG[case]
    # Were anything written, it would be seen: the declared Secret has another value by now.
    simple.put("redis", a="changed meanwhile")
    try:
        breaking(simple)
        assert simple.problems() == [kind]
        assert message in capsys.readouterr().out
        assert simple.secret("redis") == {"password": b"one"}
        assert simple.logins() == []
    finally:
        if case == "old mount":
            simple.admin.sys.disable_secrets_engine(f"kv1-{simple.name}")


def test_an_authority_that_the_system_does_not_know(
    simple: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_certificate(simple)
    with monkeypatch.context() as image:
        image.setenv("REQUESTS_CA_BUNDLE", str(pki.CA))
        simple.config["vault"]["caBundle"] = DEFAULT_CA_BUNDLE_PATH
        assert simple.problems() == ["tls"], "what the bundle does not hold is not trusted"
    simple.config["vault"]["caBundle"] = pki.CA.read_text()
    assert simple.problems() == ["login-refused"], "trusted now, but it is no Vault"
    simple.config["vault"]["caBundle"] = str(pki.CA)
    assert simple.problems() == ["login-refused"]


def test_a_sealed_vault(simple: Place, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [binaries.vault(print), "-listen", address, "-storage", str(tmp_path / "vault")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client = hvac.Client(url=f"http://{address}")

        def initialised() -> bool:
            try:
                return bool(client.sys.initialize(secret_shares=1, secret_threshold=1))
            except requests.ConnectionError:
                return False

        simple.config["vault"]["address"] = f"http://{address}"
        (tmp_path / "vault").mkdir(exist_ok=True)
        wait_for("a second Vault is initialised", initialised, timeout=30)
        assert simple.problems() == ["sealed"]
    finally:
        server.kill()
        server.wait()


def test_a_rate_limit(simple: Place) -> None:
    mount = f"limited-{simple.name}"
    admin = simple.admin
    admin.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
    try:
        quota = {"rate": 1, "interval": "1m", "path": f"{mount}/"}
        admin.write_data(f"sys/quotas/rate-limit/{simple.name}", data=quota)
        simple.config["vault"]["mount"] = mount
        simple.permit()
        simple.problems()  # uses up what is allowed in a minute
        assert simple.problems() == ["rate-limited"]
    finally:
        admin.delete(f"sys/quotas/rate-limit/{simple.name}")
        admin.sys.disable_secrets_engine(mount)
