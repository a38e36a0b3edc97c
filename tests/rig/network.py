"""The node's address, and the guard that keeps the site's traffic on this machine."""

from __future__ import annotations

import json
from pathlib import Path

from tests.rig import packages
from tests.rig.command import run
from tests.rig.progress import Say
from tests.rig.site import NODE, POD_RANGE, STATE

_GUARD = "RIG-GUARD"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_BEFORE = STATE / "network-before.json"
_OURS = ("KUBE-", "CNI-", _GUARD)
_REAL_SITE = "172.24.0.0/16"
"""Addresses of the real environments: nothing here may ever dial one by mistake."""


def up(say: Say) -> None:
    """Add the address, allow forwarding, and reject what would leave the machine."""
    if not _BEFORE.exists():
        _BEFORE.parent.mkdir(parents=True, exist_ok=True)
        _BEFORE.write_text(json.dumps({"ip_forward": _FORWARDING.read_text().strip()}))
    if NODE not in _loopback_addresses():
        # The machine may have no dummy devices: a second address of lo serves as well.
        run(packages.program("ip"), "address", "add", f"{NODE}/32", "dev", "lo")
    _FORWARDING.write_text("1")
    rules = [
        # Pods reach each other, Services and the node; all else is refused at once, so that a
        # wrong address shows as an error and not as a time-out.
        f"-A {_GUARD} ! -s {POD_RANGE} ! -d {_REAL_SITE} -j RETURN",
        f"-A {_GUARD} -d 198.18.0.0/15 -j RETURN",
        f"-A {_GUARD} -d {NODE}/32 -j RETURN",
        f"-A {_GUARD} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        f"-A {_GUARD} -j REJECT",
    ]
    jumps = [f"-I {chain} 1 -j {_GUARD}" for chain in ("FORWARD", "OUTPUT")]
    present = [line for line in _iptables("filter") if f"-j {_GUARD}" in line]
    script = ["*filter", f":{_GUARD} - [0:0]", f"-F {_GUARD}", *rules]
    if not present:
        script += jumps
    script += ["COMMIT", ""]
    run(packages.program("iptables-restore"), "--noflush", "-w", "30", stdin="\n".join(script))
    say(f"{NODE} on lo, guarded")


def down() -> None:
    """Take the address, every rule and every chain of the site away again."""
    for table in ("filter", "nat", "mangle"):
        lines = _iptables(table)
        kept = [line for line in lines if not any(name in line for name in _OURS)]
        if kept != lines:
            run(
                packages.program("iptables-restore"),
                "-w",
                "30",
                "-T",
                table,
                stdin="\n".join(kept) + "\n",
            )
    if NODE in _loopback_addresses():
        run(packages.program("ip"), "address", "delete", f"{NODE}/32", "dev", "lo")
    if _BEFORE.exists():
        _FORWARDING.write_text(json.loads(_BEFORE.read_text())["ip_forward"])


def _loopback_addresses() -> list[str]:
    devices = json.loads(run(packages.program("ip"), "-json", "address", "show", "dev", "lo"))
    return [address["local"] for address in devices[0]["addr_info"]]


def _iptables(table: str) -> list[str]:
    saved = run(packages.program("iptables-save"), "-t", table)
    return [line for line in saved.splitlines() if not line.startswith("#")]
