"""What ran before the chart, and whether its Secrets have the values that Vault has.

A take-over that changed one would lose images: events that wait carry the old notification secret,
and clients of one password meet a Redis of another.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from embargo_butler.config.config import Config
from embargo_butler.model.ports import Cluster
from embargo_butler.model.resources import KeyState, KubernetesSecret
from embargo_butler.secrets.comparison import compare


def compared(
    config: Config, cluster: Cluster, wanted: Iterable[KubernetesSecret]
) -> tuple[KeyState, ...]:
    """Compare what its pods are told of Secrets with what these are to hold.

    Raises:
        HooksError: A Secret cannot be read.
    """
    live = {}
    for name, there in (config.predecessor or {}).items():
        if found := cluster.secret(there):
            live[name] = found
    states = compare(config, [each for each in wanted if each.name in live], live, os.urandom(16))
    return tuple(each for each in states if each.state in ("same", "changed"))


def refused(config: Config, states: Iterable[KeyState]) -> tuple[str, ...]:
    """Say for which of these a take-over is refused, and what to do."""
    return tuple(
        f"Secret {config.secret_name(each.secret)}, key {each.key}: Vault has another value, and a "
        "take-over is refused: put the running one into Vault, take over, and rotate it afterwards"
        for each in states
        if each.state == "changed"
    )
