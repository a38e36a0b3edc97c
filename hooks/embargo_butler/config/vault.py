"""The `vault` part of the configuration: where Vault is and how to log in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, ValidationInfo

from embargo_butler.config.reader import (
    WITHOUT_SLASHES,
    AnyText,
    Count,
    FolderText,
    Text,
    Whole,
    or_else,
)

_Method = Literal["kubernetes", "approle", "jwt", "token", "wrapped"]
LOGINS: tuple[str, ...] = get_args(_Method)
_FROM_SECRET = ("approle", "wrapped")
_AS_ROLE = ("kubernetes", "jwt")


def _address(address: str) -> str:
    if address and not re.fullmatch(r"https?://[^/@]+/?", address):
        raise ValueError("expected a URL such as https://vault.example.org:8200")
    return address


def _role(role: str, info: ValidationInfo) -> str:
    if not role and (method := info.data.get("method")) in _AS_ROLE:
        raise ValueError(f"is missing; the {method} login is made as a role")
    return role


def _stored(secret: _Stored | None, info: ValidationInfo) -> _Stored | None:
    if not secret and (method := info.data.get("method")) in _FROM_SECRET:
        raise ValueError(f"is missing; the {method} login is made with what a Secret holds")
    return secret


_Path = Annotated[AnyText, WITHOUT_SLASHES, or_else("")]


@dataclass(frozen=True)
class _Stored:
    name: Text


@dataclass(frozen=True)
class _Auth:
    method: _Method
    mount: _Path = ""
    role: Annotated[AnyText, AfterValidator(_role), or_else(""), Field(validate_default=True)] = ""
    audience: Annotated[AnyText, or_else("")] = ""
    secret: Annotated[_Stored | None, AfterValidator(_stored), Field(validate_default=True)] = None


@dataclass(frozen=True)
class VaultShape:
    """The part as it is written."""

    address: Annotated[AnyText, AfterValidator(_address), or_else("")]
    mount: Annotated[Text, WITHOUT_SLASHES]
    auth: _Auth
    namespace: Annotated[AnyText, or_else("")] = ""
    ca_bundle: Annotated[AnyText, or_else("")] = ""
    timeout_seconds: Annotated[Count, or_else(10)] = 10
    retry_seconds: Annotated[Whole, Field(ge=0), or_else(30)] = 30
    owners_path: FolderText = ""

    def config(self) -> VaultConfig:
        """Return what it means."""
        return VaultConfig(
            address=self.address,
            mount=self.mount,
            method=self.auth.method,
            login_mount=self.auth.mount or self.auth.method,
            role=self.auth.role,
            audience=self.auth.audience or "vault",
            stored=self.auth.secret.name if self.auth.secret else "",
            namespace=self.namespace,
            ca_bundle=self.ca_bundle,
            timeout=self.timeout_seconds,
            retry=self.retry_seconds,
            owners_path=self.owners_path,
        )


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
