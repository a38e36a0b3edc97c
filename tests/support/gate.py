"""An address before a server that can be shut, and that can stop one request in its tracks."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.rig.command import wait_for
from tests.rig.site import NODE

_CHUNK = 65536


class Gate:
    """Hands on every connection to a server of the site, as long as it is open.

    So something can be away for one release, and there for all others.

    Args:
        url: The server's.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._behind = str(parts.hostname), parts.port or 80
        self._port = 0
        self._server: _Server | None = None
        self._pattern: bytes | None = None
        self._held = threading.Event()
        self._freed = threading.Event()
        self.open()
        self.url = f"http://{NODE}:{self._port}"

    def open(self) -> None:
        """Let everybody through, again at the same address."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def shut(self) -> None:
        """Refuse connections, and end those that are open."""
        if self._server:
            self._server.end()
            self._server = None

    @contextmanager
    def shut_for_a_while(self) -> Iterator[None]:
        """Be shut as long as the context lasts."""
        self.shut()
        try:
            yield
        finally:
            self.open()

    @contextmanager
    def holding(self, pattern: bytes) -> Iterator[None]:
        """Keep the first request that holds a pattern from arriving, until the context is left."""
        self._held.clear()
        self._freed.clear()
        self._pattern = pattern
        try:
            yield
        finally:
            self._pattern = None
            self._freed.set()

    def wait_until_held(self) -> None:
        """Wait until there is such a request."""
        wait_for("the request arrives at the gate", self._held.is_set, 120)

    def pass_on(self, client: socket.socket) -> None:
        """Hand on a connection in both directions until one side ends it."""
        with socket.create_connection(self._behind) as behind:
            other = {client: behind, behind: client}
            while ready := select.select(list(other), [], [], 120)[0]:
                for each in ready:
                    data = each.recv(_CHUNK)
                    if not data:
                        return
                    if each is client and self._pattern and self._pattern in data:
                        self._pattern = None
                        self._held.set()
                        self._freed.wait(120)
                        return
                    other[each].sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, gate: Gate, port: int) -> None:
        self.gate = gate
        self.open_ones: set[socket.socket] = set()
        super().__init__((NODE, port), _Through)

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        for each in list(self.open_ones):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Through(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.open_ones.add(self.request)
        try:
            with suppress(OSError):
                self.server.gate.pass_on(self.request)
        finally:
            self.server.open_ones.discard(self.request)
