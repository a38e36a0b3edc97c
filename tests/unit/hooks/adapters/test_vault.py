from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from embargo_hooks.adapters.vault import VaultLogin
from embargo_hooks.config import VaultConfig
from embargo_hooks.errors import VaultError

URL = "http://vault.test:8200/v1"
CONFIG = VaultConfig("http://vault.test:8200", "secret", "kubernetes", "kubernetes", "summit")


@pytest.fixture
def server() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.post(f"{URL}/auth/kubernetes/login", json={"auth": {"client_token": "t-1"}})
        server.post(f"{URL}/auth/token/revoke-self", status=204)
        yield server


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("the.jwt")
    return file


def test_login_read_revoke(server: responses.RequestsMock, token: Path) -> None:
    answer = {"data": {"data": {"a": "x\n", "b": {"deep": 1}}, "metadata": {}}}
    server.get(f"{URL}/secret/data/site/summit", json=answer)
    with VaultLogin(CONFIG, token) as vault:
        fields = vault.read("site/summit", 3)
    assert fields["a"].reveal() == b"x\n"
    assert json.loads(fields["b"].text()) == {"deep": 1}
    login, read, revoke = (call.request for call in server.calls)
    assert json.loads(login.body or "") == {"role": "summit", "jwt": "the.jwt"}
    assert read.headers["X-Vault-Token"] == "t-1"
    assert (read.url or "").endswith("?version=3")
    assert revoke.headers["X-Vault-Token"] == "t-1"


def test_the_login_is_ended_after_a_failure(server: responses.RequestsMock, token: Path) -> None:
    with pytest.raises(KeyError), VaultLogin(CONFIG, token):
        raise KeyError
    assert (server.calls[-1].request.url or "").endswith("/revoke-self")


DELETED = {"data": None, "metadata": {"deletion_time": "2026-11-01T00:00:00Z", "destroyed": False}}
DESTROYED = {"data": None, "metadata": {"deletion_time": "", "destroyed": True}}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"status": 404, "json": {"errors": []}}, r"secret/p: there is nothing"),
        ({"status": 404, "json": {"data": DELETED}}, r"was deleted at 2026-11-01"),
        ({"status": 404, "json": {"data": DESTROYED}}, r"was destroyed"),
        ({"status": 403, "json": {"errors": ["x"]}}, r"denied for role summit; .*secret/data/p"),
        ({"status": 503, "json": {"errors": ["x"]}}, r"sealed or in standby"),
        ({"status": 429, "json": {"errors": ["x"]}}, r"too many requests"),
        ({"status": 200, "json": {"data": {"a": "hunter2"}}}, r"not that of a KV version 2 mount"),
        ({"body": requests.ConnectionError("hunter2")}, r"cannot be reached"),
        ({"body": requests.ReadTimeout("hunter2")}, r"did not answer within"),
        ({"body": requests.exceptions.SSLError("hunter2")}, r"no trust in the certificate"),
    ],
)
def test_what_went_wrong_is_told(
    server: responses.RequestsMock, token: Path, answer: dict[str, Any], message: str
) -> None:
    server.get(f"{URL}/secret/data/p", **answer)
    with VaultLogin(CONFIG, token) as vault, pytest.raises(VaultError, match=message) as caught:
        vault.read("p")
    assert "hunter2" not in str(caught.value)


def test_a_refused_login_names_role_and_mount(token: Path) -> None:
    with responses.RequestsMock() as server:
        answer = {"errors": ["service account name not authorized"]}
        server.post(f"{URL}/auth/kubernetes/login", status=403, json=answer)
        with pytest.raises(VaultError, match=r"auth/kubernetes as role summit: service account"):
            VaultLogin(CONFIG, token)


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"absent: No such file.*projected"):
        VaultLogin(CONFIG, tmp_path / "absent")


def test_people_bring_their_own_token_which_stays_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = VaultConfig("http://vault.test:8200", "secret")
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(VaultError, match="run `vault login` first"):
        VaultLogin(config)
    (tmp_path / ".vault-token").write_text("mine\n")
    with responses.RequestsMock() as server:
        server.get(f"{URL}/secret/data/p", json={"data": {"data": {}}})
        with VaultLogin(config) as vault:
            vault.read("p")
        (call,) = server.calls
        assert call.request.headers["X-Vault-Token"] == "mine"
