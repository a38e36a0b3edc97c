"""A Vault that sends to another server: nobody else gets the login."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from embargo_butler.adapters.vault.client import VaultLogin
from embargo_butler.adapters.vault.session import RedirectedElsewhere, session
from embargo_butler.cli.job.command import main
from embargo_butler.config.config import load
from tests.support.vault_elsewhere import LOGIN, Server
from tests.unit.conftest import Write
from tests.unit.fakes import FakeWorld

Output = pytest.CaptureFixture[str]


class RealVault(FakeWorld):
    """The world in memory, with Vault by HTTP."""

    file: Path

    def vault(self) -> Any:
        return VaultLogin(load(self.file).vault, self.file.with_name("jwt"))


def planned(site: dict[str, Any], write: Write, method: str, address: str) -> int:
    site["vault"]["address"] = address
    site["vault"]["auth"] = {"method": method, "mount": method, "role": "r"}
    world = RealVault({})
    world.file = write(site)
    world.file.with_name("jwt").write_text(LOGIN)
    return main(["secrets", "--dry-run", "--config", str(world.file)], world)


@pytest.mark.parametrize(
    ("status", "target"),
    [
        (307, "http://ELSEWHEREPATH"),
        (308, "//ELSEWHEREPATH"),
        (301, "https://HOMEPATH"),
        (302, r"/\ELSEWHEREPATH"),
        (303, "http://HOME@ELSEWHEREPATH"),
    ],
)
@pytest.mark.parametrize("method", ["token", "kubernetes"])
def test_nobody_else_gets_the_login(
    site: dict[str, Any],
    write: Write,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    method: str,
    target: str,
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", LOGIN)
    other, home = Server(), Server()
    with other.running() as elsewhere, home.running() as address:
        named = target.replace("ELSEWHERE", elsewhere.removeprefix("http://"))
        home.target = named.replace("HOME", address.removeprefix("http://"))
        home.status = status
        assert planned(site, write, method, address) == 1
    said = capsys.readouterr().out
    assert other.heard == []
    assert len(home.heard) == 1
    assert f"{address} answers: redirected to " in said
    assert "that is another server and was sent nothing; set vault.address" in said
    assert LOGIN not in said


def test_the_answer_of_a_refused_redirect_is_closed(site: dict[str, Any], write: Write) -> None:
    home = Server()
    home.target = "http://127.0.0.1:1PATH"
    with home.running() as address, pytest.raises(RedirectedElsewhere) as refused:
        session(load(write(site)).vault).get(address)
    assert refused.traceback[-1].frame.f_locals["resp"].raw.closed


@pytest.mark.parametrize("target", ["PATH?again", "HOMEPATH?again"])
def test_the_same_server_may_send_on(
    site: dict[str, Any], write: Write, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", LOGIN)
    home = Server()
    with home.running() as address:
        home.target = target.replace("HOME", address)
        assert planned(site, write, "token", address) == 2
    assert [LOGIN in each for each in home.heard] == [True, True]
