"""What the services' tests share: the scripts by path, a Redis of their own, images to ingest."""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import redis
from astropy.io import fits

from tests.support.ports import free_port

SERVICES = Path(__file__).parents[2] / "services"
PASSWORD = "a password"
NO_RETRY: dict[str, Any] = {"retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0)}


def load(name: str) -> ModuleType:
    """Run a service's script as a new module, as its image does at start-up.

    Args:
        name: The service, or one of its files: `idle`, `ingest/paths`.
    """
    folder, _, file = name.partition("/")
    path = SERVICES / folder / f"{file or folder}.py"
    spec = importlib.util.spec_from_file_location(f"service_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """Run a Redis without persistence; yields its port."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not on PATH: install it (Debian: redis-server)")
    port = free_port()
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    words += ["--save", "", "--requirepass", PASSWORD, "--logfile", str(folder / "redis.log")]
    process = subprocess.Popen(words)
    try:
        client = redis.Redis(port=port, password=PASSWORD, **NO_RETRY)
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.02)
        client.close()
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def recorded(client: Any) -> Iterator[list[str]]:
    """Record the commands that others send to Redis meanwhile, without times and numbers."""
    seen: list[str] = []
    with client.monitor() as monitor:
        yield seen
        client.echo("the end")
        while (command := monitor.next_command()["command"]) != "ECHO the end":
            if not command.startswith(("CLIENT ", "HELLO ", "AUTH ")):
                seen.append(command)


def image(**cards: Any) -> bytes:
    """Make a FITS file of LSSTCam, with some cards changed, or left out if None."""
    header = {
        "INSTRUME": "LSSTCam",
        "OBSID": "MC_O_20260603_000258",
        "DAYOBS": "20260603",
        "SEQNUM": 258,
        "CONTRLLR": "O",
        "GROUPID": "2026-06-03T23:10:11.123",
        "CURINDEX": 1,
        "MAXINDEX": 1,
        "RAFTBAY": "R22",
        "CCDSLOT": "S11",
        "FILTBAND": "i",
        "FILTER": "i_39",
        "IMGTYPE": "OBJECT",
        "OBJECT": "COSMOS",
        "EXPTIME": 30.0,
        "DARKTIME": 30.5,
        "DATE-BEG": "2026-06-03T23:10:41.123",
        "DATE-END": "2026-06-03T23:11:11.123",
        "RA": 150.1,
        "DEC": 2.2,
        "ROTPA": 12.5,
    }
    header.update(cards)
    content = io.BytesIO()
    unit = fits.PrimaryHDU(
        header=fits.Header({name: value for name, value in header.items() if value is not None})
    )
    unit.writeto(content)
    return content.getvalue()
