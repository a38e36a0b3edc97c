"""The HTTP session to Vault: which authorities are trusted."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from embargo_hooks._vault_config import VaultConfig
from embargo_hooks.adapters._why import why
from embargo_hooks.errors import VaultError


class _Trusting(HTTPAdapter):
    """Trusts the authorities of a PEM text, and no other."""

    def __init__(self, pem: str) -> None:
        self._context = ssl.create_default_context(cadata=pem)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def send(self, request: requests.PreparedRequest, *_: Any, **how: Any) -> requests.Response:
        # What REQUESTS_CA_BUNDLE names would be trusted as well.
        return super().send(request, **{**how, "verify": True})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


def session(config: VaultConfig) -> requests.Session:
    """Return a session that trusts what the configuration says.

    Raises:
        VaultError: The CA bundle cannot be read.
    """
    made = requests.Session()
    bundle = config.ca_bundle or os.environ.get("VAULT_CACERT", "")
    if not bundle:
        return made
    try:
        pem = bundle if "-----BEGIN" in bundle else Path(bundle).read_text()
        made.mount("https://", _Trusting(pem))
    except (OSError, ValueError) as error:
        raise VaultError(
            f"vault.caBundle: {why(error)}; expected PEM text, or a file that holds it", "tls"
        ) from None
    return made
