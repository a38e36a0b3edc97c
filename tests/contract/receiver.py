"""An address that a gateway pushes events to, as enqueue takes them: it can die and come back."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Takes events while it is up; connections to one that is down are refused.

    Attributes:
        arrived: When events of each key arrived that were taken, in seconds since 1970.
        dropped: How many of each key carried another secret; they are answered all the same, and
            dropped, as enqueue does it.
        secret: The one that events have to carry; None for any.
        refuses: Whether every event is answered with 503.
    """

    def __init__(self, secret: str | None = None) -> None:
        """Take a free port, and be up."""
        self.arrived: dict[str, list[float]] = {}
        self.dropped = Counter[str]()
        self.secret = secret
        self.refuses = False
        # Bound and never listening: nobody else gets the port while this is down.
        self._held = _socket(0)
        self._port: int = self._held.getsockname()[1]
        self._server: _Server | None = None
        self.up()

    @property
    def url(self) -> str:
        """Where to push to."""
        return f"http://127.0.0.1:{self._port}/notify"

    @property
    def keys(self) -> set[str]:
        """The keys whose events were taken."""
        return set(self.arrived)

    def up(self) -> None:
        """Listen."""
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None

    def close(self) -> None:
        """Give the port back."""
        self.down()
        self._held.close()

    def take(self, body: bytes) -> int:
        """Take a request, and return the status to answer."""
        if self.refuses:
            return 503
        for record in json.loads(body)["Records"]:
            key = record["s3"]["object"]["key"]
            if self.secret in (None, record["opaqueData"]):
                self.arrived.setdefault(key, []).append(time.time())
            else:
                self.dropped[key] += 1
        return 200


class _Server(ThreadingHTTPServer):
    # A gateway may push its whole backlog at once, over a connection for each event.
    request_queue_size = 2048
    daemon_threads = True
    block_on_close = False

    def __init__(self, receiver: Receiver, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        self.receiver = receiver
        self.socket.close()
        self.socket = _socket(port)
        self.server_address = self.socket.getsockname()
        self.server_activate()

    def handle_error(self, request: object, client_address: object) -> None:
        """A gateway that hangs up is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.receiver.take(body))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _socket(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
