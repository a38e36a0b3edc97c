"""Redis' start command and probes as rendered, run against a real Redis on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.chart.helm import render

PASSWORD = "a b\"c\\d$(e)`f#'g%s\\x41\n"
Probe = Callable[[str, str], bool]


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    manifest = render("summit")["StatefulSet/redis"]
    return dict(manifest["spec"]["template"]["spec"]["containers"][0])


def start(
    container: dict[str, Any], folder: Path, port: int, password: str
) -> subprocess.Popen[str]:
    *shell, script = container["command"]
    script = script.replace("dir /data", f"dir {folder}\nport {port}\nbind 127.0.0.1")
    return subprocess.Popen(
        [*shell, script],
        env={"PATH": os.environ["PATH"], "REDIS_PASSWORD": password},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def probe(container: dict[str, Any], port: int) -> Probe:
    def run(name: str, password: str) -> bool:
        *shell, script = container[name]["exec"]["command"]
        script = script.replace("redis-cli ping", f"redis-cli -p {port} ping")
        return not subprocess.run(
            [*shell, script],
            env={"PATH": os.environ["PATH"], "REDIS_PASSWORD": password},
            capture_output=True,
            timeout=10,
            check=False,
        ).returncode

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def redis(
    container: dict[str, Any], folder: Path, port: int, probe: Probe
) -> Iterator[subprocess.Popen[str]]:
    process = start(container, folder, port, PASSWORD)
    deadline = time.monotonic() + 10
    while not probe("startupProbe", PASSWORD):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "Redis did not start"
        time.sleep(0.05)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=10)


def test_password_is_on_no_command_line(redis: subprocess.Popen[str]) -> None:
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        assert PASSWORD.encode() not in line, place
    line = Path(f"/proc/{redis.pid}/cmdline").read_bytes()
    assert line.startswith(b"redis-server"), "the shell is still there"


def test_ready_with_the_password_only(redis: subprocess.Popen[str], probe: Probe) -> None:
    assert probe("readinessProbe", PASSWORD)
    assert not probe("readinessProbe", "another")
    assert not probe("readinessProbe", "")


def test_alive_whatever_the_password(redis: subprocess.Popen[str], probe: Probe) -> None:
    assert probe("livenessProbe", PASSWORD)
    assert probe("livenessProbe", "another")


def test_stops_cleanly_when_told(redis: subprocess.Popen[str], folder: Path, probe: Probe) -> None:
    redis.terminate()
    assert redis.wait(timeout=10) == 0
    assert (folder / "appendonlydir").is_dir()
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert not probe(name, PASSWORD), name


def test_no_password_no_redis(container: dict[str, Any], tmp_path: Path, port: int) -> None:
    process = start(container, tmp_path, port, "")
    assert process.wait(timeout=10) != 0
    assert "Redis would ask for no password" in process.communicate()[1]
