from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from embargo_butler.adapters.vault.client import VaultLogin, _secret
from embargo_butler.adapters.vault.handed_over import gathered
from embargo_butler.config.config import VaultPath
from embargo_butler.config.vault import VaultConfig
from embargo_butler.engine.report import Report
from embargo_butler.errors import Gathering, VaultError
from embargo_butler.secret import Secret
from embargo_butler.secrets import sync as secret_sync

URL = "http://vault.test:8200/v1"
CONFIG = VaultConfig(
    "http://vault.test:8200", "secret", "kubernetes", "kubernetes", "summit", retry=0
)


def token_for(subject: str) -> str:
    claims = {"sub": f"system:serviceaccount:{subject}", "aud": ["vault"]}
    return (
        f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.hunter2"
    )


JWT = token_for("summit:embargo-butler-secrets")


@pytest.fixture
def server() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.post(f"{URL}/auth/kubernetes/login", json={"auth": {"client_token": "t-1"}})
        server.post(f"{URL}/auth/token/revoke-self", status=204)
        yield server


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(JWT)
    return file


def using(method: str, **more: Any) -> VaultConfig:
    return VaultConfig("http://vault.test:8200", "secret", method, method, **{"retry": 0, **more})


def test_login_read_revoke(server: responses.RequestsMock, token: Path) -> None:
    answer = {"data": {"data": {"a": "x\n", "b": {"deep": 1}}, "metadata": {}}}
    server.get(f"{URL}/secret/data/site/summit", json=answer)
    with VaultLogin(CONFIG, token) as vault:
        fields = vault.read("site/summit", 3)
    assert fields["a"].reveal() == b"x\n"
    assert json.loads(fields["b"].text()) == {"deep": 1}
    login, read, revoke = (call.request for call in server.calls)
    assert json.loads(login.body or "") == {"role": "summit", "jwt": JWT}
    assert read.headers["X-Vault-Token"] == "t-1"
    assert (read.url or "").endswith("?version=3")
    assert revoke.headers["X-Vault-Token"] == "t-1"


@pytest.mark.parametrize("failure", [KeyError, KeyboardInterrupt])
def test_the_login_is_ended_after_a_failure(
    server: responses.RequestsMock, token: Path, failure: type[BaseException]
) -> None:
    with pytest.raises(failure), VaultLogin(CONFIG, token):
        raise failure
    assert (server.calls[-1].request.url or "").endswith("/revoke-self")


def test_jwt_approle_and_a_namespace(token: Path) -> None:
    stored = {"role-id": Secret("r-1\n"), "secret-id": Secret("s-1")}
    for config, path, body in (
        (using("jwt", role="summit"), "jwt", {"role": "summit", "jwt": JWT}),
        (
            using("approle", stored="a"),
            "approle",
            {"role_id": "r-1", "secret_id": "s-1"},
        ),
    ):
        with responses.RequestsMock() as server:
            server.post(f"{URL}/auth/{path}/login", json={"auth": {"client_token": "t"}})
            server.post(f"{URL}/auth/token/revoke-self", status=204)
            config = VaultConfig(**{**vars(config), "namespace": "rubin"})
            with VaultLogin(config, token, stored=lambda _: stored):
                pass
            login, revoke = (call.request for call in server.calls)
            assert json.loads(login.body or "") == body
            assert {r.headers["X-Vault-Namespace"] for r in (login, revoke)} == {"rubin"}


def test_a_stored_token_stays_and_a_wrapped_one_is_ended() -> None:
    def stored(name: str) -> Mapping[str, Secret]:
        assert name == "login"
        return {"token": Secret("mine"), "secrets": Secret("w-1"), "buckets": Secret("w-2")}

    with responses.RequestsMock() as server:
        server.get(f"{URL}/secret/data/p", json={"data": {"data": {}}})
        with VaultLogin(using("token", stored="login"), stored=stored) as vault:
            vault.read("p")
        assert [c.request.headers["X-Vault-Token"] for c in server.calls] == ["mine"]
    with responses.RequestsMock() as server:
        server.put(f"{URL}/sys/wrapping/unwrap", json={"auth": {"client_token": "t-2"}})
        server.post(f"{URL}/sys/wrapping/unwrap", json={"auth": {"client_token": "t-2"}})
        server.assert_all_requests_are_fired = False
        server.post(f"{URL}/auth/token/revoke-self", status=204)
        with VaultLogin(using("wrapped", stored="login"), stored=stored, job="buckets"):
            pass
        assert [c.request.headers["X-Vault-Token"] for c in server.calls] == ["w-2", "t-2"]


@pytest.mark.parametrize("answer", [{"status": 503}, {"body": requests.ConnectionError("x")}])
def test_a_wrapped_token_is_used_once_only(answer: dict[str, Any]) -> None:
    config = using("wrapped", stored="login", retry=30)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.put(f"{URL}/sys/wrapping/unwrap", **answer)
        server.post(f"{URL}/sys/wrapping/unwrap", **answer)
        login = VaultLogin(config, stored=lambda _: {"secrets": Secret("w-1")})
        with pytest.raises(VaultError), login:
            pass
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, r"Secret login is not there; make it before the release"),
        ({"x": Secret("1")}, r"Secret login has no key 'secrets'; its keys: x"),
        ({"secrets": Secret(b"\xff")}, r"Secret login, key secrets: the value is not UTF-8"),
        ({"secrets": Secret("hunter2")}, r"key secrets, is spent or has expired.*once only"),
    ],
)
def test_what_is_wrong_with_a_stored_login(
    values: Mapping[str, Secret] | None, message: str
) -> None:
    answer = {"errors": ["wrapping token hunter2 is not valid"]}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.put(f"{URL}/sys/wrapping/unwrap", status=400, json=answer)
        server.post(f"{URL}/sys/wrapping/unwrap", status=400, json=answer)
        login = VaultLogin(using("wrapped", stored="login"), stored=lambda _: values)
        with pytest.raises(VaultError, match=message) as caught, login:
            pass
    assert "hunter2" not in str(caught.value)


DELETED = {"data": None, "metadata": {"deletion_time": "2026-11-01T00:00:00Z", "destroyed": False}}
DESTROYED = {"data": None, "metadata": {"deletion_time": "", "destroyed": True}}
SEALED = {"errors": ["Vault is sealed"]}
ERROR = {"errors": ["hunter2"]}
NOTHING: dict[str, Any] = {"errors": []}


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ({"status": 404, "json": NOTHING}, "path-absent", r"secret/p: there is nothing"),
        ({"status": 404, "json": {"data": DELETED}}, "version-deleted", r"deleted at 2026-11-01"),
        ({"status": 404, "json": {"data": DESTROYED}}, "version-destroyed", r"was destroyed"),
        ({"status": 403, "json": ERROR}, "forbidden", r"for role summit; .*secret/data/p"),
        ({"status": 503, "json": SEALED}, "sealed", r"vault.test:8200 is sealed"),
        ({"status": 501, "json": ERROR}, "sealed", r"is not initialised"),
        ({"status": 429, "json": ERROR}, "rate-limited", r"too many requests"),
        ({"status": 503, "json": ERROR}, "server-error", r"out of order: VaultDown"),
        ({"status": 500, "json": ERROR}, "server-error", r"out of order: InternalServerError"),
        ({"status": 502, "body": "hunter2"}, "server-error", r"out of order: BadGateway"),
        ({"status": 504, "body": "hunter2"}, "server-error", r"out of order: UnexpectedError"),
        ({"status": 400, "json": ERROR}, "vault", r"refused with InvalidRequest"),
        ({"status": 200, "json": {"data": {"a": "hunter2"}}}, "not-kv2", r"not that of a KV vers"),
        ({"status": 200, "body": "<html>hunter2"}, "not-kv2", r"not that of a KV version 2"),
        ({"body": requests.ConnectionError("hunter2")}, "unreachable", r"cannot be reached"),
        ({"body": requests.ReadTimeout("hunter2")}, "unreachable", r"did not answer within 10 s"),
        ({"body": requests.exceptions.SSLError("hunter2")}, "tls", r"no trust in .*caBundle"),
    ],
)
def test_what_went_wrong_is_told(
    server: responses.RequestsMock, token: Path, answer: dict[str, Any], kind: str, message: str
) -> None:
    server.get(f"{URL}/secret/data/p", **answer)
    with VaultLogin(CONFIG, token) as vault, pytest.raises(VaultError, match=message) as caught:
        vault.read("p")
    assert caught.value.kind == kind
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (
            {"type": "kv", "options": {"version": "1"}},
            "secret/ is KV version 1, expected KV version 2",
        ),
        ({"type": "kv", "options": None}, "secret/ is KV version 1"),
        ({"type": "transit"}, "secret/ is a mount of type transit"),
    ],
)
def test_another_mount_is_told_and_looked_at_once(
    server: responses.RequestsMock, token: Path, status: int, mount: dict[str, Any], message: str
) -> None:
    server.get(f"{URL}/secret/data/p", status=status, json=NOTHING)
    server.get(f"{URL}/secret/data/q", status=status, json=NOTHING)
    server.get(f"{URL}/sys/internal/ui/mounts/secret", json={"data": mount})
    with VaultLogin(CONFIG, token) as vault:
        for path in "pq":
            with pytest.raises(VaultError, match=f"Vault path secret/{path}: {message}") as caught:
                vault.read(path)
            assert caught.value.kind == "not-kv2"
    assert sum("/ui/mounts/" in (call.request.url or "") for call in server.calls) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_vault_is_asked_again(
    server: responses.RequestsMock, token: Path, status: int
) -> None:
    for _ in range(2):
        server.get(f"{URL}/secret/data/p", status=status, json=ERROR)
    server.get(f"{URL}/secret/data/p", json={"data": {"data": {"a": "x"}}})
    config = VaultConfig(**{**vars(CONFIG), "retry": 30})
    with VaultLogin(config, token) as vault:
        assert vault.read("p") == {"a": Secret("x")}
    with VaultLogin(config, token, until=time.monotonic()) as vault:
        server.replace("GET", f"{URL}/secret/data/p", status=status, json=ERROR)
        before = len(server.calls)
        with pytest.raises(VaultError):
            vault.read("p")
        assert len(server.calls) == before + 1, "nothing is tried again after the deadline"


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_refused_login_names_role_mount_and_account(token: Path, status: int) -> None:
    answer = {"errors": [f"service account name not authorized: {JWT}"]}
    with responses.RequestsMock() as server:
        server.post(f"{URL}/auth/kubernetes/login", status=status, json=answer)
        with pytest.raises(VaultError) as caught, VaultLogin(CONFIG, token):
            pass
    told = str(caught.value)
    assert "hunter2" not in told
    if status != 500:
        assert caught.value.kind == "login-refused"
        assert told.startswith(
            "Vault login at auth/kubernetes as role summit with service account "
            "summit:embargo-butler-secrets, audience vault: "
            "refused, with an answer that is not shown because it holds a token; check the role"
        )


@pytest.mark.parametrize(
    "said",
    [
        f"no: {JWT}",
        "no: hunter2",
        "denied hvs.CAESIJsecret",
        "denied s.aaaaaaaaaaaaaaaaaaaaaaaa",
        'no: {"auth": {"client_token": "t-9"}}',
        f"first line\n{JWT}",
    ],
)
def test_no_word_of_an_answer_that_holds_a_token_is_told(token: Path, said: str) -> None:
    with responses.RequestsMock() as server:
        server.post(f"{URL}/auth/kubernetes/login", status=400, json={"errors": [said]})
        with pytest.raises(VaultError) as caught, VaultLogin(CONFIG, token):
            pass
    told = str(caught.value)
    for word in ("hunter2", "CAESIJ", "aaaa", "t-9", "first line"):
        assert word not in told


def test_of_what_vault_says_one_printable_line_is_told(token: Path) -> None:
    said = "denied\x1b[2J here" + "x" * 300 + "\nsecond"
    with responses.RequestsMock() as server:
        server.post(f"{URL}/auth/kubernetes/login", status=400, json={"errors": [said]})
        with pytest.raises(VaultError) as caught, VaultLogin(CONFIG, token):
            pass
    line = str(caught.value).partition("audience vault: ")[2].partition("; check")[0]
    assert line.startswith("denied[2J here")
    assert (len(line), line.isprintable()) == (200, True)


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    login = VaultLogin(CONFIG, tmp_path / "absent")
    with pytest.raises(VaultError, match=r"absent: No such file.*projected") as caught, login:
        pass
    assert caught.value.kind == "no-login"


@pytest.mark.parametrize(
    ("bundle", "message"), [("/nowhere.pem", "No such file"), ("-----BEGIN X", "expected PEM text")]
)
def test_a_bad_ca_bundle_is_told(bundle: str, message: str) -> None:
    with pytest.raises(VaultError, match=rf"vault\.caBundle: .*{message}"):
        VaultLogin(VaultConfig("https://vault.test", "secret", ca_bundle=bundle))


def test_people_bring_their_own_token_which_stays_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = VaultConfig("http://vault.test:8200", "secret")
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(VaultError, match="run `vault login` first"), VaultLogin(config):
        pass
    (tmp_path / ".vault-token").write_text("mine\n")
    assert not os.environ.get("VAULT_NAMESPACE")
    with responses.RequestsMock() as server:
        server.get(f"{URL}/secret/data/p", json={"data": {"data": {}}})
        with VaultLogin(config) as vault:
            vault.read("p")
        (call,) = server.calls
        assert call.request.headers["X-Vault-Token"] == "mine"


def test_what_a_job_needs_is_read_and_wrapped_and_nothing_else(
    server: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's own login lives on, and the job has none."""
    monkeypatch.setenv("VAULT_TOKEN", "operators\n")
    server.get(f"{URL}/secret/data/p", json={"data": {"data": {"a": "x", "b": {"deep": 1}}}})
    server.get(f"{URL}/secret/data/gone", status=404, json={"errors": []})
    server.post(f"{URL}/sys/wrapping/wrap", json={"wrap_info": {"token": "w-1"}})
    with VaultLogin(using("token")) as vault:
        document = gathered(vault, [VaultPath("p"), VaultPath("gone")])
        assert vault.wrapped(document, "30m").reveal() == b"w-1"
    wrap = server.calls[-1].request
    assert wrap.headers["X-Vault-Wrap-TTL"] == "30m"
    assert {each.request.headers["X-Vault-Token"] for each in server.calls} == {"operators"}

    job = using("wrapped", stored="login")
    with responses.RequestsMock() as server:
        server.post(f"{URL}/sys/wrapping/unwrap", json={"data": json.loads(wrap.body or "")})
        with VaultLogin(job, stored=lambda _: {"secrets": Secret("w-1")}) as vault:
            assert vault.read("p") == {"a": Secret("x"), "b": Secret('{"deep": 1}')}
            with pytest.raises(VaultError, match="secret/gone: there is nothing") as error:
                vault.read("gone")
            assert error.value.kind == "path-absent"
            with pytest.raises(VaultError, match=r"path p \(version 2\): was not handed over"):
                vault.read("p", 2)
        assert [each.request.headers["X-Vault-Token"] for each in server.calls] == ["w-1"]


def test_a_login_that_may_not_wrap(
    server: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "operators")
    server.post(f"{URL}/sys/wrapping/wrap", status=403, json={"errors": ["permission denied"]})
    with pytest.raises(VaultError) as error, VaultLogin(using("token")) as vault:
        vault.wrapped({}, "30m")
    assert str(error.value) == (
        "Vault: wrapping what the jobs need: permission denied for this token; allow `update` on "
        "sys/wrapping/wrap in its policy, as Vault's policy `default` does"
    )


@pytest.mark.parametrize("stored", ["", "login"])
def test_a_token_that_is_none_any_more_is_no_lack_of_a_right(
    server: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    """Once, however many paths are asked for."""
    monkeypatch.setenv("VAULT_TOKEN", "operators")
    refusal = {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}
    for path in ("p", "q"):
        server.get(f"{URL}/secret/data/{path}", status=403, json=refusal)
    gathering, report = Gathering(), Report("", io.StringIO(), io.StringIO(), as_json=False)
    config = using("token", stored=stored)
    with VaultLogin(config, stored=lambda _: {"token": Secret("t")}) as vault:
        secret_sync.read(vault, [VaultPath("p"), VaultPath("q")], report, gathering)
    mend = "put another into Secret login" if stored else "log in again: `vault login`"
    (problem,) = map(str, gathering.found)
    assert problem == (
        "Vault login: http://vault.test:8200 does not know the token, or not any more (expired, "
        f"revoked, or of another Vault); {mend}"
    )


def test_a_null_is_no_password_of_that_name() -> None:
    assert not _secret(None)
    assert _secret(None).text() == ""
    assert _secret(1).text() == "1"
