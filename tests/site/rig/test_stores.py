"""What the stores are told, as far as it can be known without them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.rig import postgres, vault
from tests.rig.credentials import Credentials
from tests.rig.release import SUMMIT, Release


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """Return credentials of a site of their own."""
    made = Credentials(tmp_path / "credentials.json")
    monkeypatch.setattr("tests.rig.credentials.load", lambda: made)
    return made


def test_db_auth_is_found_by_the_address_that_the_repository_has(known: Credentials) -> None:
    [login] = yaml.safe_load(vault.secrets(SUMMIT)[vault.CLIENT_CONFIG]["db-auth.yaml"])
    assert login == {
        "url": postgres.url("butler"),
        "username": "butler",
        "password": known.password("postgres/butler"),
    }


def test_vault_holds_the_keys_that_the_store_takes(known: Credentials) -> None:
    found = vault.secrets(SUMMIT)
    for path, user in (
        (vault.OWNER_KEYS, "rubin-summit"),
        (vault.USERS_KEYS, "rubin-summit-users"),
    ):
        keys = known.s3(user)
        assert found[path] == {"access_key": keys.access_key, "secret_key": keys.secret_key}


def test_every_filled_path_may_be_read(known: Credentials) -> None:
    assert {*vault.secrets(SUMMIT), vault.OWN} == set(vault.PATHS)


def test_another_release_shares_nothing_of_summits(known: Credentials) -> None:
    other = Release("storm")
    assert not vault.secrets(SUMMIT).keys() & vault.secrets(other).keys()
    assert not {SUMMIT.bucket, SUMMIT.users_bucket, SUMMIT.database} & {
        other.bucket,
        other.users_bucket,
        other.database,
    }
