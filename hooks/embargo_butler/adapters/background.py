"""Programs that run beside ours, and end with it however it ends."""

from __future__ import annotations

import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_GUARD = (
    '"$@" < /dev/null 2> "$0/said" & exec >&-; read -r _; trap "" TERM; kill 0; wait; rm -rf "$0"'
)
"""Ends the program and what it has started, and takes away the folder, when our end of the pipe is
closed, by whomever."""
_END_SECONDS = 10


class Background:
    """A program that runs, and a private folder that goes with it."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        """Take the folder and the running program."""
        self._folder = folder
        self._process = process

    def line(self, seconds: float) -> str:
        """Return the next line that it prints; empty where it has ended, or does not in time."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], max(seconds, 0))
        return self._process.stdout.readline() if ready else ""

    def lines(self) -> Iterator[str]:
        """Yield what it prints, until it ends."""
        assert self._process.stdout is not None
        yield from self._process.stdout

    def end(self) -> None:
        """End it; once is enough."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_END_SECONDS)

    def said(self) -> str:
        """Return the last line of what it has said as an error; empty where it has said nothing."""
        lines = (self._folder / "said").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def private_folder() -> Path:
    """Make a folder for nobody else; the path of a socket in it has at most 108 bytes."""
    return Path(tempfile.mkdtemp(prefix="embargo-butler-", dir="/tmp"))


@contextmanager
def running(words: Sequence[str], folder: Path) -> Iterator[Background]:
    """Run a program beside a block; a shell ends it if we are killed in the middle.

    It is in a session of its own: what an operator interrupts is put in order before it ends.

    Args:
        words: The program and its arguments.
        folder: A private folder, which goes with it.
    """
    process = subprocess.Popen(
        ["sh", "-c", _GUARD, str(folder), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    background = Background(folder, process)
    with process:
        try:
            yield background
        finally:
            background.end()
