"""What each job needs of Vault, read with the operator's login and wrapped for that job alone.

The Secret that holds the wrapping tokens is not part of the release. Each token is good for one job
once; what it gives is the fields of the paths that the job reads, and no login. So the operator
needs no right but to read them, and to wrap (`sys/wrapping/wrap`, which Vault's policy `default`
permits): no policy, no role, no right to make tokens.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import yaml

from embargo_butler.adapters.programs import Programs
from embargo_butler.adapters.vault.client import VaultLogin
from embargo_butler.adapters.vault.handed_over import gathered
from embargo_butler.config import config as hooks_config
from embargo_butler.config.config import Config, VaultPath
from embargo_butler.jobs import notification_secret
from embargo_butler.release import jobs_plan
from embargo_butler.secret import Secret
from embargo_butler.secrets import sync as secret_sync

LIFETIME = "30m"
"""The last job begins when all pods are ready."""
_MANAGER = "embargo-operator"


def wanted(config: Mapping[str, Any] | None) -> bool:
    """Whether the jobs log in with wrapped tokens."""
    return bool(config) and (config or {})["vault"]["auth"]["method"] == "wrapped"


@contextmanager
def handed_over(config: Mapping[str, Any], programs: Programs) -> Iterator[None]:
    """Put the tokens where the jobs look for them, and take what is left of them away afterwards.

    Raises:
        VaultError: The operator has no Vault login, or it may not wrap.
        ProgramError: The Secret could not be written.
    """
    tokens = _issued(config)
    name = str(config["vault"]["auth"]["secret"]["name"])
    _ensure_namespace(programs)
    # Over standard input, so that no token is on a command line or a disk.
    how = ("--server-side", "--force-conflicts", f"--field-manager={_MANAGER}")
    programs.kubectl("apply", "-f", "-", *how, stdin=_manifest(name, tokens))
    try:
        yield
    finally:
        programs.kubectl("delete", "secret", name, "--ignore-not-found")


def _issued(config: Mapping[str, Any]) -> dict[str, Secret]:
    """Read and wrap, with the operator's own login, what each job needs."""
    found = hooks_config.parse(dict(config), "the hooks' configuration")
    login = replace(found.vault, method="token", stored="")
    with VaultLogin(login) as vault:
        return {
            area: vault.wrapped(gathered(vault, _paths(found, area)), LIFETIME)
            for area in jobs_plan.areas(config)
        }


def _paths(config: Config, area: str) -> list[VaultPath]:
    if area == "secrets":
        return secret_sync.paths(config)
    owners = config.buckets.owners.values() if config.buckets else ()
    paths = [VaultPath(owner.path) for owner in owners if owner.path]
    return list(dict.fromkeys([*paths, *notification_secret.paths(config)]))


def _manifest(name: str, tokens: Mapping[str, Secret]) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "data": {
                area: base64.b64encode(token.reveal()).decode() for area, token in tokens.items()
            },
        }
    )


def _ensure_namespace(programs: Programs) -> None:
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": programs.namespace}}
    if not programs.objects("namespace", programs.namespace):
        programs.kubectl("create", "-f", "-", stdin=yaml.safe_dump(manifest))
