"""The site's generated credentials: made once, kept in its state folder, gone with it."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.rig.files import write_private
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
                write_private(self.path, json.dumps(known, indent=1))
            return known[name]

    def change(self, name: str) -> str:
        """Make another password of this name, and return it."""
        with _lock:
            changed = secrets.token_hex(16)
            write_private(self.path, json.dumps({**self._read(), name: changed}, indent=1))
            return changed

    def names(self, start: str) -> list[str]:
        """Return what follows a beginning in the names of all passwords made so far."""
        with _lock:
            return [name.removeprefix(start) for name in self._read() if name.startswith(start)]

    def s3(self, user: str) -> S3Keys:
        """Return the object store's keys of a user."""
        return S3Keys(self.password(f"s3/{user}/access"), self.password(f"s3/{user}/secret"))

    def _read(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        known: dict[str, str] = json.loads(self.path.read_text())
        return known


def load() -> Credentials:
    """Return the credentials of the site on this machine."""
    return Credentials(STATE / "credentials.json")
