"""A plain HTTP receiver: it stands for Prompt Processing's endpoint and the camera's webhook.

Whatever is POSTed becomes one JSON line of `STATE/listener.jsonl`: path, time of receipt, body.
`GET /count?path=/prompt-processing` answers how many came for that path.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.rig import supervisor
from tests.rig.command import wait_for
from tests.rig.progress import Say
from tests.rig.site import LISTENER_PORT, LISTENER_URL, NODE, PROJECT, STATE

RECEIVED = STATE / "listener.jsonl"


class Received:
    """What came so far, in a file of one JSON object a line."""

    def __init__(self, path: Path) -> None:
        """Go on after what the file holds."""
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        kept = b""
        if path.exists():
            kept = path.read_bytes()
            # A killed predecessor may have left half a line: it was never answered, so it goes.
            kept = kept[: kept.rfind(b"\n") + 1]
            os.truncate(path, len(kept))
        for line in kept.splitlines():
            self._counts[json.loads(line)["path"]] += 1
        self._file = path.open("a", encoding="utf-8")

    def add(self, path: str, body: Any) -> None:
        """Write down one request."""
        line = json.dumps({"path": path, "received": time.time(), "body": body})
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            self._counts[path] += 1

    def count(self, path: str | None = None) -> int:
        """Return how many came for a path, or in all."""
        with self._lock:
            return self._counts.total() if path is None else self._counts[path]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Listener(ThreadingHTTPServer):
    """The server; a thread for each connection."""

    daemon_threads = True
    # A gateway may push its whole backlog at once, over a connection for each event.
    request_queue_size = 2048

    def __init__(self, address: tuple[str, int], received: Received) -> None:
        """Bind the address."""
        super().__init__(address, _Handler)
        self.received = received

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in a line, not a traceback, that a client went away."""
        print(f"{client_address}: {sys.exc_info()[1]!r}", file=sys.stderr, flush=True)


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(
            errors="replace"
        )
        try:
            body = json.loads(text)
        except ValueError:
            body = text
        self.server.received.add(urlsplit(self.path).path, body)
        self._answer(HTTPStatus.OK, "")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != "/count":
            self._answer(HTTPStatus.NOT_FOUND, "try /count?path=/prompt-processing\n")
            return
        paths = parse_qs(url.query).get("path")
        self._answer(HTTPStatus.OK, f"{self.server.received.count(paths[0] if paths else None)}\n")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the file of what came is the log."""


def up(say: Say) -> None:
    """Have the listener running and answering."""
    program = supervisor.Program(
        "listener", (sys.executable, "-m", "tests.rig.listener"), directory=PROJECT
    )
    supervisor.ensure(program)
    count = wait_for("the listener answers", _count, timeout=20, log=program.log)
    say(f"listening at {LISTENER_URL}, {count} received")


def _count() -> str:
    with urllib.request.urlopen(f"{LISTENER_URL}/count", timeout=5) as answer:
        text: str = answer.read().decode().strip()
        return text


def main() -> None:
    """Listen until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Listener((NODE, LISTENER_PORT), Received(RECEIVED)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
