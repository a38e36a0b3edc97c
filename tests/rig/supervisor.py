"""The site's long-running programs, kept running by one supervisord (https://supervisord.org).

A program that dies is started again; one whose definition changed is restarted; the others are
left alone. All of them carry a mark in their environment, so that what outlives a killed
supervisord is found again.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import threading
import xmlrpc.client
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.site import LOGS, STATE

MARK = "EMBARGO_BUTLER_RIG"
_CONFIG = STATE / "supervisord.conf"
_PROGRAMS = STATE / "programs"
_SOCKET = STATE / "supervisor.sock"
_lock = threading.RLock()


@dataclass(frozen=True)
class Program:
    """A program that runs in the foreground until the site is taken down.

    Attributes:
        name: Its name for `supervisorctl` and its log.
        command: The program, by absolute path, and its arguments.
        environment: Variables added to supervisord's own.
        user: The system user it runs as; root by default.
        directory: Its working folder.
        stop_signal: What ends it cleanly.
    """

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    directory: Path | None = None
    stop_signal: str = "TERM"

    @property
    def log(self) -> Path:
        """The file that its output goes to."""
        return LOGS / f"{self.name}.log"

    def definition(self) -> str:
        """Return its section of supervisord's configuration."""
        lines = [
            f"[program:{self.name}]",
            "command=" + " ".join(_quoted(str(word)) for word in self.command),
            "autostart=false",
            "autorestart=true",
            "startsecs=0",
            "startretries=1000000",
            "stopasgroup=true",
            "killasgroup=true",
            "stopwaitsecs=20",
            f"stopsignal={self.stop_signal}",
            "redirect_stderr=true",
            f"stdout_logfile={self.log}",
            "stdout_logfile_maxbytes=200MB",
            "stdout_logfile_backups=0",
        ]
        if self.environment:
            pairs = (f"{key}={_verbatim(value)}" for key, value in self.environment.items())
            lines.append("environment=" + ",".join(pairs))
        if self.user:
            lines.append(f"user={self.user}")
        if self.directory:
            lines.append(f"directory={self.directory}")
        return "\n".join(lines) + "\n"


def ensure(program: Program) -> bool:
    """Have a program running as defined.

    Returns:
        Whether it was started or restarted now.
    """
    with _lock, _daemon() as rpc:
        path = _PROGRAMS / f"{program.name}.conf"
        wanted = program.definition()
        if not path.exists() or path.read_text() != wanted:
            path.write_text(wanted)
            _reload(rpc)
        if _runs(rpc, program.name):
            return False
        rpc.supervisor.startProcess(program.name, False)
        return True


def stop(name: str) -> None:
    """Stop a program and wait for its end; nothing happens when it does not run."""
    with _lock, _daemon() as rpc, contextlib.suppress(xmlrpc.client.Fault):
        rpc.supervisor.stopProcess(name, True)


def is_running(name: str) -> bool:
    """Tell whether a program runs; never starts supervisord for the question."""
    with _lock, _proxy() as rpc:
        return _answers(rpc) and _runs(rpc, name)


def running() -> dict[str, int]:
    """Return the process id of each program that runs, and of supervisord itself."""
    with _proxy() as rpc:
        if not _answers(rpc):
            return {}
        found = {info["name"]: info["pid"] for info in rpc.supervisor.getAllProcessInfo()}
        return {"supervisord": rpc.supervisor.getPID(), **{n: p for n, p in found.items() if p}}


def is_up() -> bool:
    """Tell whether supervisord answers, which is to say that a site is up or half up."""
    with _proxy() as rpc:
        return _answers(rpc)


def end_orphans() -> None:
    """End the programs whose supervisord was killed, so that they can be started anew."""
    if not is_up():
        # The shims hold the pods' containers, and a new containerd finds them again: killed, they
        # would leave the containers running, known to nobody.
        _kill_leftovers("containerd-shim")


def shut_down() -> None:
    """Stop everything that supervisord knows, and then what outlived an earlier one."""
    with _proxy() as rpc:
        if _answers(rpc):
            pid = rpc.supervisor.getPID()
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                rpc.supervisor.shutdown()
            wait_for("supervisord ends", lambda: not Path(f"/proc/{pid}").exists(), timeout=60)
    _kill_leftovers()


def _kill_leftovers(*spared: str) -> None:
    """Kill what carries the site's mark, whatever became of its supervisord."""
    while killed := list(_marked(*spared)):
        for pid in killed:
            # A pidfd tells of the end of the last thread: the first may be gone while another
            # still holds the ports.
            with contextlib.suppress(ProcessLookupError), _pidfd(pid) as process:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                if not select.select([process], [], [], 30)[0]:
                    raise RigError(f"process {pid} does not end, 30 s after it was killed")


@contextlib.contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _marked(*spared: str) -> Iterator[int]:
    needle = f"{MARK}=1".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if (folder / "comm").read_text().startswith(spared):
                continue
            if needle in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def _proxy() -> Any:
    """Return supervisord's interface, to be used in a `with` statement."""
    transport = SupervisorTransport(None, None, f"unix://{_SOCKET}")
    return xmlrpc.client.ServerProxy("http://localhost", transport=transport)


def _answers(rpc: Any) -> bool:
    try:
        rpc.supervisor.getState()
    except (OSError, xmlrpc.client.Error):
        return False
    return True


def _daemon() -> Any:
    """Return supervisord's interface, starting it first when none answers."""
    if is_up():
        return _proxy()
    end_orphans()
    for folder in (_PROGRAMS, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    _SOCKET.unlink(missing_ok=True)
    _CONFIG.write_text(
        "[supervisord]\n"
        f"logfile={LOGS / 'supervisord.log'}\npidfile={STATE / 'supervisord.pid'}\n"
        f'directory={STATE}\nenvironment={MARK}="1"\nminfds=16384\n'
        f"[unix_http_server]\nfile={_SOCKET}\nchmod=0700\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[include]\nfiles={_PROGRAMS}/*.conf\n"
    )
    run(sys.executable, "-m", "supervisor.supervisord", "-c", _CONFIG, env={MARK: "1"})
    wait_for("supervisord answers", is_up, timeout=20, log=LOGS / "supervisord.log")
    return _proxy()


def _reload(rpc: Any) -> None:
    [[added, changed, removed]] = rpc.supervisor.reloadConfig()
    for name in [*changed, *removed]:
        with contextlib.suppress(xmlrpc.client.Fault):
            rpc.supervisor.stopProcessGroup(name, True)
        rpc.supervisor.removeProcessGroup(name)
    for name in [*added, *changed]:
        rpc.supervisor.addProcessGroup(name)


def _runs(rpc: Any, name: str) -> bool:
    try:
        state = rpc.supervisor.getProcessInfo(name)["statename"]
    except xmlrpc.client.Fault:
        return False
    # BACKOFF: it died at once, and supervisord is about to start it again.
    return state in ("RUNNING", "STARTING", "BACKOFF")


def _quoted(word: str) -> str:
    """Quote a word of a command, which supervisord reads as a shell does, but expands %."""
    return json.dumps(word).replace("%", "%%")


def _verbatim(value: str) -> str:
    """Quote a variable's value: supervisord knows no way to write a quote within quotes."""
    if "'" in value:
        raise ValueError(f"a variable's value may not hold a single quote: {value!r}")
    return "'" + value.replace("%", "%%") + "'"
