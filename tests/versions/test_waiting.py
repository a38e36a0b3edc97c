"""The chart's script that lets an idle ingest wait, with each redis-py that an image may have.

It waits in shorter rounds here, and allows a read less.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.rig.command import wait_for
from tests.site.services.support import PASSWORD, redis_server
from tests.support.pythons import python

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "charts/embargo-butler/files/wait.py"
CLIENTS = ("3.5.3", "4.6.0", "5.3.1", "6.4.0", "7.4.1", "8.1.0")
READ_SECONDS = 0.6
QUICKLY = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import wait
wait.ROUND_SECONDS, wait.READ_SECONDS = 0.3, {READ_SECONDS}
wait.main()
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with redis_server(tmp_path) as port:
        yield port


def start(version: str, port: int, *words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python(HERE / f"requirements/redis-{version}.txt"), *words, HERE / "waiter.py"],
        env={**os.environ, "PORT": str(port), "PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def asked(client: redis.Redis) -> int:
    """How often Redis has been asked for an image."""
    calls: Any = client.info("commandstats")
    return int(calls.get("cmdstat_blmove", {}).get("calls", 0))


@pytest.mark.parametrize("version", CLIENTS)
def test_an_image_after_idle_rounds_is_taken_by_the_same_process(port: int, version: str) -> None:
    with (
        redis.Redis(port=port, password=PASSWORD) as client,
        start(version, port, "-c", QUICKLY) as waiter,
    ):
        wait_for("some rounds", lambda: asked(client) > 14, timeout=60, interval=0.05)
        client.lpush("QUEUE", "an image")
        said, complaint = waiter.communicate(timeout=20)
    assert (said, complaint) == ("[b'an image']\n", "")


@pytest.mark.parametrize("version", CLIENTS)
def test_a_redis_that_answers_no_more_ends_it(port: int, version: str) -> None:
    with (
        redis.Redis(port=port, password=PASSWORD) as client,
        start(version, port, "-c", QUICKLY) as waiter,
    ):
        wait_for("some rounds", lambda: asked(client) > 2, timeout=60, interval=0.05)
        process = int(client.info("server")["process_id"])
        os.kill(process, signal.SIGSTOP)
        try:
            _, complaint = waiter.communicate(timeout=60)
        finally:
            os.kill(process, signal.SIGCONT)
    assert waiter.returncode == 1
    assert "TimeoutError" in complaint.splitlines()[-1]


def test_it_is_run_as_the_image_runs_it(port: int) -> None:
    with (
        redis.Redis(port=port, password=PASSWORD) as client,
        start("8.1.0", port, SCRIPT) as waiter,
    ):
        client.lpush("QUEUE", "an image")
        said, complaint = waiter.communicate(timeout=20)
    assert (said, complaint) == ("[b'an image']\n", "")
