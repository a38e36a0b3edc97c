from __future__ import annotations

from typing import Any

import pytest

from embargo_butler.config.config import load
from embargo_butler.errors import ConfigError
from embargo_butler.secrets.vault_policy import VaultPolicy, vault_policy
from tests.unit.conftest import Write


def made(site: dict[str, Any], write: Write) -> VaultPolicy:
    return vault_policy(load(write(site)))


def test_the_least_for_both_jobs(site: dict[str, Any], write: Write) -> None:
    site["secrets"]["more"] = {"t": {"template": "x", "from": {"a": {"path": 'q"uoted'}}}}
    policy = made(site, write)
    assert (
        policy.rules
        == """\
path "secret/data/owners/rubin-summit" {
  capabilities = ["read"]
}
path "secret/data/q\\"uoted" {
  capabilities = ["read"]
}
path "secret/data/site/summit" {
  capabilities = ["read"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
"""
    )
    assert policy.role_path == "auth/kubernetes/role/r"
    assert policy.role["bound_service_account_names"] == [
        "embargo-butler-secrets",
        "embargo-butler-buckets",
        "embargo-butler-clean-up",
    ]
    assert policy.role["bound_service_account_namespaces"] == ["summit"]
    assert policy.role["audience"] == "vault"
    assert policy.role["token_no_default_policy"] is True
    assert policy.role["token_ttl"] == "300s"


def test_owners_without_a_path_of_their_own_are_below_the_common_one(
    site: dict[str, Any], write: Write
) -> None:
    site["vault"]["ownersPath"] = "owners/here"
    site["bucketConfig"]["owners"] = {"rubin-summit": {}, "t$user": {}}
    rules = made(site, write).rules
    assert 'path "secret/data/owners/here/rubin-summit" {' in rules
    assert 'path "secret/data/owners/here/t/user" {' in rules


def test_jobs_between_releases_log_in_too(site: dict[str, Any], write: Write) -> None:
    site["hooks"]["cronJobs"] = ["audit"]
    assert made(site, write).role["bound_service_account_names"][-1] == "embargo-butler-audit"


def test_no_buckets_no_account_for_them(site: dict[str, Any], write: Write) -> None:
    del site["bucketConfig"]
    policy = made(site, write)
    assert policy.role["bound_service_account_names"] == ["embargo-butler-secrets"]
    assert "owners" not in policy.rules


def test_other_logins(site: dict[str, Any], write: Write) -> None:
    site["vault"]["auth"] = {"method": "jwt", "mount": "vcluster", "role": "r"}
    policy = made(site, write)
    assert policy.role_path == "auth/vcluster/role/r"
    assert policy.role["bound_claims"]["sub"][0] == (
        "system:serviceaccount:summit:embargo-butler-secrets"
    )
    site["vault"]["auth"] = {"method": "approle", "secret": {"name": "login"}}
    assert made(site, write).role_path == "auth/approle/role/embargo-butler-summit"
    site["vault"]["auth"] = {"method": "wrapped", "secret": {"name": "login"}}
    policy = made(site, write)
    assert policy.role_path == ""
    assert policy.document()["role"] is None
    assert policy.text().count("EOF") == 2


@pytest.mark.parametrize("path", ["site/*", "a/+/b"])
def test_a_path_that_would_be_several(site: dict[str, Any], write: Write, path: str) -> None:
    site["secrets"]["more"] = {"k": {"path": path, "field": "x"}}
    with pytest.raises(ConfigError, match="more than one"):
        made(site, write)
