"""Everything that a run writes crosses here, and at one of these calls the run is killed.

A run is a process of its own. Its gateway is the real one, behind this proxy; the ConfigMaps that
it keeps are here.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import signal
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.cli.job.command import main
from embargo_butler.secret import Secret
from tests.unit.fakes import FakeCluster, FakeWorld

_CONFIG_MAPS = "/config-maps/"
_WRITING = (b"Action=CreateTopic", b"Action=DeleteTopic", b"Action=SetTopicAttributes")
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.contract.crossing"])
_PATIENCE_SECONDS = 60


@dataclass
class Kill:
    """When a run dies: at its writing call of this number, done before or not."""

    number: int
    done: bool
    seen: int = 0
    pid: int = 0
    known: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Crossing(ThreadingHTTPServer):
    """A proxy in front of a gateway.

    Attributes:
        config_maps: By name.
        writes: The writing calls of the last run.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, gateway: str) -> None:
        """Listen, in front of a gateway's address."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gateway = urlsplit(gateway)
        self.config_maps: dict[str, dict[str, str]] = {}
        self.writes: list[str] = []
        self.kill: Kill | None = None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it stands for the gateway."""
        return f"http://127.0.0.1:{self.server_port}"

    def run(self, config: Path, keys: Mapping[str, str], kill: Kill | None = None) -> int:
        """Run `buckets apply` in a process of its own.

        Args:
            config: The configuration's file.
            keys: The owner's: user, access_key, secret_key.
            kill: When the process is killed, None for never.

        Returns:
            Its exit code; that of a killed one is -9.
        """
        self.kill, self.writes = kill, []
        process = _PROCESSES.Process(target=_run, args=(self.url, str(config), dict(keys)))
        process.start()
        if kill:
            assert process.pid
            kill.pid = process.pid
            kill.known.set()
        process.join(_PATIENCE_SECONDS)
        code = process.exitcode
        assert code is not None, "the run did not end"
        self.kill = None
        return code

    def handle_error(self, request: object, client_address: object) -> None:
        """A killed run hangs up: no error."""


class _Handler(BaseHTTPRequestHandler):
    server: Crossing
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        super().handle_one_request()

    def _cross(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        writes = self.command in ("PUT", "DELETE") or any(word in body for word in _WRITING)
        mine = self._begin(body) if writes else False
        if mine:
            self._die(done=False)
        status, headers, content = (
            self._config_map(body) if self.path.startswith(_CONFIG_MAPS) else self._forward(body)
        )
        if mine:
            self._die(done=True)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _cross

    def _begin(self, body: bytes) -> bool:
        """Count a writing call; whether it is the one."""
        action = next((word.decode() for word in _WRITING if word in body), "")
        self.server.writes.append(f"{self.command} {self.path} {action}".rstrip())
        kill = self.server.kill
        if kill is None:
            return False
        with kill.lock:
            kill.seen += 1
            return kill.seen == kill.number

    def _die(self, *, done: bool) -> None:
        kill = self.server.kill
        if kill and kill.done == done:
            kill.known.wait()
            os.kill(kill.pid, signal.SIGKILL)
            raise ConnectionAbortedError

    def _config_map(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        name = self.path.removeprefix(_CONFIG_MAPS)
        if self.command == "PUT":
            self.server.config_maps[name] = json.loads(body)
        return 200, {}, json.dumps(self.server.config_maps.get(name)).encode()

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        to = self.server.gateway
        connection = http.client.HTTPConnection(str(to.hostname), to.port or 80, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        hop = ("connection", "content-length", "transfer-encoding", "keep-alive")
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in hop}
        return answer.status, kept, content

    def log_message(self, *_: object) -> None:
        pass


class CrossingCluster(FakeCluster):
    """The fakes' cluster, whose ConfigMaps are on the other side."""

    def __init__(self, url: str) -> None:
        """Take the crossing's address."""
        super().__init__()
        self._url = url

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """Read."""
        with urllib.request.urlopen(f"{self._url}{_CONFIG_MAPS}{name}") as answer:
            found: Mapping[str, str] | None = json.load(answer)
            return found

    def apply_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Write."""
        body = json.dumps(dict(data)).encode()
        url = f"{self._url}{_CONFIG_MAPS}{name}"
        urllib.request.urlopen(urllib.request.Request(url, body, method="PUT")).close()


class _World(FakeWorld):
    def __init__(self, url: str, keys: Mapping[str, str]) -> None:
        super().__init__({"owner": {"access_key": "x", "secret_key": "x"}})
        self.fake_cluster = CrossingCluster(url)
        access, secret = Secret(keys["access_key"]), Secret(keys["secret_key"])
        self._gateway = RgwGateway(url, "default", keys["user"], access, secret)

    def gateway(self, *_: Any) -> Any:
        return self._gateway


def _run(url: str, config: str, keys: Mapping[str, str]) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    raise SystemExit(main(["buckets", "--config", config], _World(url, keys)))
