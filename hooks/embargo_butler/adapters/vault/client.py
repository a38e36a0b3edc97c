"""Vault's KV version 2, through hvac."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import hvac
import requests
from hvac import exceptions

from embargo_butler.adapters.vault.handed_over import HandedOver
from embargo_butler.adapters.vault.login import TOKEN_FILE, Means, Stored, as_whom, log_in
from embargo_butler.adapters.vault.session import RedirectedElsewhere, session
from embargo_butler.adapters.why import why
from embargo_butler.config.vault import VaultConfig
from embargo_butler.errors import VaultError
from embargo_butler.secret import Secret

_UNREACHABLE_SECONDS = 3
"""How long a connection that fails is tried again: a restart is bridged, an outage soon told."""

Answer = TypeVar("Answer")


class VaultLogin:
    """A logged-in client; a login that was made here is ended when its block is left."""

    def __init__(
        self,
        config: VaultConfig,
        token_file: Path = TOKEN_FILE,
        *,
        stored: Stored = lambda name: None,
        job: str = "secrets",
        until: float = float("inf"),
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            config: Where Vault is and how to log in.
            token_file: The projected service-account token.
            stored: Reads the Kubernetes Secret that a login is made with.
            job: The job that logs in.
            until: The monotonic time after which nothing is tried again.

        Raises:
            VaultError: The CA bundle cannot be read.
        """
        self._config = config
        self._means = Means(job, stored, token_file)
        self._until = until
        self._stopped = threading.Event()
        self._client = hvac.Client(
            url=config.address.rstrip("/"),
            token="",
            timeout=config.timeout,
            namespace=config.namespace or os.environ.get("VAULT_NAMESPACE"),
            verify=True,
            session=session(config),
        )
        self._own = False
        self._held: HandedOver | None = None
        self._mount_problem: str | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> VaultLogin:
        try:
            made = log_in(self._client, self._config, self._means, self._ask)
            self._own, self._held = made.own, made.held
        except BaseException:
            # Cut short just after Vault answered: then there is a login to end. What was put in a
            # Secret for this run is not one.
            self._own = bool(self._client.token) and self._config.method not in ("token", "wrapped")
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
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
        if self._held:
            return self._held.read(path, version)
        mount = self._config.mount
        what = f"Vault path {mount}/{path}" + (f" (version {version})" if version else "")

        def call() -> Any:
            return self._client.secrets.kv.v2.read_secret_version(
                path, version=version, mount_point=mount, raise_on_deleted_version=True
            )

        try:
            answer = self._ask(what, call)
        except exceptions.InvalidPath as error:
            raise _deleted(what, error.json) or self._not_kv2(what) or _absent(what) from None
        except (exceptions.Forbidden, exceptions.Unauthorized) as error:
            raise (
                self._spent(error)
                or self._not_kv2(what)
                or VaultError(
                    f"{what}: permission denied{as_whom(self._config)}; allow `read` on "
                    f"{mount}/data/{path} in its policy (`embargo-butler vault-policy` prints it)",
                    "forbidden",
                )
            ) from None
        except exceptions.VaultError as error:
            raise VaultError(
                f"{what}: {self._config.address} refused with {type(error).__name__}"
            ) from None
        try:
            return {key: _secret(value) for key, value in answer["data"]["data"].items()}
        except (KeyError, TypeError, AttributeError):
            raise VaultError(
                f"{what}: the answer is not that of a KV version 2 mount; check vault.mount",
                "not-kv2",
            ) from None

    def wrapped(self, document: Mapping[str, Any], lifetime: str) -> Secret:
        """Return a token that whoever has it may change once for a document.

        Args:
            document: The document.
            lifetime: Until when it may: `30m`.

        Raises:
            VaultError: This login may not wrap it.
        """
        what = "Vault: wrapping what the jobs need"

        def call() -> Any:
            return self._client.sys.wrap(dict(document), lifetime)

        try:
            return Secret(self._ask(what, call)["wrap_info"]["token"])
        except exceptions.VaultError as error:
            raise self._spent(error) or VaultError(
                f"{what}: permission denied{as_whom(self._config)}; allow `update` on "
                "sys/wrapping/wrap in its policy, as Vault's policy `default` does",
                "forbidden",
            ) from None

    def _ask(self, what: str, call: Callable[[], Answer], again: bool = True) -> Answer:
        """Call, and again with growing pauses while Vault is only busy or out of order.

        Raises:
            VaultError: It stays so, or is of a kind that waiting does not mend.
            exceptions.VaultError: Vault answered, and refused.
        """
        began, pause, tries = time.monotonic(), 0.25, 0
        while True:
            tries += 1
            try:
                return call()
            except (exceptions.VaultError, requests.RequestException) as error:
                problem = self._outage(what, error, tries)
                if problem is None:
                    raise
            patience = {"unreachable": min(_UNREACHABLE_SECONDS, self._config.retry)}
            patience |= {"rate-limited": self._config.retry, "server-error": self._config.retry}
            limit = min(began + patience.get(problem.kind, 0), self._until)
            # Not all at the same time again: that would be the next refusal's cause.
            wait = pause * random.uniform(0.5, 1)
            if not again or time.monotonic() + wait > limit or self._stopped.wait(wait):
                raise problem
            pause = min(2 * pause, 5)

    def _outage(self, what: str, error: Exception, tries: int) -> VaultError | None:
        # Only our own words and the kind: an exception's text may hold a request's headers or body.
        at = self._config.address
        tried = f" (asked {tries} times)" if tries > 1 else ""
        match error:
            case exceptions.VaultNotInitialized():
                return VaultError(f"{what}: {at} is not initialised", "sealed")
            case exceptions.VaultDown() if "sealed" in str(error.errors).lower():
                return VaultError(f"{what}: {at} is sealed; have it unsealed", "sealed")
            case exceptions.RateLimitExceeded():
                return VaultError(
                    f"{what}: {at} has too many requests{tried}; run again later, or have the "
                    "rate limit raised",
                    "rate-limited",
                )
            case (
                exceptions.VaultDown()
                | exceptions.InternalServerError()
                | exceptions.BadGateway()
                | exceptions.UnexpectedError()
            ):
                return VaultError(
                    f"{what}: {at} is out of order: {type(error).__name__}{tried}; look at its log",
                    "server-error",
                )
            case exceptions.VaultError():
                return None
            case RedirectedElsewhere():
                return VaultError(
                    f"{what}: {at} answers: {error}; that is another server and was sent nothing; "
                    "set vault.address to the one that answers itself",
                    "redirected",
                )
            case requests.exceptions.SSLError():
                return VaultError(
                    f"{what}: no trust in {at}: {why(error)}; set vault.caBundle to the "
                    "authority that signed its certificate",
                    "tls",
                )
            case requests.ReadTimeout():
                return VaultError(
                    f"{what}: {at} did not answer within {self._config.timeout} s "
                    "(vault.timeoutSeconds)",
                    "unreachable",
                )
        return VaultError(
            f"{what}: {at} cannot be reached: {why(error)}{tried}; check vault.address and the way",
            "unreachable",
        )

    def _spent(self, refusal: exceptions.VaultError) -> VaultError | None:
        """Tell a token that is none any more from one that lacks a right: Vault says 403 to both.

        Source: Vault's answers; "bad token" is what older releases say.
        """
        said = " ".join(map(str, refusal.errors or ()))
        if not any(words in said for words in ("invalid token", "bad token")):
            return None
        at = self._config.address
        mend = "log in again: `vault login`"
        if self._config.method != "token" or self._config.stored:
            mend = f"put another into Secret {self._config.stored}"
        return VaultError(
            f"Vault login: {at} does not know the token, or not any more (expired, revoked, or of "
            f"another Vault); {mend}",
            "login-refused",
        )

    def _not_kv2(self, what: str) -> VaultError | None:
        """Look at the mount, once; only asked when a read failed."""
        with self._lock:
            if self._mount_problem is None:
                self._mount_problem = self._look_at_mount()
        if not self._mount_problem:
            return None
        return VaultError(f"{what}: {self._mount_problem}", "not-kv2")

    def _look_at_mount(self) -> str:
        mount = self._config.mount
        try:
            answer = self._client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}")
            found, options = answer["data"]["type"], answer["data"].get("options") or {}
        except (exceptions.VaultError, requests.RequestException, KeyError, TypeError):
            return ""  # It may not be looked at: then it is not the mount that is told about.
        version = str(options.get("version", "1"))
        if found == "kv" and version == "2":
            return ""
        kind = f"KV version {version}" if found == "kv" else f"a mount of type {found}"
        return f"{mount}/ is {kind}, expected KV version 2; check vault.mount, or upgrade the mount"


def _deleted(what: str, answer: Any) -> VaultError | None:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    metadata = data.get("metadata") if isinstance(data, Mapping) else None
    if isinstance(metadata, Mapping) and metadata.get("destroyed"):
        return VaultError(f"{what}: this version was destroyed; put a new one", "version-destroyed")
    if isinstance(metadata, Mapping) and metadata.get("deletion_time"):
        when = metadata["deletion_time"]
        return VaultError(
            f"{what}: this version was deleted at {when}; undelete it or put a new one",
            "version-deleted",
        )
    return None


def _absent(what: str) -> VaultError:
    return VaultError(
        f"{what}: there is nothing; check the path (without the mount and without `data/`)",
        "path-absent",
    )


def _secret(value: Any) -> Secret:
    # A null is nothing, and no password `null`.
    value = "" if value is None else value
    return Secret(value if isinstance(value, str) else json.dumps(value))
