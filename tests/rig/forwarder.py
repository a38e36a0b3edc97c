"""Stands for the object gateway's Kafka pusher, without which Debian's radosgw is built.

A notification that is POSTed to `/TOPIC` becomes a record of that Kafka topic as the pusher sends
it: the same JSON, `{"Records": [...]}` with one event, without key and headers (Ceph,
`rgw_pubsub_push.cc`: `json_format_pubsub_event` for both kinds of endpoint). The gateway is
answered only once the broker has acknowledged; otherwise 503, and it announces again.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.rig.site import FORWARDER_PORT, KAFKA, NODE

_SECONDS = 5


class Forwarder(ThreadingHTTPServer):
    """The server; a thread for each connection, and one for the producer."""

    daemon_threads = True
    # A gateway may push its whole backlog at once, over a connection for each event.
    request_queue_size = 2048

    def __init__(self, address: tuple[str, int]) -> None:
        """Bind the address and connect to the broker.

        Raises:
            KafkaError: No broker answers.
        """
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._producer = self._wait(_producer())
        super().__init__(address, _Handler)

    def forward(self, topic: str, body: bytes) -> None:
        """Produce a record and wait until the broker has acknowledged it.

        Raises:
            KafkaError: It has not; the record may be there all the same.
        """
        self._wait(self._producer.send_and_wait(topic, body))

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _producer() -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=KAFKA, acks="all", request_timeout_ms=_SECONDS * 1000
    )
    await producer.start()
    return producer


class _Handler(BaseHTTPRequestHandler):
    server: Forwarder
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.server.forward(self.path.strip("/"), body)
        except KafkaError as error:
            print(f"{self.path}: {error!r}", file=sys.stderr, flush=True)
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._answer(HTTPStatus.OK)

    def do_GET(self) -> None:
        self._answer(HTTPStatus.OK)

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the topic is the log."""


def main() -> None:
    """Forward until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Forwarder((NODE, FORWARDER_PORT)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
