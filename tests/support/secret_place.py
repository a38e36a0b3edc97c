"""A namespace, Vault paths and a login of a test's own, for the secrets job alone."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import hvac
import yaml

from embargo_butler.adapters.vault.client import VaultLogin
from embargo_butler.cli.job.command import main
from embargo_butler.config.config import Config, load
from embargo_butler.connections import Connections
from embargo_butler.model.ports import Vault
from embargo_butler.secrets.vault_policy import vault_policy
from tests.rig import cluster, vault
from tests.rig.site import API_URL, STATE, VAULT_URL

ACCOUNT = "embargo-butler-secrets"
FULLNAME = "embargo-butler"


class World(Connections):
    """The real outside, as it is in the job's pod: with its projected token."""

    def __init__(self, config: Config, job: str, token: Path) -> None:
        """Take the token's file."""
        super().__init__(config, job)
        self._token = token

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def vault(self) -> Vault:
        """Log in to Vault."""
        return VaultLogin(
            self._config.vault, self._token, stored=self._stored, job=self._job, until=self._until
        )


class Place:
    """One namespace and what belongs to it.

    Attributes:
        name: The namespace; also the first part of all Vault paths and the name of the role.
        config: The job's configuration, to be changed by a test.
    """

    def __init__(self, folder: Path) -> None:
        """Make everything.

        Args:
            folder: For the configuration, the kubeconfig and the token.
        """
        self.name = f"secrets-{secrets.token_hex(4)}"
        self.folder = folder
        self.admin: hvac.Client = vault.admin()
        self.config: dict[str, Any] = {
            "environment": self.name,
            "cluster": "rig",
            "namespace": self.name,
            "fullname": FULLNAME,
            "vault": {
                "address": VAULT_URL,
                "mount": vault.MOUNT,
                "retrySeconds": 2,
                "auth": {"method": "kubernetes", "role": self.name, "audience": "vault"},
            },
            "secrets": {},
            "hooks": {"deadlineSeconds": 60},
        }
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
        cluster.kubectl("create", "namespace", self.name)
        self.apply(account)
        self.token = folder / "token"
        self.token.write_text(self.kubectl("create", "token", ACCOUNT, "--audience=vault").strip())
        api = self.kubectl("create", "token", ACCOUNT).strip()
        ca = STATE / "pki" / "ca.crt"
        kubeconfig = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {"name": "c", "cluster": {"server": API_URL, "certificate-authority": str(ca)}}
            ],
            "users": [{"name": "u", "user": {"token": api}}],
        }
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig))

    def remove(self) -> None:
        """Take everything away."""
        cluster.kubectl("delete", "namespace", self.name, "--wait=false")
        self.admin.sys.delete_policy(self.name)
        self.admin.delete(f"auth/{vault.LOGIN}/role/{self.name}")
        for key in self._below(""):
            self.admin.secrets.kv.v2.delete_metadata_and_all_versions(key, mount_point=vault.MOUNT)

    def put(self, path: str, **fields: Any) -> dict[str, str]:
        """Write a path, and return where it is, as a source has it."""
        at = f"{self.name}/{path}"
        self.admin.secrets.kv.v2.create_or_update_secret(at, fields, mount_point=vault.MOUNT)
        return {"path": at}

    def permit(self, leave_out: str = "") -> None:
        """Write the policy and the role that are printed, and rights over the declared Secrets."""
        printed = vault_policy(load(self.write()))
        rules = printed.rules
        if leave_out:
            blocks = rules.split("path ")
            rules = "path ".join(block for block in blocks if f'/{leave_out}"' not in block)
        self.admin.sys.create_or_update_policy(printed.name, rules)
        if printed.role_path:
            self.admin.write_data(printed.role_path, data=dict(printed.role))
        login = self.config["vault"]["auth"].get("secret", {})
        names = [*self.config["secrets"], *login.get("name", "").split()]
        rules_of_role = [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": names,
                "verbs": ["get", "patch"],
            },
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "verbs": ["create", "get", "update"],
            },
        ]
        self.role(ACCOUNT, rules_of_role)

    def role(self, name: str, rules: list[dict[str, Any]], **labels: str) -> None:
        """Give the account a Role."""
        metadata = {"name": name, "labels": labels}
        group = "rbac.authorization.k8s.io"
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.name}
        self.apply(
            {
                "apiVersion": f"{group}/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": rules,
            },
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
                "subjects": [subject],
            },
        )

    def write(self) -> Path:
        """Write the configuration."""
        file = self.folder / "config.yaml"
        file.write_text(yaml.safe_dump(self.config))
        return file

    def run(self, *words: str) -> int:
        """Run the command line; its exit code."""
        file = self.write()
        with World(load(file), words[0], self.token) as world:
            return main([*words, "--config", str(file)], world)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace, as the cluster's admin."""
        return cluster.kubectl("-n", self.name, *words, stdin=stdin)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def secret(self, name: str) -> dict[str, bytes]:
        """Return a Secret's data."""
        found = json.loads(self.kubectl("get", "secret", name, "-o", "json"))
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}

    def store(self, name: str, **values: str) -> None:
        """Put a Secret that is not the job's to make, over standard input."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self.apply(secret)

    def problems(self) -> list[str]:
        """Apply, and return the problems' kinds; no Secret may have changed."""
        before = self.versions()
        out = StringIO()
        with redirect_stdout(out):
            assert self.run("secrets", "--output", "json") == 1
        assert self.versions() == before
        document = json.loads(out.getvalue())
        for problem in document["problems"]:
            print(problem["message"])
        return [problem["kind"] for problem in document["problems"]]

    def versions(self) -> dict[str, str]:
        """Return the resource version of every Secret: what tells that one was written."""
        items = json.loads(self.kubectl("get", "secrets", "-o", "json"))["items"]
        return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in items}

    def logins(self) -> list[str]:
        """Return the accessors of all tokens of this place's policy."""
        found = self.admin.list("auth/token/accessors")
        ours = []
        for accessor in found["data"]["keys"]:
            try:
                token = self.admin.auth.token.lookup_accessor(accessor)["data"]
            except (hvac.exceptions.Forbidden, hvac.exceptions.InvalidPath):
                continue  # It ended meanwhile.
            if self.name in token["policies"]:
                ours.append(accessor)
        return ours

    def _below(self, folder: str) -> list[str]:
        at = f"{self.name}/{folder}"
        try:
            keys = self.admin.secrets.kv.v2.list_secrets(at, mount_point=vault.MOUNT)["data"][
                "keys"
            ]
        except hvac.exceptions.InvalidPath:
            return []
        return [f"{at}{key}" for key in keys]
