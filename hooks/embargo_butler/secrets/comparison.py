"""What a plan shows of Secrets, key by key: whether two values differ, never the values."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping

from embargo_butler.config.config import Config
from embargo_butler.model.resources import KeyState, KubernetesSecret
from embargo_butler.secret import Secret

_SHOWN = 8


def compare(
    config: Config,
    desired: Iterable[KubernetesSecret],
    observed: Mapping[str, KubernetesSecret],
    salt: bytes,
) -> Iterator[KeyState]:
    """Compare every key of the declared Secrets.

    Args:
        config: What is declared.
        desired: What it comes to.
        observed: The live Secrets.
        salt: Random bytes of this run. They are shown nowhere, so that nobody can try values out
            against a hash, and hashes of two runs say nothing of each other.
    """
    for secret in desired:
        live = observed.get(secret.name)
        states = secret.states(live)
        there = live.data if live else {}
        for key in config.secrets[secret.name].keys() - states.keys():
            states[key] = "missing"
        for key, state in states.items():
            yield KeyState(
                secret.name,
                key,
                state,
                _hash(there.get(key), salt),
                _hash(secret.data.get(key), salt),
            )


def _hash(value: Secret | None, salt: bytes) -> str:
    if value is None:
        return ""
    return hmac.new(salt, value.reveal(), hashlib.sha256).hexdigest()[:_SHOWN]
