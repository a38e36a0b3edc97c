"""The HTTP session to Vault: which authorities are trusted, and that nobody else is asked."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from embargo_butler.adapters.why import why
from embargo_butler.config.vault import VaultConfig
from embargo_butler.errors import VaultError
from embargo_butler.terminal import visible


class RedirectedElsewhere(requests.RequestException):
    """Vault, or something before it, sends to another server; that one was sent nothing."""

    def __init__(self, target: str) -> None:
        """Take where it sends to."""
        super().__init__(f"redirected to {visible(target[:60])}")


class _Home(requests.Session):
    """Follows a redirect to the scheme, host and port that were asked, and none to others.

    requests takes `Authorization` off on the way to another host, but no header that it does not
    know, such as Vault's token, nor the body of a login.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        home = "/".join(resp.url.split("/", 3)[:3])
        # As text, since parsers differ on whose host an odd URL names.
        if target and not re.match(rf"({re.escape(home)})?/(?![/\\])", target):
            resp.close()  # its body is unread, and nobody else will close it
            raise RedirectedElsewhere(target)
        return target


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
    made = _Home()
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
