"""Who has an older secret, by when it was read; touches no network.

An environment variable is as old as its container, a file that an init container copies as old as
its pod: a container that starts again has new variables, and still the old files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from embargo_butler.model.ports import Pod
from embargo_butler.model.resources import KubernetesSecret

Key = tuple[str, str]
"""A Secret and one of its keys."""


def stale(
    pods: Iterable[Pod],
    live: Mapping[str, KubernetesSecret],
    told: Mapping[str, Collection[Key]],
) -> dict[str, dict[Key, datetime]]:
    """Return the workloads that have older values, with the keys and when they changed (UTC).

    Args:
        pods: The pods.
        live: The Secrets.
        told: What a workload is told of while it runs, so that it is not restarted for it.
    """
    found: dict[str, dict[Key, datetime]] = {}
    for pod in pods:
        for use in pod.uses:
            since = live[use.secret].since if use.secret in live else {}
            for key in (use.key,) if use.key else tuple(since):
                changed, at = since.get(key), (use.secret, key)
                if changed is None or use.began is None or at in told.get(pod.owner, ()):
                    continue
                if use.began < changed:
                    found.setdefault(pod.owner, {})[at] = changed
    return found


def users(pods: Iterable[Pod], secret: str) -> list[str]:
    """Return the names of the pods that read a Secret."""
    return sorted({pod.name for pod in pods for use in pod.uses if use.secret == secret})
