from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from embargo_hooks.cli import main
from embargo_hooks.errors import VaultError
from embargo_hooks.resources import KubernetesSecret
from embargo_hooks.secret import Secret
from tests.unit.hooks.conftest import Write
from tests.unit.hooks.fakes import FakeVault, FakeWorld

Output = pytest.CaptureFixture[str]


def test_plan_then_apply_then_nothing(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    arguments = ["--config", str(write(site))]
    assert main(["secrets", "plan", *arguments], world) == 2
    assert world.fake_cluster.writes == []
    assert main(["secrets", "apply", *arguments], world) == 0
    assert main(["secrets", "plan", *arguments], world) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "secrets plan: summit: nothing to do"
    assert err == ""
    assert "redis-value" not in out


def test_json_is_one_document(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    main(["secrets", "apply", "--output", "json", "--config", str(write(site))], world)
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "version": 1,
        "command": "secrets apply",
        "environment": "summit",
        "result": "changed",
        "planned": document["planned"],
        "done": document["planned"],
        "warnings": [],
        "problems": [],
        "summary": "secrets apply: summit: 2 changes made",
    }
    assert document["done"][0] == {
        "action": "apply",
        "object": "Secret redis",
        "reason": "new redis-password",
    }


def test_problems_are_sentences_and_the_last_line_sums_up(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    world.fake_vault.refuses = VaultError("Vault login: refused")
    assert main(["secrets", "apply", "--config", str(write(site))], world) == 1
    out = capsys.readouterr().out
    assert "error: Vault login: refused\n" in out
    assert out.splitlines()[-1] == (
        "secrets apply: 1 problem, nothing was written: Vault login: refused"
    )
    assert "Traceback" not in out


def test_a_rollback_goes_on_without_vault(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    world.fake_vault.refuses = VaultError("Vault login: refused")
    assert main(["secrets", "apply", "--rollback", "--config", str(write(site))], world) == 0
    assert world.fake_cluster.events == ["embargo-butler-secrets: Vault login: refused"]
    assert "warning: Vault login: refused\n" in capsys.readouterr().out


def test_a_rollback_fails_once_something_was_written(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(secret: KubernetesSecret) -> None:
        raise VaultError("no")

    monkeypatch.setattr(world.fake_cluster, "apply_secret", broken)
    assert main(["secrets", "apply", "--rollback", "--config", str(write(site))], world) == 1


def test_no_file_is_an_error_without_traceback(capsys: Output) -> None:
    assert main(["secrets", "plan", "--config", "/nowhere.yaml"]) == 1
    assert "/nowhere.yaml: cannot be read: No such file" in capsys.readouterr().out


def test_an_internal_error_does_not_show_its_text(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> Mapping[str, Secret]:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(FakeVault, "read", broken)
    assert main(["secrets", "apply", "--config", str(write(site))], world) == 1
    out, err = capsys.readouterr()
    assert "internal error: RuntimeError in test_cli.py" in out
    assert "hunter2" not in out + err
    assert world.fake_vault.calls[-1] == "revoke"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGTERM, "told to end while: reading Vault site/summit"),
        (
            signal.SIGALRM,
            "the deadline of 240 s (hooks.deadlineSeconds) was reached while: reading",
        ),
    ],
)
def test_a_run_cut_short_says_what_it_was_doing(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    message: str,
) -> None:
    monkeypatch.setattr(FakeVault, "read", lambda *_: os.kill(os.getpid(), number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["secrets", "apply", "--config", str(write(site))], world) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert message in capsys.readouterr().out
    assert world.fake_vault.calls[-1] == "revoke"
