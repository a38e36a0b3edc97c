"""Debian packages that the site is made of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.rig.command import run
from tests.rig.errors import RigError
from tests.rig.progress import Say
from tests.rig.site import CACHE

PACKAGES = (
    "buildah",
    "ca-certificates",
    "ceph-common",
    "ceph-mon",
    "ceph-osd",
    "chromium-headless-shell",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "etcd-server",
    "fonts-dejavu-core",
    "iproute2",
    "iptables",
    "mmdebstrap",
    "postgresql",
    "procps",
    "prometheus",
    "radosgw",
    "redis-server",
    "runc",
    "socat",
)

_NO_DAEMONS = Path("/usr/sbin/policy-rc.d")


UNIT_TESTS = ("chromium-headless-shell", "fonts-dejavu-core", "prometheus", "redis-server")
"""What the tests need that need no site; they also run for users other than root."""


def up(say: Say) -> None:
    """Install what the site is made of, or only what the tests need for users other than root."""
    install(PACKAGES if os.geteuid() == 0 else UNIT_TESTS, say)


def install(wanted: Sequence[str], say: Say) -> None:
    """Install what is missing; what they bring is kept over a tear-down.

    Raises:
        RigError: Something is missing that only root can install.
    """
    missing = missing_packages(wanted)
    if not missing:
        say(f"all {len(wanted)} are there")
        return
    if os.geteuid() != 0:
        names = " ".join(missing)
        raise RigError(f"not installed: {names}", hint=f"as root: apt-get install {names}")
    log = CACHE / "log" / "apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    apt = ("apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3")
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    say("reading the package lists")
    run(*apt, "update", timeout=300, env=quiet, log=log)
    say(f"installing {len(missing)}: {' '.join(missing)}")
    # Packages must not start servers of their own beside the site's (invoke-rc.d asks this file).
    ours = not _NO_DAEMONS.exists()
    if ours:
        _NO_DAEMONS.write_text("#!/bin/sh\nexit 101\n")
        _NO_DAEMONS.chmod(0o755)
    try:
        run(
            *(*apt, "install", "-y", "--no-install-recommends", *missing),
            timeout=900,
            env=quiet,
            log=log,
        )
    finally:
        if ours:
            _NO_DAEMONS.unlink()
    say(f"{len(missing)} installed")


def missing_packages(names: Iterable[str]) -> Sequence[str]:
    """Return those of the packages that are not installed."""
    wanted = list(names)
    listing = run(
        "dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n", *wanted, check=False
    )
    installed = {line.split()[1] for line in listing.splitlines() if line.startswith("ii ")}
    return [name for name in wanted if name not in installed]


def mirror() -> str:
    """Return the first of the addresses that apt is set to fetch packages from.

    Raises:
        RigError: It has none.
    """
    addresses = run("apt-get", "indextargets", "--format", "$(SITE)").split()
    if not addresses:
        raise RigError("apt has no sources", hint="name a mirror of Debian 12 in /etc/apt")
    return addresses[0]


def program(name: str) -> str:
    """Return the absolute path of a program.

    Raises:
        RigError: It is not there.
    """
    path = shutil.which(name, path=f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ['PATH']}")
    if not path:
        raise RigError(f"{name}: not installed", hint=f"apt-get install {name}")
    return path
