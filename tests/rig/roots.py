"""Debian root folders, made by mmdebstrap and cached by a hash of what they are made of."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.rig import packages
from tests.rig.command import run
from tests.rig.progress import Say
from tests.rig.site import CACHE, STATE


@dataclass(frozen=True)
class Root:
    """A Debian root folder.

    Attributes:
        suite: The release of Debian.
        packages: What is in it beside the base, separated by commas.
        options: More of mmdebstrap's options.
    """

    suite: str
    packages: str
    options: tuple[str, ...] = ()

    def archive(self, say: Say) -> Path:
        """Return it as an archive, made if need be."""
        return self._made("tar", self._cached(".tar"), say)

    def folder(self, say: Say) -> Path:
        """Return it as a folder, made if need be."""
        return self._made("directory", self._cached(""), say)

    def inside(self, *command: str | Path) -> tuple[str | Path, ...]:
        """Return what runs a command in the folder, where the site's state is as it is outside.

        The mounts are the command's own, so that nothing is left of them when it ends or is killed.
        """
        folder = self._cached("")
        mounts = (
            'mount --rbind /dev "$0/dev"',
            'mount -t proc proc "$0/proc"',
            f'mkdir -p "$0{STATE}"',
            f'mount --bind {STATE} "$0{STATE}"',
        )
        script = " && ".join((*mounts, 'exec "$@"'))
        chroot = (packages.program("chroot"), folder, *command)
        return (packages.program("unshare"), "--mount", "sh", "-c", script, folder, *chroot)

    def _made(self, form: str, done: Path, say: Say) -> Path:
        if done.exists():
            return done
        log = CACHE / "log" / f"mmdebstrap-{self.suite}.log"
        for folder in (done.parent, log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        aside = done.with_name(f"{done.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        say(f"making a root folder of Debian {self.suite} (log: {log})")
        # In a mount namespace: an interrupted making leaves no /proc or /dev mounted in there.
        making = (packages.program("unshare"), "--mount", packages.program("mmdebstrap"))
        run(*making, f"--format={form}", *self._options(), self.suite, aside, timeout=900, log=log)
        aside.rename(done)
        return done

    def _cached(self, suffix: str) -> Path:
        key = hashlib.sha256(" ".join(self._options()).encode()).hexdigest()[:16]
        return CACHE / "images" / f"{self.suite}-{key}{suffix}"

    def _options(self) -> list[str]:
        unused = ("doc", "info", "locale", "man")
        return [
            "--variant=minbase",
            f"--include={self.packages}",
            "--aptopt=Acquire::Languages none",
            *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in unused),
            *self.options,
        ]
