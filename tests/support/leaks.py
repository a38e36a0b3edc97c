"""What a value may look like where it should not be."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote


def forms(value: str) -> set[str]:
    """Return what a value may look like where it should not be."""
    raw = value.encode()
    shown = {value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1], repr(value)[1:-1]}
    for lead in range(3):  # inside of a longer encoded text it may begin at each of three places
        encoded = base64.b64encode(b"\0" * lead + raw).decode()
        shown.add(encoded[(0, 2, 3)[lead] : -4])
    return shown | {raw.hex()}
