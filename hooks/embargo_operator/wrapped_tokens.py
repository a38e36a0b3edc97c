"""One response-wrapped Vault token for each job, in a Secret that is not part of the release."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import yaml

from embargo_hooks import config as hooks_config
from embargo_hooks._reader import Node
from embargo_hooks.adapters.vault import VaultLogin
from embargo_hooks.secret import Secret
from embargo_hooks.vault_policy import vault_policy
from embargo_operator import jobs_plan
from embargo_operator.programs import Programs

LIFETIME = "30m"
"""Of a token: the last job begins when all pods are ready. A job ends its own at once."""
_MANAGER = "embargo-operator"


def wanted(config: Mapping[str, Any] | None) -> bool:
    """Whether the jobs log in with wrapped tokens."""
    return bool(config) and (config or {})["vault"]["auth"]["method"] == "wrapped"


@contextmanager
def handed_over(config: Mapping[str, Any], programs: Programs) -> Iterator[None]:
    """Put the tokens where the jobs look for them, and take what is left of them away afterwards.

    Raises:
        VaultError: The operator has no Vault login, or it may not make such tokens.
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
    """Ask Vault, with the operator's own login, for a token for each job."""
    found = hooks_config.parse(Node(dict(config), "the hooks' configuration"))
    policy = vault_policy(found).name
    login = replace(found.vault, method="token", stored="")
    with VaultLogin(login) as vault:
        return {
            area: vault.wrapped_token(policy, LIFETIME, f"{area} of {found.environment}")
            for area in jobs_plan.areas(config)
        }


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
