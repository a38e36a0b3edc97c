"""Pythons with pinned packages of their own: made by uv, kept in the cache by a hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from tests.rig.command import run
from tests.rig.site import CACHE


def python(requirements: Path) -> Path:
    """Return the Python that has what a file of requirements pins, making it if need be."""
    pins = requirements.read_bytes() + sys.version.encode()
    home = CACHE / f"python-{requirements.stem}-{hashlib.sha256(pins).hexdigest()[:16]}"
    if not home.exists():
        aside = home.with_name(f"{home.name}.{os.getpid()}")
        uv = Path(sys.executable).with_name("uv")
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, aside)
        words = ("--quiet", "--compile-bytecode", "--python", aside / "bin/python")
        run(uv, "pip", "install", *words, "-r", requirements, timeout=600)
        try:
            aside.rename(home)
        except OSError:  # another worker has just made it
            shutil.rmtree(aside)
    return home / "bin/python"
