"""A namespace, Vault paths and a login for each test of the job, and a release to rotate."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests

from tests.rig import environment
from tests.rig.release import Release
from tests.support.rotating import Rotating
from tests.support.secret_place import Place


@pytest.fixture(scope="session")
def rotating(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotating]:
    """A release of its own, whose secrets tests change."""
    # Never used before, because a gateway remembers topics by their names.
    release = Release(f"rotating-{secrets.token_hex(3)}")
    environment.make(release)
    made = Rotating(release, tmp_path_factory.mktemp("values"))
    made.install()
    yield made
    environment.remove(release)


@pytest.fixture
def place(site: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    yield made
    made.remove()


@pytest.fixture
def simple(place: Place) -> Place:
    """One Secret, made by a first run."""
    place.config["secrets"]["redis"] = {"password": {**place.put("redis", a="one"), "field": "a"}}
    place.permit()
    assert place.run("secrets") == 0
    return place


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request to Vault and to the cluster, as it leaves."""
    made: list[str] = []
    to_vault, to_cluster = requests.Session.send, httpx2.Client.send

    def send(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> Any:
        made.append(f"{request.method} {request.path_url}")
        return to_vault(self, request, **more)

    def send_on(self: httpx2.Client, request: httpx2.Request, **more: Any) -> Any:
        rehearsal = "?dryRun" if "dryRun" in request.url.params else ""
        made.append(f"{request.method} {request.url.path}{rehearsal}")
        return to_cluster(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", send)
    monkeypatch.setattr(httpx2.Client, "send", send_on)
    return made
