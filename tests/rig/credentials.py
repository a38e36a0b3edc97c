"""The site's generated credentials: made once, kept in its state folder, gone with it."""

from __future__ import annotations

import json
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.rig.site import STATE

_lock = threading.Lock()


@dataclass(frozen=True)
class S3Keys:
    """An access key and its secret key."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Credentials:
    """Passwords and keys by name, generated at first use."""

    path: Path

    def password(self, name: str) -> str:
        """Return the password of this name, made at the first call."""
        with _lock:
            known = self._read()
            if name not in known:
                known[name] = secrets.token_hex(16)
                self._write(known)
            return known[name]

    def s3(self, user: str) -> S3Keys:
        """Return the object store's keys of a user."""
        return S3Keys(self.password(f"s3/{user}/access"), self.password(f"s3/{user}/secret"))

    def _read(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        known: dict[str, str] = json.loads(self.path.read_text())
        return known

    def _write(self, known: dict[str, str]) -> None:
        # Written aside and renamed: an interruption must not lose what the stores already hold.
        aside = self.path.with_suffix(".new")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known, file, indent=1)
        aside.replace(self.path)


def load() -> Credentials:
    """Return the credentials of the site on this machine."""
    return Credentials(STATE / "credentials.json")
