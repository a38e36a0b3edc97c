"""Run programs and wait for conditions, always with a deadline and a message that says what for."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError

from tests.rig.errors import RigError

T = TypeVar("T")
_SHOWN_LINES = 15


def tail(text: str) -> str:
    """Return the last lines of a text, without trailing blank space."""
    return "\n".join(text.rstrip().splitlines()[-_SHOWN_LINES:])


def run(
    *argv: str | Path,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    check: bool = True,
    log: Path | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    Args:
        argv: The program and its arguments.
        timeout: Seconds after which the program is killed.
        env: Variables added to this process' environment.
        stdin: Text for the standard input; none by default.
        cwd: The working folder.
        check: Whether a non-zero exit status is an error.
        log: A file that output goes to instead; the returned text is then empty.

    Raises:
        RigError: The program is missing, took too long, or failed (with the last lines it printed).
    """
    words = [str(word) for word in argv]
    shown = shlex.join(words)
    if len(shown) > 200:
        shown = shown[:200] + "…"
    sink = log.open("ab") if log else None
    try:
        done = subprocess.run(
            words,
            input=(stdin or "").encode(),
            stdout=sink or subprocess.PIPE,
            stderr=subprocess.STDOUT if sink else subprocess.PIPE,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise RigError(f"{words[0]}: no such program", hint="is it installed?") from error
    except subprocess.TimeoutExpired as error:
        raise RigError(f"`{shown}` did not end within {timeout:g} s", log=log) from error
    finally:
        if sink:
            sink.close()
    output = (done.stdout or b"").decode(errors="replace")
    if check and done.returncode:
        said = tail((done.stderr or b"").decode(errors="replace") or output)
        raise RigError(f"`{shown}` ended with status {done.returncode}\n{said}".rstrip(), log=log)
    return output


def wait_for(
    what: str,
    probe: Callable[[], T | None],
    timeout: float,
    interval: float = 0.2,
    log: Path | None = None,
) -> T:
    """Call a probe until it returns something true, and return that.

    Args:
        what: What is waited for, as it is to stand in the message ("the gateway answers").
        probe: Returns something false while it is not so yet. A `RigError` or `OSError` counts as
            "not yet" and is quoted if the time runs out.
        timeout: Seconds.
        interval: Seconds between two calls.
        log: The log to show if the time runs out.

    Raises:
        RigError: It did not become true in time.
    """
    deadline = time.monotonic() + timeout
    last = ""
    while True:
        try:
            if found := probe():
                return found
        except (RigError, OSError) as error:
            if isinstance(error, HTTPError):
                error.close()  # it is an answer, too, with a connection of its own
            last = f" (last: {error})"
        if time.monotonic() > deadline:
            raise RigError(f"waited {timeout:g} s for this: {what}{last}", log=log)
        time.sleep(interval)
