"""Redis' start command and probes as rendered, run against a real Redis on this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError
from redis.exceptions import RedisError as RedisClientError

from embargo_butler.adapters.redis.passwords import RedisPasswords
from embargo_butler.errors import RedisError
from embargo_butler.secret import Secret
from embargo_butler.secrets.redis_password import digest
from tests.rig.command import wait_for
from tests.site.services.support import NO_RETRY
from tests.support.ports import free_port
from tests.unit.chart.helm import render

PASSWORD = "a b\"c\\d$(e)`f#'g%s\\x41\n"
Probe = Callable[[str, str], bool]


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    manifest = render("summit")["StatefulSet/redis"]
    return dict(manifest["spec"]["template"]["spec"]["containers"][0])


def start(
    container: dict[str, Any], folder: Path, port: int, password: str, admitted: str = ""
) -> subprocess.Popen[str]:
    *shell, script = container["command"]
    script = script.replace("dir /data", f"dir {folder}\nport {port}\nbind 127.0.0.1")
    env = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": password, "REDIS_ADMITTED": admitted}
    if not admitted:
        del env["REDIS_ADMITTED"]
    return subprocess.Popen(
        [*shell, script], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def probe(container: dict[str, Any], port: int) -> Probe:
    def run(name: str, password: str) -> bool:
        *shell, script = container[name]["exec"]["command"]
        script = script.replace("redis-cli", f"redis-cli -p {port}")
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


def test_lets_in_who_knows_the_password(redis: subprocess.Popen[str], port: int) -> None:
    assert knocks(port, PASSWORD)
    for other in ("another", "", PASSWORD.rstrip()):
        assert not knocks(port, other)


def test_ready_whatever_the_password_of_now(redis: subprocess.Popen[str], probe: Probe) -> None:
    assert probe("readinessProbe", PASSWORD)
    assert probe("readinessProbe", "another")


def test_the_user_of_the_probe_may_do_nothing_else(redis: subprocess.Popen[str], port: int) -> None:
    client: Any = Redis(port=port, username="probe", password="any")
    assert client.ping()
    refused = ["GET x", "ACL LIST", "CONFIG GET *", "PUBLISH a b", "KEYS *", "SHUTDOWN"]
    for each in refused:
        with pytest.raises(NoPermissionError):
            client.execute_command(*each.split())
    client.close()


def test_lets_in_what_is_admitted_beside_the_password(
    container: dict[str, Any], tmp_path: Path
) -> None:
    others = ["old $one", "older"]
    digests = " ".join(digest(Secret(each)) for each in others)
    port = free_port()
    process = start(container, tmp_path, port, PASSWORD, digests)
    try:
        wait_for("Redis answers", lambda: knocks(port, PASSWORD), timeout=10)
        assert [knocks(port, each) for each in (*others, "another")] == [True, True, False]
        passwords = RedisPasswords(lambda: ("127.0.0.1", port), "Redis", lambda: True, 0.0)
        by = [Secret("next"), Secret(PASSWORD)]
        assert passwords.admitted(by) == frozenset(
            digest(Secret(each)) for each in (PASSWORD, *others)
        )
        passwords.admit(by, digest(Secret("next")))
        assert knocks(port, "next")
        for _ in range(2):
            passwords.dismiss(by, digest(Secret(PASSWORD)))
        assert not knocks(port, PASSWORD)
        with pytest.raises(RedisError, match="was started with another one"):
            passwords.admitted([Secret(PASSWORD)])
    finally:
        process.kill()
        process.communicate(timeout=10)
    with pytest.raises(RedisError, match="it runs and does not answer"):
        passwords.admitted(by)
    gone = RedisPasswords(lambda: ("127.0.0.1", port), "Redis", lambda: False, 0.0)
    assert gone.admitted(by) is None


def knocks(port: int, password: str) -> bool:
    # A refusal is an answer here: no tries after it.
    client: Any = Redis(port=port, password=password, **NO_RETRY)
    try:
        return bool(client.ping())
    except RedisClientError:
        return False
    finally:
        client.close()


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
