"""What the listener wrote down."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.support import received


def line(path: str, *keys: str) -> str:
    records = [{"s3": {"object": {"key": key}}} for key in keys]
    return json.dumps({"path": path, "received": 1.0, "body": {"Records": records}}) + "\n"


def test_counts_each_objects_events(tmp_path: Path) -> None:
    file = tmp_path / "listener.jsonl"
    file.write_text(
        line("/prompt-processing", "a", "b%20c")
        + line("/prompt-processing", "a")
        + line("/other", "d")
        + '{"path": "/prompt-proc'
    )
    assert received.keys(file) == Counter({"a": 2, "b c": 1})


def test_nothing_received_yet(tmp_path: Path) -> None:
    assert received.keys(tmp_path / "listener.jsonl") == Counter()
