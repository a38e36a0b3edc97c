from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.rig import packages, preflight, site, supervisor
from tests.rig.errors import RigError


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nothing is wrong, whatever the real one is."""
    monkeypatch.setattr(site, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(site, "STATE", tmp_path / "state")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "_debian", list)
    monkeypatch.setattr(preflight, "_memory", list)
    monkeypatch.setattr(preflight, "_registries", list)
    monkeypatch.setattr(supervisor, "is_up", lambda: False)
    monkeypatch.setattr(packages, "missing_packages", lambda names: [])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, 0, 1 << 40))
    monkeypatch.setattr(preflight, "_PORTS", {})
    monkeypatch.setattr(preflight, "_LOCAL_PORTS", {})


def test_a_good_machine_passes() -> None:
    preflight.check()


def test_a_port_in_use_is_named_with_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(preflight, "_PORTS", {port: "Vault"})
        with pytest.raises(RigError, match=rf"port {port} is in use.*: Vault needs it"):
            preflight.check()


def test_a_port_taken_on_loopback_only_is_no_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(preflight, "_PORTS", {taken.getsockname()[1]: "PostgreSQL"})
        preflight.check()


def test_a_port_of_a_site_that_is_up_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        monkeypatch.setattr(preflight, "_PORTS", {taken.getsockname()[1]: "Vault"})
        monkeypatch.setattr(supervisor, "is_up", lambda: True)
        preflight.check()


def test_all_problems_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 30, 0, 1 << 30))
    with pytest.raises(RigError) as caught:
        preflight.check()
    message = str(caught.value)
    assert "not root" in message
    assert f"1.0 GiB free for {site.CACHE}: 20 GiB are needed" in message
    assert "EMBARGO_BUTLER_CACHE" in message
    assert caught.value.hint == "nothing was started"
