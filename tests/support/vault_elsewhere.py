"""A server that is not the Vault that was meant, and hears what it should never be sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOGIN = "the-login"
"""The token that it gives to whoever logs in."""


class Server:
    """An HTTP server that notes what it is sent, and answers as a Vault that takes each login.

    Attributes:
        target: Where it redirects to, with PATH for what was asked for; empty for nowhere.
        status: With which status.
        heard: Each request: path, headers, body.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host, self.target, self.status = host, "", 307
        self.heard: list[str] = []

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve, and yield the URL."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                server.heard.append(f"{self.path} {dict(self.headers.items())} {body}")
                target = "" if self.path.endswith("?again") else server.target
                fields = {"redis": "r", "notification": "n"}
                answer = {"auth": {"client_token": LOGIN}, "data": {"data": fields}}
                self.send_response(server.status if target else 200)
                if target:
                    self.send_header("Location", target.replace("PATH", self.path))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_GET = do_POST = do_PUT = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        listening = ThreadingHTTPServer((self.host, 0), Handler)
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{self.host}:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()
            listening.server_close()
