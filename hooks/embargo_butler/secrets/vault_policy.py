"""The least that Vault has to permit: a policy over the paths in use, and the login's role."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from embargo_butler.config.config import Config
from embargo_butler.errors import ConfigError
from embargo_butler.secrets import sync as secret_sync

_SPARE_SECONDS = 60
"""Of a login's life beside the job's deadline: it is ended when the job is."""


@dataclass(frozen=True)
class VaultPolicy:
    """What a Vault administrator has to write.

    Attributes:
        name: The policy's name.
        rules: The policy.
        role_path: Where the role is written, empty where the login method has none.
        role: The role.
    """

    name: str
    rules: str
    role_path: str
    role: Mapping[str, Any]

    def text(self) -> str:
        """Return commands that write it, for a shell."""
        blocks = [f"vault policy write {self.name} - <<'EOF'\n{self.rules}EOF"]
        if self.role_path:
            role = json.dumps(self.role, indent=2)
            blocks.append(f"vault write {self.role_path} - <<'EOF'\n{role}\nEOF")
        return "\n\n".join(blocks)

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        policy = {"name": self.name, "rules": self.rules}
        role = {"path": self.role_path, "data": dict(self.role)} if self.role_path else None
        return {"version": 1, "policy": policy, "role": role}


def vault_policy(config: Config) -> VaultPolicy:
    """Work out what an environment needs.

    Raises:
        ConfigError: A path would be more than one in a policy.
    """
    vault = config.vault
    name = vault.role or f"embargo-butler-{config.environment}"
    rules = [_rule(f"{vault.mount}/data/{path}", "read") for path in sorted(set(_paths(config)))]
    # Without Vault's default policy: of that, a job only ends its own login.
    rules.append(_rule("auth/token/revoke-self", "update"))
    mount = f"auth/{vault.login_mount}"
    common = {
        "token_policies": [name],
        "token_no_default_policy": True,
        "token_type": "service",
        "token_ttl": f"{config.hooks.deadline + _SPARE_SECONDS}s",
        "token_max_ttl": f"{config.hooks.deadline + _SPARE_SECONDS}s",
    }
    accounts = [f"{config.fullname}-secrets"]
    if config.buckets:
        accounts += [f"{config.fullname}-buckets", f"{config.fullname}-clean-up"]
    accounts += [f"{config.fullname}-{name}" for name in config.hooks.cron_jobs]
    path, role = "", dict[str, Any]()
    match vault.method:
        case "kubernetes":
            path = f"{mount}/role/{name}"
            role = {
                "bound_service_account_names": accounts,
                "bound_service_account_namespaces": [config.namespace],
                "audience": vault.audience,
                **common,
            }
        case "jwt":
            path = f"{mount}/role/{name}"
            subjects = [f"system:serviceaccount:{config.namespace}:{each}" for each in accounts]
            role = {
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": [vault.audience],
                "bound_claims": {"sub": subjects},
                **common,
            }
        case "approle":
            path, role = f"{mount}/role/{name}", {"bind_secret_id": True, **common}
    return VaultPolicy(name, "".join(rules), path, role)


def _rule(path: str, capability: str) -> str:
    return f'path {json.dumps(path)} {{\n  capabilities = ["{capability}"]\n}}\n'


def _paths(config: Config) -> Iterator[str]:
    owners = config.buckets.owners.values() if config.buckets else ()
    wanted = [at.path for at in secret_sync.paths(config)]
    wanted += [owner.path for owner in owners if owner.path]
    for path in wanted:
        if path.endswith("*") or "+" in path.split("/"):
            raise ConfigError(
                f"{config.file}: Vault path {path!r}: `+` and a last `*` stand for more than one "
                "path in a policy; rename it in Vault"
            )
        yield path
