"""The probe that asks Redis, as rendered, run against a real Redis on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.site.services.support import PASSWORD, redis_server
from tests.support.ports import free_port
from tests.unit.chart.helm import render

AWKWARD = "a b\"c\\d$(e)`f#'g%s\\x41 ä"


@pytest.fixture(scope="module")
def script() -> str:
    """The probe's, which is the same for the three that use Redis and have no page to ask for."""
    manifests = render("summit")
    containers = [
        manifests[f"Deployment/embargo-butler-{name}"]["spec"]["template"]["spec"]["containers"][0]
        for name in ("enqueue", "ingest", "idle")
    ]
    probes = [container["readinessProbe"] for container in containers]
    assert probes[0] == probes[1] == probes[2]
    *shell, script = probes[0]["exec"]["command"]
    assert shell == ["bash", "-c"]
    return str(script)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with redis_server(tmp_path) as port:
        yield port


def asked(script: str, port: int, password: str) -> tuple[bool, str]:
    done = subprocess.run(
        ["bash", "-c", script.replace("6379", str(port))],
        env={"PATH": os.environ["PATH"], "REDIS_HOST": "127.0.0.1", "REDIS_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=20,
    )
    return not done.returncode, done.stdout


def test_the_password_of_redis_is_ready_and_no_other(script: str, port: int) -> None:
    assert asked(script, port, PASSWORD) == (True, "")
    ready, said = asked(script, port, "another")
    assert not ready
    assert said.startswith("Redis answers -WRONGPASS ")
    assert "another" not in said


def test_any_password_is_asked_with_and_nothing_is_written(script: str, port: int) -> None:
    with Redis(port=port, password=PASSWORD) as client:
        client.config_set("requirepass", AWKWARD)
        assert asked(script, port, AWKWARD) == (True, "")
        assert client.dbsize() == 0


def test_without_redis_nobody_is_ready(script: str) -> None:
    assert asked(script, free_port(), PASSWORD) == (False, "")
