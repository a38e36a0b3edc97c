"""Stand-in for the presence service: is the image of a group, snap and detector here, and where."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Any

import redis
from flask import Flask

INSTRUMENTS = ("LATISS", "LSSTComCam", "LSSTComCamSim", "LSSTCam", "LSST-TS8")

logging.basicConfig(
    level=logging.INFO,
    format="{levelname} {asctime} {name} ({filename}:{lineno}) - {message}",
    style="{",
    stream=sys.stderr,
    force=True,
)
logger = logging.getLogger(__name__)
for _component, _level in re.findall(r"(?:([\w.]*)=)?(\w+)", os.environ.get("LOG_CONFIG", "")):
    logging.getLogger("lsst" if _component == "." else _component).setLevel(_level)

r: Any = redis.Redis(host=os.environ["REDIS_HOST"], password=os.environ["REDIS_PASSWORD"])
# Set at all, even to nothing or to "false", is yes.
delete_seen = "DELETE_SEEN" in os.environ

app = Flask(__name__)


def _refusal(message: str, status: int) -> tuple[dict[str, Any], int]:
    return {"error": True, "message": message}, status


@app.get("/presence/<instrument>/<group>/<int:snap>/<detector>")
def presence(
    instrument: str, group: str, snap: int, detector: str
) -> dict[str, Any] | tuple[dict[str, Any], int]:
    """Return whether an image is present, and its URI."""
    try:
        if instrument not in INSTRUMENTS:
            return _refusal(f"Unknown instrument {instrument}", 400)
        # Only the start is compared, and only science detectors have such names.
        if not re.match(r"R\d\d_S\d\d", detector):
            return _refusal(f"Unrecognized detector name {detector}", 400)
        key = f"GROUP:{instrument}:{group}:{snap}:{detector}"
        uri = r.get(key)
        if uri is None:
            logger.debug("No key %s", key)
            return {"error": False, "present": False}
        logger.info("Found key %s", key)
        if delete_seen:
            r.delete(key)
        return {"error": False, "present": True, "uri": uri.decode()}
    except Exception as error:
        return _refusal(str(error), 500)
