"""Why a connection failed, out of the exceptions that client libraries wrap one in another."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator


def why(error: BaseException) -> str:
    """Say why a connection failed, in the words of the system's libraries.

    The wrapping exceptions' own texts are not used: they may hold a request's headers or body.
    """
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {each.verify_message}"
    for each in chain:
        match each:
            case ssl.SSLError(reason=str(reason)):
                return f"TLS: {reason.lower().replace('_', ' ')}"
            case socket.gaierror():
                return f"the name cannot be resolved: {each.strerror}"
            case OSError(strerror=str(reason)):
                return reason
    return type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting.extend(found for found in inner if isinstance(found, BaseException))
