"""Whether what the topics announce to is there."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from embargo_butler.buckets.queues import Night, lasts
from embargo_butler.model import urls
from embargo_butler.model.resources import Topic
from embargo_butler.secret import Secret

_PATIENCE_SECONDS = 5
_PORTS = {"http": 80, "https": 443, "kafka": 9092}


def silent(topics: Iterable[Topic], night: Callable[[], Night | None]) -> Iterator[str]:
    """Connect to each topic's endpoint, send nothing, and tell of those that do not answer.

    Args:
        topics: The topics as they are.
        night: Looks up the busiest of the last nights, to tell how long a queue lasts.
    """
    asked = list(topics)
    with ThreadPoolExecutor(8, thread_name_prefix="endpoint") as pool:
        for topic, problem in zip(asked, pool.map(_problem, asked), strict=True):
            if problem:
                told = (
                    f"topic {topic.name}: its endpoint {topic.endpoint} does not answer ({problem})"
                )
                if topic.persistent:
                    told += (
                        f"; its queue takes {lasts(night())}, then the gateway answers the "
                        "camera's PUTs with 503"
                    )
                yield told


def _problem(topic: Topic) -> str:
    endpoint = topic.attributes.get("push-endpoint", Secret(""))
    try:
        _, url = urls.split(endpoint.text())
        port = url.port or _PORTS.get(url.scheme, 0)
        socket.create_connection((url.hostname or "", port), _PATIENCE_SECONDS).close()
    except ValueError:
        return "it is no URL"
    except OSError as error:
        return error.strerror or str(error)
    return ""
