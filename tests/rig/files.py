"""Files that hold secrets, and files that several processes want at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only root may read.

    Written aside and renamed: an interruption must not lose what other parts already rely on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.new")
    data = content.encode() if isinstance(content, str) else content
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    aside.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one thread of one process at a time make or change a file; the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
