"""The requests that are sent to a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.httpsession import URLLib3Session


@contextmanager
def counted() -> Iterator[list[str]]:
    """Note every request to the gateway that is sent in this process."""
    calls: list[str] = []
    real = URLLib3Session.send

    def send(session: Any, request: Any) -> Any:
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        action = next((each for each in body.split("&") if each.startswith("Action=")), "")
        query = request.url.partition("?")[2].partition("=")[0]
        calls.append(action.removeprefix("Action=") or f"{request.method} ?{query}")
        return real(session, request)

    with patch.object(URLLib3Session, "send", send):
        yield calls
