"""Whether what the topics announce to is there."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from embargo_hooks.resources import Topic, shown
from embargo_hooks.secret import Secret

_PATIENCE_SECONDS = 5
_PORTS = {"http": 80, "https": 443, "kafka": 9092, "amqp": 5672, "amqps": 5671}


def silent(topics: Iterable[Topic]) -> Iterator[str]:
    """Connect to each topic's endpoint, send nothing, and tell of those that do not answer.

    Args:
        topics: The topics as they are.
    """
    asked = {topic.name: topic.attributes.get("push-endpoint", Secret("")) for topic in topics}
    with ThreadPoolExecutor(8, thread_name_prefix="endpoint") as pool:
        for (name, endpoint), problem in zip(
            asked.items(), pool.map(_problem, asked.values()), strict=True
        ):
            if problem:
                where = shown("push-endpoint", endpoint)
                yield f"topic {name}: its endpoint {where} does not answer ({problem})"


def _problem(endpoint: Secret) -> str:
    try:
        url = urlsplit(endpoint.text())
        port = url.port or _PORTS.get(url.scheme, 0)
        socket.create_connection((url.hostname or "", port), _PATIENCE_SECONDS).close()
    except ValueError:
        return "it is no URL"
    except OSError as error:
        return error.strerror or str(error)
    return ""
