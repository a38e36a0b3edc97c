"""Vault: the server, the releases' secrets, and the login of their service accounts."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import hvac
import yaml
from hvac.exceptions import Forbidden, InternalServerError, InvalidPath, InvalidRequest

from tests.rig import binaries, butler, cluster, credentials, pki, supervisor
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.files import write_private
from tests.rig.progress import Say
from tests.rig.release import SUMMIT, Release
from tests.rig.site import API_URL, NODE, PROJECT, STATE, VAULT_PORT, VAULT_URL

MOUNT = "secret"
LOGIN = "kubernetes"

OWN = "rubin/usdf-embargo-dmz/summit"
CLIENT_CONFIG = "rubin/usdf-butler/client-config"
POSTGRES = "rubin/usdf-butler/postgres"
USERS_KEYS = "rubin/embargo/read/rubin-summit-users"
_OWNERS = SUMMIT.values("vault", "ownersPath")
OWNER_KEYS = f"{_OWNERS}/{SUMMIT.bucket}"
USERS_OWNER_KEYS = f"{_OWNERS}/{SUMMIT.users_bucket}"
PATHS = (OWN, CLIENT_CONFIG, POSTGRES, USERS_KEYS, OWNER_KEYS, USERS_OWNER_KEYS)
"""All that summit reads, and may read; another release reads the same under its own name."""

_FOLDER = STATE / "vault"
_INIT = _FOLDER / "init.json"
"""The unseal key and the root token, as the server gave them when it was initialised."""

_REVIEWER = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: vault, namespace: kube-system}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata:
  name: vault-token
  namespace: kube-system
  annotations: {kubernetes.io/service-account.name: vault}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: vault-token-reviewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:auth-delegator}
subjects: [{kind: ServiceAccount, name: vault, namespace: kube-system}]
"""


class _KeysLostError(Exception):
    """The server has data that nobody can unseal any more."""


def up(say: Say) -> None:
    """Have the server running and unsealed."""
    server = binaries.vault(say)
    program = supervisor.Program(
        "vault", (server, "-listen", f"{NODE}:{VAULT_PORT}", "-storage", _FOLDER / "data")
    )
    try:
        client = _unsealed(program)
    except (InternalServerError, InvalidRequest, Forbidden, _KeysLostError) as error:
        # Data and keys do not belong together. All that is in it can be made again, so do.
        say(f"starting over with an empty server: {error}")
        _forget()
        client = _unsealed(program)
    if f"{MOUNT}/" not in client.sys.list_mounted_secrets_engines()["data"]:
        client.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
    wait_for("secrets can be read", lambda: _found(OWN) is not None, timeout=30)
    say(f"{VAULT_URL}, unsealed")


def up_login(say: Say) -> None:
    """Have the login of the cluster's service accounts, and what it permits, as declared."""
    client = admin()
    if f"{LOGIN}/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("kubernetes", path=LOGIN)
    say("giving Vault the right to review tokens")
    cluster.kubectl("apply", "-f", "-", stdin=_REVIEWER)
    token = wait_for("the token of Vault's service account is there", _reviewer, timeout=60)
    client.write_data(
        f"auth/{LOGIN}/config",
        data={
            "kubernetes_host": API_URL,
            "kubernetes_ca_cert": pki.CA.read_text(),
            "token_reviewer_jwt": token,
            # The server runs outside of the cluster: no pod's files to take the above from.
            "disable_local_ca_jwt": True,
        },
    )
    say("service accounts can log in")


def make(release: Release) -> None:
    """Have a release's secrets, and what its service accounts may read of them.

    Policy and role are the ones that the hooks print for this release, and nothing more.
    """
    client = admin()
    for path, wanted in secrets(release).items():
        found = _found(path) or {}
        if found | wanted != found:
            client.secrets.kv.v2.create_or_update_secret(path, found | wanted, mount_point=MOUNT)
    # These two are nobody else's: whoever changed them in Vault since is right.
    own = release.renamed(OWN)
    found = _found(own) or {}
    known = credentials.load()
    wanted = {
        name: known.password(f"vault/{release.name}/{name}") for name in ("redis", "notification")
    }
    if wanted | found != found:
        client.secrets.kv.v2.create_or_update_secret(own, wanted | found, mount_point=MOUNT)
    printed = printed_policy(release)
    client.sys.create_or_update_policy(printed["policy"]["name"], printed["policy"]["rules"])
    client.write_data(printed["role"]["path"], data=printed["role"]["data"])


def as_on_day_one(release: Release) -> str:
    """Have neither login nor policy for a release's jobs, and no owner's keys.

    Returns:
        A person's token: it may read what the services need, and has Vault's policy `default`.
    """
    client, printed = admin(), printed_policy(release)
    client.sys.delete_policy(printed["policy"]["name"])
    client.delete(printed["role"]["path"])
    for path in (OWNER_KEYS, USERS_OWNER_KEYS):
        client.secrets.kv.v2.delete_metadata_and_all_versions(
            release.renamed(path), mount_point=MOUNT
        )
    client.sys.create_or_update_policy(
        _people(release), f'path "{MOUNT}/data/rubin/*" {{ capabilities = ["read"] }}'
    )
    made = client.auth.token.create(policies=[_people(release)], ttl="2h")
    return str(made["auth"]["client_token"])


def _people(release: Release) -> str:
    return f"people-of-{release.name}"


def remove(release: Release) -> None:
    """Remove a release's secrets, its policies and its role."""
    client = admin()
    client.sys.delete_policy(_people(release))
    for path in PATHS:
        client.secrets.kv.v2.delete_metadata_and_all_versions(
            release.renamed(path), mount_point=MOUNT
        )
    printed = printed_policy(release)
    client.sys.delete_policy(printed["policy"]["name"])
    client.delete(printed["role"]["path"])


def read(path: str) -> dict[str, str]:
    """Return the fields of a path.

    Raises:
        hvac.exceptions.InvalidPath: There is none, or it was deleted.
    """
    answer = admin().secrets.kv.v2.read_secret_version(
        path, mount_point=MOUNT, raise_on_deleted_version=True
    )
    fields: dict[str, str] = answer["data"]["data"]
    return fields


def change(path: str, **fields: str) -> dict[str, str]:
    """Change fields of a path, and return all that it had before.

    Raises:
        hvac.exceptions.InvalidPath: There is none, or it was deleted.
    """
    before, kv = read(path), admin().secrets.kv.v2
    kv.create_or_update_secret(path, {**before, **fields}, mount_point=MOUNT)
    return before


def admin() -> hvac.Client:
    """Return a client that may do everything."""
    return hvac.Client(url=VAULT_URL, token=_keys()["root_token"], timeout=30)


def secrets(release: Release) -> dict[str, dict[str, str]]:
    """Return what the other parts of the site expect to be in Vault for a release, by path."""
    known = credentials.load()
    owner, users = known.s3(release.bucket), known.s3(release.users_bucket)
    login = butler.login(release.database)
    found = {
        CLIENT_CONFIG: {"db-auth.yaml": yaml.safe_dump([login], sort_keys=False)},
        POSTGRES: {"username": login["username"], "password": login["password"]},
        USERS_KEYS: {"access_key": users.access_key, "secret_key": users.secret_key},
        USERS_OWNER_KEYS: {"access_key": users.access_key, "secret_key": users.secret_key},
        OWNER_KEYS: {"access_key": owner.access_key, "secret_key": owner.secret_key},
    }
    return {release.renamed(path): fields for path, fields in found.items()}


def _found(path: str) -> dict[str, str] | None:
    """Return the fields of a path, none for an absent one, nothing while KV is not ready."""
    try:
        return read(path)
    except InvalidPath:
        return {}
    except InvalidRequest:
        # A fresh mount says for a moment that it is being upgraded.
        return None


def _unsealed(program: supervisor.Program) -> hvac.Client:
    """Start the server if need be, initialise it if it is empty, and unseal it."""
    (_FOLDER / "data").mkdir(parents=True, exist_ok=True)
    _FOLDER.chmod(0o700)
    supervisor.ensure(program)
    wait_for("Vault answers", _status, timeout=30, log=program.log)
    client = hvac.Client(url=VAULT_URL, timeout=30)
    if not client.sys.is_initialized():
        _keep(client.sys.initialize(secret_shares=1, secret_threshold=1))
    elif not _INIT.exists():
        raise _KeysLostError(f"it is initialised, but {_INIT} is missing")
    if client.sys.is_sealed():
        client.sys.submit_unseal_key(_keys()["keys"][0])
    client = admin()
    wait_for("Vault is active", lambda: _status() == 200, timeout=30, log=program.log)
    client.auth.token.lookup_self()
    return client


def _status() -> int:
    """Return the status of Vault's health: 200 active, 429 standby, 501 empty, 503 sealed."""
    try:
        with urllib.request.urlopen(f"{VAULT_URL}/v1/sys/health", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _forget() -> None:
    supervisor.stop("vault")
    shutil.rmtree(_FOLDER, ignore_errors=True)


def _keep(keys: Mapping[str, Any]) -> None:
    write_private(_INIT, json.dumps(dict(keys)))


def _keys() -> dict[str, Any]:
    if not _INIT.exists():
        raise RigError(f"{_INIT}: missing, so Vault cannot be unsealed", hint="run make demo")
    keys: dict[str, Any] = json.loads(_INIT.read_text())
    return keys


def printed_policy(release: Release) -> dict[str, Any]:
    """Return the policy and the role that the hooks print for a release."""
    config = STATE / "releases" / f"{release.name}-hooks.yaml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(release.hooks_config())
    words = ("vault-policy", "--config", config, "--output", "json")
    printed: dict[str, Any] = json.loads(
        run(
            *(sys.executable, "-m", "embargo_butler.cli", "job", *words),
            env={"PYTHONPATH": str(PROJECT / "hooks")},
        )
    )
    return printed


def _reviewer() -> str:
    secret = ("get", "secret", "vault-token", "--namespace", "kube-system")
    encoded = cluster.kubectl(*secret, "--output", "jsonpath={.data.token}")
    return b64decode(encoded).decode()
