"""What has to be so before anything is started; every problem is found and named at once."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from tests.rig import binaries, packages, site, supervisor
from tests.rig.errors import RigError

_GIB = 1 << 30
_DISK_COLD = 20 * _GIB
_DISK_WARM = 4 * _GIB
_MEMORY = 6 * _GIB
_PORTS = {
    site.API_PORT: "the API server",
    site.DNS_PORT: "CoreDNS",
    site.RGW_PORT: "the object store",
    site.VAULT_PORT: "Vault",
    site.POSTGRES_PORT: "PostgreSQL",
    site.LISTENER_PORT: "the listener",
    10250: "the kubelet",
}
_LOCAL_PORTS = {
    23790: "etcd",
    23800: "etcd",
    10248: "the kubelet",
    10249: "kube-proxy",
    10257: "the controller manager",
    10259: "the scheduler",
}


def check() -> None:
    """Refuse a machine on which the site cannot come up.

    Raises:
        RigError: With every problem that was found, and what to do about each.
    """
    checks: tuple[Callable[[], list[str]], ...] = (
        _root,
        _debian,
        _memory,
        _disk,
        _ports,
        _registries,
    )
    problems = [problem for probe in checks for problem in probe()]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise RigError(f"this machine is not ready:\n{listed}", hint="nothing was started")


def _root() -> list[str]:
    if os.geteuid() == 0:
        return []
    return ["not root: it runs a kubelet and containers; run it as root (sudo make demo)"]


def _debian() -> list[str]:
    release = Path("/etc/os-release")
    text = release.read_text() if release.exists() else ""
    if re.search(r"^VERSION_ID=\"12\"", text, re.M) and re.search(r"^ID=debian", text, re.M):
        return []
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.M)
    name = found[1] if found else "an unknown system"
    return [f"{name}: Debian 12 is expected, whose packages the site is made of"]


def _memory() -> list[str]:
    text = Path("/proc/meminfo").read_text()
    available = int(re.findall(r"MemAvailable:\s+(\d+)", text)[0]) << 10
    if available >= _MEMORY or supervisor.is_up():
        return []
    return [
        f"{available / _GIB:.1f} GiB of memory available: the site needs {_MEMORY // _GIB} GiB; "
        "end other programs"
    ]


def _disk() -> list[str]:
    problems = []
    warm = (site.CACHE / "bin").exists()
    for folder, needed in (
        (site.CACHE, _DISK_WARM if warm else _DISK_COLD),
        (site.STATE, _DISK_WARM),
    ):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        if free < needed:
            problems.append(
                f"{free / _GIB:.1f} GiB free for {folder}: {needed // _GIB} GiB are needed; "
                "make room"
                + (" or set EMBARGO_BUTLER_CACHE to another disk" if folder == site.CACHE else "")
            )
    return problems


def _ports() -> list[str]:
    # Only root can tell the site's own programs from others.
    if supervisor.is_up() or os.geteuid() != 0:
        return []
    asked = [("", port, who) for port, who in _PORTS.items()]
    asked += [("127.0.0.1", port, who) for port, who in _LOCAL_PORTS.items()]
    problems = {}
    for address, port, who in asked:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((address, port))
            except PermissionError:
                continue
            except OSError:
                if address == "" and _only_loopback(port):
                    continue
                problems[port] = (
                    f"port {port} is in use{_user_of(port)}: {who} needs it; end that program"
                )
    return list(problems.values())


def _only_loopback(port: int) -> bool:
    """Whether the port is taken on addresses only that do not clash with the node's own."""
    listeners = _listeners(port)
    return bool(listeners) and all(
        not line.split()[3].startswith(("0.0.0.0:", "*:", "[::]:", f"{site.NODE}:"))
        for line in listeners
    )


def _user_of(port: int) -> str:
    for line in _listeners(port):
        if found := re.search(r'users:\(\("([^"]+)",pid=(\d+)', line):
            return f" by {found[1]} (pid {found[2]})"
    return ""


def _listeners(port: int) -> list[str]:
    tool = shutil.which("ss")
    if not tool:
        return []
    command = [tool, "-Hltnp", f"sport = :{port}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def _registries() -> list[str]:
    """Ask for a connection to what a cold start downloads from, unless nothing is missing."""
    asked = {}
    if shutil.which("dpkg-query") and packages.missing_packages(packages.PACKAGES):
        asked["Debian's packages"] = packages.mirror()
    if not (site.CACHE / "bin").exists():
        asked["Go modules"] = re.split("[,|]", binaries.module_proxy())[0]
    problems = []
    for what, url in asked.items():
        parts = urllib.parse.urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or url, port), timeout=10).close()
        except OSError as error:
            problems.append(
                f"no connection for {what} ({parts.hostname}): {error}; "
                "check the network, a proxy or a mirror"
            )
    return problems
