"""What a plan shows of Secrets, key by key: whether two values differ, never the values."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from embargo_butler.config.config import Config
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret

_SHOWN = 8


@dataclass(frozen=True)
class KeyState:
    """One key of one Secret.

    Attributes:
        secret: The Secret.
        key: The key.
        state: `same`, `changed`, `new` (not live yet), `removed` (live and ours, no longer
            declared), `foreign` (live and not ours, so it stays), `missing` (declared as optional,
            and Vault does not have it).
        live: A short hash of the live value, empty where there is none.
        declared: A short hash of the value that it should have, empty where there is none.
    """

    secret: str
    key: str
    state: str
    live: str = ""
    declared: str = ""

    def __str__(self) -> str:
        hashes = " -> ".join(dict.fromkeys(filter(None, (self.live, self.declared))))
        return f"Secret {self.secret}, key {self.key}: {self.state} {hashes}".rstrip()


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
