"""What the stores are told, as far as it can be known without them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.rig import ceph, postgres, vault
from tests.rig.credentials import Credentials


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """Return credentials of a site of their own."""
    made = Credentials(tmp_path / "credentials.json")
    monkeypatch.setattr("tests.rig.credentials.load", lambda: made)
    return made


def test_db_auth_is_found_by_the_address_that_the_repository_has(known: Credentials) -> None:
    [login] = yaml.safe_load(vault.secrets()[vault.CLIENT_CONFIG]["db-auth.yaml"])
    assert login == {
        "url": postgres.URL,
        "username": "butler",
        "password": known.password("postgres/butler"),
    }


def test_vault_holds_the_keys_that_the_store_takes(known: Credentials) -> None:
    found = vault.secrets()
    for path, user in (
        (vault.OWNER_KEYS, "rubin-summit"),
        (vault.USERS_KEYS, "rubin-summit-users"),
    ):
        keys = known.s3(user)
        assert found[path] == {"access_key": keys.access_key, "secret_key": keys.secret_key}


def test_every_filled_path_may_be_read(known: Credentials) -> None:
    assert {*vault.secrets(), vault.SUMMIT} == set(vault.PATHS)


def test_each_bucket_has_an_owner_and_prompt_processing_owns_none() -> None:
    assert set(ceph.BUCKETS) <= set(ceph.USERS)
    assert ceph.FOREIGN_USER in set(ceph.USERS) - set(ceph.BUCKETS)
