"""Releases and rollbacks without Vault, by both Helms: they fail early or go on, never stuck."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig import environment, vault
from tests.rig.command import run
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.support.rotating import Rotating

pytestmark = pytest.mark.soak

DEAD: dict[str, Any] = {"vault": {"address": "http://198.20.0.1:8299"}}
KEEP: dict[str, Any] = {**DEAD, "hooks": {"secrets": {"onOutage": "keep"}}}
CHANGED: dict[str, Any] = {"ingest": {"env": {"MAX_INGESTS": "7"}}}


@pytest.fixture(scope="module")
def place(site: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotating]:
    major = run(helm, "version", "--short").strip()[1]
    release = Release(f"outage-{major}-{secrets.token_hex(3)}", helm)
    environment.make(release)
    made = Rotating(release, tmp_path_factory.mktemp("values"))
    made.deploy()
    yield made
    environment.remove(release)


def versions(place: Rotating) -> dict[str, str]:
    items = place.namespace.get("secrets")["items"]
    return {
        each["metadata"]["name"]: each["metadata"]["resourceVersion"]
        for each in items
        if each["type"] == "Opaque"
    }


def history(place: Rotating) -> list[str]:
    name = place.release.name
    told = place.release.run_helm("history", name, "-n", place.release.namespace, "-o", "json")
    return [each["status"] for each in json.loads(told)]


def rollback(place: Rotating, revision: int) -> str:
    name = place.release.name
    words = ("rollback", name, str(revision), "-n", place.release.namespace, "--wait")
    return place.release.run_helm(*words)


def passed_over(place: Rotating) -> str:
    events = place.namespace.get("events", "--field-selector=reason=PassedOver")["items"]
    return " ".join(each["message"] for each in events)


def test_without_vault_an_upgrade_fails_early_and_says_why(place: Rotating) -> None:
    before, pods = versions(place), place.lives()
    with pytest.raises(RigError) as caught:
        place.deploy(**DEAD, **CHANGED)
    assert "cannot be reached: Connection refused" in str(caught.value), "Helm itself says it"
    assert history(place) == ["deployed", "failed"]
    assert (versions(place), place.lives()) == (before, pods)
    pod = ("pods", "-l", "job-name=embargo-butler-secrets")
    assert "cannot be reached: Connection refused" in place.namespace.kubectl("describe", *pod)
    place.deploy()
    assert history(place)[-1] == "deployed"


def test_what_is_kept_goes_on(place: Rotating) -> None:
    before = versions(place)
    place.deploy(**KEEP, **CHANGED)
    assert history(place)[-1] == "deployed"
    assert versions(place) == before
    for job in ("secrets", "buckets"):
        assert "release goes on without it" in place.log(job)
    assert "cannot be reached" in passed_over(place)


def test_but_not_without_a_secret(place: Rotating) -> None:
    place.namespace.kubectl("delete", "secret", "db-env")
    with pytest.raises(RigError, match="not there yet: Secret db-env, key pg_"):
        place.deploy(**KEEP)
    place.deploy()
    assert "db-env" in place.secrets()


def test_a_rollback_is_not_stuck(place: Rotating) -> None:
    place.deploy(**CHANGED)
    good = len(history(place)) - 1
    role = f"auth/{vault.LOGIN}/role/embargo-butler-{place.release.name}"
    before = versions(place)
    vault.admin().delete(role)
    try:
        with pytest.raises(RigError, match="login"):
            place.deploy()
        rollback(place, good)
        assert history(place)[-1] == "deployed"
        assert versions(place) == before
        assert "rollback goes on without it" in place.log("secrets-rollback")
        assert "rollback goes on without it" in place.log("buckets-rollback")
        assert "login" in passed_over(place)
    finally:
        vault.make(place.release)
    place.deploy()
    assert history(place)[-1] == "deployed"
