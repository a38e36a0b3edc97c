"""The logs of an environment's pods, by kubectl."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from embargo_butler.adapters import kubectl

_LINES = 20_000
"""Of each pod: some hours of a busy night."""
_NAME = re.compile(r"[\w.-]+")


class PodLogs:
    """The logs of one environment."""

    def __init__(self, make: kubectl.MakeKubectl, ingest: str) -> None:
        """Take whose they are; nothing is read yet.

        Args:
            make: Makes kubectl for its namespace.
            ingest: The label `app` of its ingest, which has another name in some environments.
        """
        self._make = make
        self._apps = {"ingest": ingest, "enqueue": "enqueue, enqueue-drain"}
        self._lines = cache(self._read)

    def mentions(self, component: str, names: Sequence[str]) -> Mapping[str, str]:
        """Return of some files' names the last line of a component's pods that has it.

        Raises:
            KubernetesError: The logs could not be read.
        """
        wanted, found = set(names), dict[str, str]()
        for line in self._lines(component):
            # A line may name a whole batch of files.
            found.update(dict.fromkeys(wanted.intersection(_NAME.findall(line)), line))
        return found

    def count(self, component: str, phrase: str) -> int:
        """Return how many lines have a phrase; the lines themselves may hold a secret.

        Raises:
            KubernetesError: The logs could not be read.
        """
        return sum(phrase in line for line in self._lines(component))

    def _read(self, component: str) -> list[str]:
        # The labels of selectors, which what ran before the chart has as well.
        selector = f"app in ({self._apps.get(component, component)})"
        text = kubectl.output(
            self._make,
            *("logs", "-l", selector, "-c", component, f"--tail={_LINES}"),
            *("--max-log-requests=100", "--ignore-errors"),
            takes="`list` on pods and `get` on pods/log",
        )
        return text.splitlines()
