"""The ways to log in to Vault."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
from hvac import exceptions

from embargo_butler.adapters.vault import handed_over
from embargo_butler.adapters.vault.handed_over import HandedOver
from embargo_butler.config.vault import VaultConfig
from embargo_butler.errors import VaultError
from embargo_butler.secret import Secret

TOKEN_FILE = Path("/var/run/secrets/vault/token")
_LONGEST = 200
_TOKEN = re.compile(r"\bhv[bsr]\.|\b[bsr]\.\w{24}|client_token")
"""Tokens of Vault, of today and before 1.10, and the field that has one."""

Stored = Callable[[str], Mapping[str, Secret] | None]
"""Returns the data of a Kubernetes Secret by name, None where there is none."""
Ask = Callable[[str, Callable[[], Any], bool], Any]
"""Makes a call: what it is, the call, and whether it may be tried again."""


@dataclass(frozen=True)
class Means:
    """What a login is made with.

    Attributes:
        job: The job that logs in; a response-wrapped token is one job's.
        stored: Reads Kubernetes Secrets.
        token_file: The projected service-account token.
    """

    job: str
    stored: Stored
    token_file: Path = TOKEN_FILE


@dataclass(frozen=True)
class LoggedIn:
    """What a login has given.

    Attributes:
        own: Whether the client's token was made for this run, so is ours to revoke.
        held: What a person has read for this job and handed over, in the place of a token.
    """

    own: bool
    held: HandedOver | None = None


def log_in(client: hvac.Client, config: VaultConfig, means: Means, ask: Ask) -> LoggedIn:
    """Give the client a token, or return what was handed over.

    Raises:
        VaultError: What the login is made with is missing, or Vault did not answer, or refused.
    """
    mount, role = config.login_mount, config.role
    match config.method:
        case "kubernetes" | "jwt":
            what = f"Vault login at auth/{mount} as role {role}"
            jwt = _projected(what, means.token_file)

            def call() -> Any:
                if config.method == "jwt":
                    return client.auth.jwt.jwt_login(role=role, jwt=jwt, path=mount)
                return client.auth.kubernetes.login(role=role, jwt=jwt, mount_point=mount)

            hint = "check the role's service accounts, namespaces and audience"
            _refusable(what + _claims(jwt), lambda name: ask(name, call, True), hint, jwt)
        case "approle":
            what = f"Vault login at auth/{mount}"
            where, values = _from_secret(what, config, means)
            role_id, secret_id = (
                _key(what, where, values, key) for key in ("role-id", "secret-id")
            )

            def enter() -> Any:
                return client.auth.approle.login(role_id, secret_id, mount_point=mount)

            hint = f"check role id and secret id in {where}: revoked, expired or used up?"
            what += f" with {where}"
            _refusable(what, lambda name: ask(name, enter, True), hint, role_id, secret_id)
        case "wrapped":
            what = "Vault login with a response-wrapped token"
            where, values = _from_secret(what, config, means)
            client.token = wrapping = _key(what, where, values, means.job)
            hint = (
                f"the one in {where}, key {means.job}, is spent or has expired, and may be used "
                "once only; ask for a new one (and find out who used it, if not an earlier job)"
            )
            # An answer that got lost has spent the token as well: there is no second try.
            unwrap = client.sys.unwrap
            answer = _refusable(what, lambda name: ask(name, unwrap, False), hint, wrapping)
            client.token = ""
            answer = answer if isinstance(answer, Mapping) else {}
            if held := handed_over.received(answer.get("data")):
                return LoggedIn(own=False, held=held)
            if not answer.get("auth"):
                raise VaultError(
                    f"{what}: {where}, key {means.job}, wraps neither what `make apply` hands over "
                    "nor a token; for one, make it with `vault token create -wrap-ttl=...`",
                    "login-refused",
                )
            client.token = answer["auth"]["client_token"]
        case _ if config.stored:
            where, values = _from_secret("Vault login with a token", config, means)
            client.token = _key("Vault login", where, values, "token")
            return LoggedIn(own=False)
        case _:
            client.token = _present_token()
            return LoggedIn(own=False)
    return LoggedIn(own=True)


def as_whom(config: VaultConfig) -> str:
    """Say who is logged in, for messages."""
    if config.method in ("kubernetes", "jwt"):
        return f" for role {config.role}"
    if config.stored:
        return f" for the {config.method} login of Secret {config.stored}"
    return " for this token"


def _projected(what: str, file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise VaultError(
            f"{what}: {file}: {error.strerror}; the pod needs a projected "
            "service-account token there (on a login node, use vault.auth.method: token)",
            "no-login",
        ) from None


def _claims(jwt: str) -> str:
    """Say whose token it is: claims, which are no secret; its signature is."""
    try:
        part = jwt.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience or []
        subject = str(claims["sub"]).removeprefix("system:serviceaccount:")
    except (IndexError, ValueError, KeyError, AttributeError):
        return ""
    return f" with service account {subject}, audience {', '.join(map(str, audiences)) or 'none'}"


def _from_secret(what: str, config: VaultConfig, means: Means) -> tuple[str, Mapping[str, Secret]]:
    where = f"Secret {config.stored}"
    values = means.stored(config.stored)
    if values is None:
        raise VaultError(
            f"{what}: {where} is not there; make it before the release (vault.auth.secret.name)",
            "no-login",
        )
    return where, values


def _key(what: str, where: str, values: Mapping[str, Secret], key: str) -> str:
    if not values.get(key):
        there = ", ".join(sorted(values)) or "none"
        raise VaultError(f"{what}: {where} has no key {key!r}; its keys: {there}", "no-login")
    try:
        return values[key].text().strip()
    except ValueError as error:
        raise VaultError(f"{what}: {where}, key {key}: {error}", "no-login") from None


def _present_token() -> str:
    file = Path("~/.vault-token").expanduser()
    # What was copied has a line break at its end, which no header takes.
    if token := os.environ.get("VAULT_TOKEN", "").strip():
        return token
    try:
        return file.read_text().strip()
    except OSError:
        raise VaultError(
            "Vault login: neither VAULT_TOKEN nor ~/.vault-token; run `vault login` first",
            "no-login",
        ) from None


def _refusable(what: str, call: Callable[[str], Any], hint: str, *hidden: str) -> Any:
    try:
        return call(what)
    except exceptions.VaultError as error:
        raise VaultError(f"{what}: {_words(error, hidden)}; {hint}", "login-refused") from None


def _words(error: exceptions.VaultError, hidden: tuple[str, ...]) -> str:
    """Return one printable line of what Vault said, and none of an answer that holds a token.

    What answers may send back what it was asked with, or, as a proxy, what Vault meant for us.
    """
    said = ", ".join(map(str, error.errors or ()))
    answer = f"{said} {error.text or ''}"
    # A part of a JWT is worth hiding too: its signature is what makes it one.
    parts = {part for value in hidden for part in (value, *value.split(".")) if part}
    if _TOKEN.search(answer) or any(part in answer for part in parts):
        return "refused, with an answer that is not shown because it holds a token"
    line = next(iter(said.strip().splitlines()), "")
    return "".join(filter(str.isprintable, line))[:_LONGEST].strip() or "refused"
