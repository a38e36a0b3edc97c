from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import supervisor
from tests.rig.command import wait_for
from tests.rig.supervisor import Program


@pytest.fixture
def own_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A supervisord of the test's own, with its own mark."""
    monkeypatch.setattr(supervisor, "MARK", f"RIG_TEST_{tmp_path.name.upper()}")
    monkeypatch.setattr(supervisor, "STATE", tmp_path)
    monkeypatch.setattr(supervisor, "LOGS", tmp_path / "log")
    monkeypatch.setattr(supervisor, "_CONFIG", tmp_path / "supervisord.conf")
    monkeypatch.setattr(supervisor, "_PROGRAMS", tmp_path / "programs")
    monkeypatch.setattr(supervisor, "_SOCKET", tmp_path / "s")
    yield tmp_path
    supervisor.shut_down()


def writer(folder: Path, text: str) -> Program:
    script = f"printf '%s\\n' \"$TEXT\" >> {folder}/out; exec sleep 1000"
    return Program("writer", ("/bin/sh", "-c", script), {"TEXT": text})


def lines(folder: Path) -> list[str]:
    out = folder / "out"
    return out.read_text().splitlines() if out.exists() else []


def test_a_program_is_started_once_and_restarted_when_it_changes_or_dies(own_daemon: Path) -> None:
    awkward = 'a 100% "quoted" value, and more'
    assert supervisor.ensure(writer(own_daemon, awkward))
    wait_for("it runs", lambda: lines(own_daemon) == [awkward], timeout=20)
    assert not supervisor.ensure(writer(own_daemon, awkward))

    assert supervisor.ensure(writer(own_daemon, "changed"))
    wait_for("it was restarted", lambda: lines(own_daemon) == [awkward, "changed"], timeout=20)

    supervisor.stop("writer")
    assert not supervisor.is_running("writer")
    assert supervisor.ensure(writer(own_daemon, "changed"))
    wait_for("it runs again", lambda: len(lines(own_daemon)) == 3, timeout=20)


def test_nothing_is_left_after_shutting_down(own_daemon: Path) -> None:
    supervisor.ensure(writer(own_daemon, "x"))
    wait_for("it runs", lambda: lines(own_daemon), timeout=20)
    supervisor.shut_down()
    assert not supervisor.is_up()
    assert not list(supervisor._marked())
