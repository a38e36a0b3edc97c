"""What Prompt Processing's endpoint was sent."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from urllib.parse import unquote_plus

PROMPT_PROCESSING = "/prompt-processing"


def keys(received: Path, path: str = PROMPT_PROCESSING, bucket: str = "") -> Counter[str]:
    """Return how often the endpoint was sent an event of each object.

    Args:
        received: The listener's file, one JSON object a line; it may be written to right now.
        path: The path of the endpoint.
        bucket: Count the objects of this bucket only; all by default.
    """
    if not received.exists():
        return Counter()
    text = received.read_text()
    requests = map(json.loads, text[: text.rfind("\n") + 1].splitlines())
    return Counter(
        unquote_plus(record["s3"]["object"]["key"])
        for request in requests
        if request["path"] == path
        for record in request["body"]["Records"]
        if not bucket or record["s3"]["bucket"]["name"] == bucket
    )
