"""The `vault` part of the configuration: where Vault is and how to log in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from embargo_butler.config.reader import Node

LOGINS = ("kubernetes", "approle", "jwt", "token", "wrapped")
_FROM_SECRET = ("approle", "wrapped")


@dataclass(frozen=True)
class VaultConfig:
    """Where Vault is and how to log in.

    Attributes:
        address: Its URL.
        mount: The KV version 2 mount.
        method: `kubernetes` and `jwt` by the pod's service-account token, `approle` and `wrapped`
            (a response-wrapped token for each job) by what a Secret holds, `token` by what a Secret
            holds or, without one, by the token that people have.
        login_mount: Where the login method is mounted.
        role: The role to log in as.
        audience: Whom the service-account token is for.
        stored: The Secret that a login is made with, empty for none.
        namespace: The namespace of Vault Enterprise, empty for none.
        ca_bundle: PEM text or a file of it; empty for what the system trusts.
        timeout: For how many seconds an answer is waited for.
        retry: For how many seconds a busy Vault is asked again.
        owners_path: The folder that has the keys of each bucket owner, empty for none.
    """

    address: str
    mount: str
    method: str = "token"
    login_mount: str = ""
    role: str = ""
    audience: str = "vault"
    stored: str = ""
    namespace: str = ""
    ca_bundle: str = ""
    timeout: int = 10
    retry: int = 30
    owners_path: str = ""


def parse(node: Node) -> VaultConfig:
    """Turn the parsed part into a declaration.

    Raises:
        ConfigError: Something in it is not as it should be.
    """
    top = node.mapping(
        ("address", "mount", "auth"),
        ("namespace", "caBundle", "timeoutSeconds", "retrySeconds", "ownersPath"),
    )
    auth = top["auth"].mapping(("method",), ("mount", "role", "audience", "secret"))
    address, method = _text(top["address"]), auth["method"].choice(*LOGINS)
    if address and not re.match(r"https?://[^/@]+/?$", address):
        raise top["address"].fail("expected a URL such as https://vault.example.org:8200")
    stored = _stored(top["auth"].child("secret"), method)
    role = top["auth"].child("role")
    return VaultConfig(
        address=address,
        mount=top["mount"].text().strip("/"),
        method=method,
        login_mount=_text(auth.get("mount"), method).strip("/"),
        role=role.text() if method in ("kubernetes", "jwt") else _text(role),
        audience=_text(auth.get("audience"), "vault"),
        stored=stored,
        namespace=_text(top.get("namespace")),
        ca_bundle=_text(top.get("caBundle")),
        timeout=_whole(top.get("timeoutSeconds"), 10, 1),
        retry=_whole(top.get("retrySeconds"), 30, 0),
        owners_path=_text(top.get("ownersPath")).strip("/"),
    )


def _stored(node: Node, method: str) -> str:
    if node.value is None:
        if method in _FROM_SECRET:
            raise node.fail(f"is missing; the {method} login is made with what a Secret holds")
        return ""
    return node.mapping(("name",), ())["name"].text()


def _text(node: Node | None, default: str = "") -> str:
    return default if node is None or node.value in (None, "") else node.text()


def _whole(node: Node | None, default: int, minimum: int) -> int:
    return default if node is None or node.value is None else node.whole(minimum)
