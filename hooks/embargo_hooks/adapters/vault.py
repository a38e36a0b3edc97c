"""Vault's KV version 2, through hvac."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hvac
import requests
from hvac import exceptions

from embargo_hooks.config import VaultConfig
from embargo_hooks.errors import VaultError
from embargo_hooks.secret import Secret

TOKEN_FILE = Path("/var/run/secrets/vault/token")
_TIMEOUT_SECONDS = 10


class VaultLogin:
    """A logged-in client; a login that was made here is ended when its block is left."""

    def __init__(self, config: VaultConfig, token_file: Path = TOKEN_FILE) -> None:
        """Log in.

        Raises:
            VaultError: Vault did not answer, or refused.
        """
        self._config = config
        self._client = hvac.Client(
            url=config.address,
            token="",
            timeout=_TIMEOUT_SECONDS,
            namespace=os.environ.get("VAULT_NAMESPACE"),
            verify=os.environ.get("VAULT_CACERT") or True,
        )
        self._own = config.method == "kubernetes"
        if self._own:
            self._log_in(token_file)
        else:
            self._client.token = _present_token()

    def __enter__(self) -> VaultLogin:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._own:
                self._client.auth.token.revoke_self()
        except (exceptions.VaultError, requests.RequestException):
            pass  # The lease ends by itself; a finished job is not failed for it.
        finally:
            self._client.adapter.close()

    def read(self, path: str, version: int | None = None) -> Mapping[str, Secret]:
        """Return the fields of a path, or of one version of it.

        Raises:
            VaultError: It cannot be read; the path and the reason are told.
        """
        what = f"Vault path {self._config.mount}/{path}"
        what += f" (version {version})" if version else ""
        try:
            answer = self._client.secrets.kv.v2.read_secret_version(
                path, version=version, mount_point=self._config.mount, raise_on_deleted_version=True
            )
        except exceptions.InvalidPath as error:
            raise VaultError(f"{what}: {_absence(error.json)}") from None
        except exceptions.Forbidden:
            raise VaultError(
                f"{what}: permission denied{self._as_whom()}; allow `read` on "
                f"{self._config.mount}/data/{path} in its policy"
            ) from None
        except (exceptions.VaultError, requests.RequestException) as error:
            raise VaultError(f"{what}: {self._reason(error)}") from None
        try:
            return {key: _secret(value) for key, value in answer["data"]["data"].items()}
        except (KeyError, TypeError, AttributeError):
            raise VaultError(
                f"{what}: the answer is not that of a KV version 2 mount; check vault.mount"
            ) from None

    def _log_in(self, token_file: Path) -> None:
        mount, role = self._config.login_mount, self._config.role
        what = f"Vault login at auth/{mount} as role {role}"
        try:
            jwt = token_file.read_text()
        except OSError as error:
            raise VaultError(
                f"{what}: {token_file}: {error.strerror}; the pod needs a projected "
                "service-account token there (on a login node, use vault.auth.method: token)"
            ) from None
        try:
            self._client.auth.kubernetes.login(role=role, jwt=jwt, mount_point=mount)
        except (exceptions.Forbidden, exceptions.InvalidRequest) as error:
            said = ", ".join(map(str, error.errors or ())) or "refused"
            raise VaultError(
                f"{what}: {said}; check the role's service account, namespace and audience"
            ) from None
        except (exceptions.VaultError, requests.RequestException) as error:
            raise VaultError(f"{what}: {self._reason(error)}") from None

    def _as_whom(self) -> str:
        return f" for role {self._config.role}" if self._own else " for this token"

    def _reason(self, error: Exception) -> str:
        # Only our own words and the kind: an exception's text may hold a request's headers or body.
        match error:
            case exceptions.VaultDown():
                return f"{self._config.address} is sealed or in standby"
            case exceptions.RateLimitExceeded():
                return "too many requests; try again later"
            case requests.exceptions.SSLError():
                return f"no trust in the certificate of {self._config.address}; set VAULT_CACERT"
            case requests.Timeout():
                return f"{self._config.address} did not answer within {_TIMEOUT_SECONDS} s"
            case requests.ConnectionError():
                return f"{self._config.address} cannot be reached"
        return f"{self._config.address} answered with {type(error).__name__}"


def _present_token() -> str:
    file = Path("~/.vault-token").expanduser()
    if token := os.environ.get("VAULT_TOKEN"):
        return token
    try:
        return file.read_text().strip()
    except OSError:
        raise VaultError(
            "Vault login: neither VAULT_TOKEN nor ~/.vault-token; run `vault login` first"
        ) from None


def _absence(answer: Any) -> str:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    metadata = data.get("metadata") if isinstance(data, Mapping) else None
    if isinstance(metadata, Mapping) and metadata.get("destroyed"):
        return "this version was destroyed; put a new one"
    if isinstance(metadata, Mapping) and metadata.get("deletion_time"):
        return (
            f"this version was deleted at {metadata['deletion_time']}; undelete it or put a new one"
        )
    return "there is nothing; check the path (without the mount and without `data/`)"


def _secret(value: Any) -> Secret:
    return Secret(value if isinstance(value, str) else json.dumps(value))
