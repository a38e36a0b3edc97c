"""What is waited for, and what a wait leaves behind."""

from __future__ import annotations

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError

import pytest

from tests.rig.command import wait_for
from tests.rig.errors import RigError


class _Starting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503, "still starting")

    def log_message(self, *_: object) -> None:
        pass


def test_an_answer_that_says_not_yet_is_told_and_closed() -> None:
    answers = list[HTTPError]()

    with HTTPServer(("127.0.0.1", 0), _Starting) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()

        def probe() -> None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=5)
            except HTTPError as error:
                answers.append(error)
                raise

        try:
            with pytest.raises(RigError, match=r"it runs \(last: HTTP Error 503: still starting\)"):
                wait_for("it runs", probe, timeout=0)
        finally:
            server.shutdown()
    assert [each.closed for each in answers] == [True] * len(answers)
    assert answers
