"""The receiver of notifications: what it keeps, what it counts, what it survives."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rig.listener import Listener, Received


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the requests are kept."""
    return tmp_path / "listener.jsonl"


@pytest.fixture
def url(file: Path) -> Iterator[str]:
    """Run a listener and return its address."""
    received = Received(file)
    with Listener(("127.0.0.1", 0), received) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    received.close()


def _post(url: str, body: bytes) -> int:
    with urllib.request.urlopen(url, data=body, timeout=10) as answer:
        return int(answer.status)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_keeps_path_time_and_body(url: str, file: Path) -> None:
    assert _post(f"{url}/prompt-processing?x=1", b'{"Records": [{"eventName": "PUT"}]}') == 200
    [line] = file.read_text().splitlines()
    kept = json.loads(line)
    assert kept["path"] == "/prompt-processing"
    assert kept["body"] == {"Records": [{"eventName": "PUT"}]}
    assert kept["received"] > 1.7e9


@pytest.mark.parametrize("body", [b"not JSON", b"", b"{"])
def test_keeps_what_is_no_json_as_text(url: str, file: Path, body: bytes) -> None:
    assert _post(f"{url}/a", body) == 200
    assert json.loads(file.read_text())["body"] == body.decode()


def test_counts_by_path(url: str) -> None:
    for path in ("/a", "/a", "/b"):
        _post(url + path, b"{}")
    assert _get(f"{url}/count?path=/a") == "2\n"
    assert _get(f"{url}/count?path=/b") == "1\n"
    assert _get(f"{url}/count?path=/c") == "0\n"
    assert _get(f"{url}/count") == "3\n"


def test_other_paths_are_not_found(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(f"{url}/counts")
    with refused.value as error:
        assert error.code == 404


def test_many_at_once_stay_whole_lines(url: str, file: Path) -> None:
    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda n: _post(f"{url}/a", b'"%d"' % n), range(200)))
    assert set(statuses) == {200}
    bodies = [json.loads(line)["body"] for line in file.read_text().splitlines()]
    assert sorted(bodies, key=int) == [str(n) for n in range(200)]


def test_goes_on_after_a_kill(file: Path) -> None:
    whole = json.dumps({"path": "/a", "received": 1.0, "body": None}) + "\n"
    file.write_text(whole + '{"path": "/a", "rec')
    received = Received(file)
    assert received.count("/a") == 1
    received.add("/b", None)
    received.close()
    assert [json.loads(line)["path"] for line in file.read_text().splitlines()] == ["/a", "/b"]
