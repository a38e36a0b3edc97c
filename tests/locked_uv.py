"""Print uv as a hashed requirement for pip: the version that uv.lock has."""

from __future__ import annotations

import tomllib
from pathlib import Path

lock = tomllib.loads(Path("uv.lock").read_text())
(uv,) = (each for each in lock["package"] if each["name"] == "uv")
print(f"uv=={uv['version']}", *(f"--hash={each['hash']}" for each in uv["wheels"]))
