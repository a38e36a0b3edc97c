"""A service that waits for one image as ingest does, and prints it."""

import os
from typing import Any

import redis

r: Any = redis.Redis(
    host="127.0.0.1", port=int(os.environ["PORT"]), password=os.environ["PASSWORD"]
)
assert __name__ == "__main__"
assert r.llen("WORKER") == 0
if hasattr(r, "blmove"):
    r.blmove("QUEUE", "WORKER", 0, "RIGHT", "LEFT")
else:  # before 4
    r.execute_command("BLMOVE", "QUEUE", "WORKER", "RIGHT", "LEFT", 0)
print(r.lrange("WORKER", 0, -1))
