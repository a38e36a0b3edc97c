"""Stand-in for the enqueue service: bucket notifications in, object names out to Redis.

As a web application (`gunicorn enqueue:app`, to 1.5) or as a Kafka consumer (`python enqueue.py`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

import aiokafka
import redis
from flask import Flask, request

FILE_RETENTION = 7 * 24 * 60 * 60
"""Seconds for which Redis remembers a file."""

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

# A missing variable or a regular expression that does not compile ends the worker, and gunicorn
# with it. Redis is not asked for anything yet: the service starts without it.
r: Any = redis.Redis(host=os.environ["REDIS_HOST"], password=os.environ["REDIS_PASSWORD"])
by_kafka = __name__ == "__main__"
mode, module = ("kafka", "aiokafka") if by_kafka else ("webhook", "flask")
if json.loads(os.environ["STAND_IN"])["enqueue"] != mode:
    # An image has the libraries of one of the two, and ends at the first import of the other's.
    raise ModuleNotFoundError(f"No module named '{module}'")
notification_secret = "" if by_kafka else os.environ["NOTIFICATION_SECRET"]
regexp = re.compile(os.environ.get("DATASET_REGEXP", r"fits$"))
profile = os.environ.get("PROFILE", "")
if profile:
    profile += "@"


@dataclass
class Lfa:
    """A file of the Large File Annex: what its path says."""

    path: str
    bucket: str
    instrument: str
    filename: str
    obs_day: str


@dataclass
class Exposure(Lfa):
    """A file of an exposure: what its path says."""

    exp_id: str
    instrument_code: str
    controller: str
    seq_num: str


def parse(path: str) -> Lfa:
    """Return what the path of an object, bucket and profile included, says about it.

    Raises:
        ValueError: The path has another number of parts than its kind has.
    """
    try:
        parts = path.split("/")
        if "rubinobs-lfa-" in path:
            if len(parts) == 8:
                del parts[6]  # a folder of its own, as a movie's frames have
            if len(parts) == 7:
                parts[1:3] = [f"{parts[1]}/{parts[2]}"]
            bucket, instrument, year, month, day, filename = parts
            return Lfa(path, bucket, instrument, filename, year + month + day)
        bucket, instrument, day, exp_id, filename = parts
        code, controller, own_day, seq_num = exp_id.split("_")
        if own_day != day:
            logger.warning("Mismatched observation dates: %s", path)
        return Exposure(path, bucket, instrument, filename, day, exp_id, code, controller, seq_num)
    except Exception:
        logger.exception("Unable to parse: %s", path)
        raise


def enqueue_objects(paths: list[str]) -> list[Lfa]:
    """Queue the objects that the regular expression selects, all at once or none."""
    found = []
    with r.pipeline() as pipe:
        for path in paths:
            if regexp.search(path) and (not by_kafka or is_first(path)):
                info = parse(path)
                pipe.lpush(f"QUEUE:{info.bucket}", path)
                logger.info("Enqueued %s to %s", path, info.bucket)
                found.append(info)
        pipe.execute()
    return found


def is_first(path: str) -> bool:
    """Mark an object as queued, before it is; tell whether it was not marked yet."""
    if r.set(f"ENQ:{path}", "1", nx=True, ex=FILE_RETENTION):
        return True
    logger.info("Skipping duplicate enqueue %s", path)
    return False


def update_stats(found: list[Lfa]) -> None:
    """Count what was queued; runs after the objects are queued, so it can fail on its own."""
    highest: dict[str, int] = {}
    with r.pipeline() as pipe:
        for info in found:
            scope = f"{info.bucket}:{info.instrument}"
            pipe.hincrby(f"REC:{info.bucket}", info.obs_day, 1)
            pipe.hincrby(f"RECINSTR:{scope}", info.obs_day, 1)
            pipe.hset(f"FILE:{info.path}", "recv_time", str(time.time()))
            pipe.expire(f"FILE:{info.path}", FILE_RETENTION)
            if isinstance(info, Exposure):
                key = f"MAXSEQ:{scope}:{info.obs_day}"
                highest[key] = max(int(info.seq_num), highest.get(key, 0))
        pipe.execute()
    for key, value in highest.items():
        raise_maximum(key, value)


def raise_maximum(key: str, value: int) -> None:
    """Set a key to the larger of its value and this one, whoever else writes it meanwhile."""
    with r.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                current = pipe.get(key)
                pipe.multi()
                pipe.set(key, value if current is None else max(int(current), value))
                pipe.execute()
                return
            except redis.WatchError:
                continue


def path_of(record: Any) -> str:
    """Return the path of a notification's object, with the bucket and its profile."""
    bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    return f"{profile}{bucket}/{urllib.parse.unquote_plus(key)}"


app = Flask(__name__)


@app.post("/notify")
def notify() -> list[Lfa]:
    """Take one notification; the answer lists what was queued of it."""
    paths = []
    for record in request.json["Records"]:
        if record["opaqueData"] != notification_secret:
            # The real service shows the secret here, too: part of what has to be lived with.
            logger.info("Unrecognized secret %s", record["opaqueData"])
            continue
        paths.append(path_of(record))
    found = enqueue_objects(paths)
    update_stats(found)
    return found


def created(message: bytes) -> list[str]:
    """Return the paths of the objects that a Kafka record tells to be made."""
    paths = []
    for record in json.loads(message).get("Records", []):
        if record.get("eventName", "").startswith("ObjectCreated"):
            try:
                paths.append(path_of(record))
            except (KeyError, TypeError):
                logger.exception("Not a notification: %s", record)
    return paths


async def consume() -> None:
    """Take records until the broker fails; each is committed once it is done with.

    A record that fails is left uncommitted, but not come back to: the commit after the next good
    one says that all before it are done with, too.
    """
    consumer = aiokafka.AIOKafkaConsumer(
        os.environ["KAFKA_TOPIC"],
        bootstrap_servers=os.environ["KAFKA_CLUSTER"],
        group_id=os.environ.get("KAFKA_GROUP_ID", "embargo-butler-enqueue"),
        auto_offset_reset=os.environ.get("KAFKA_OFFSET_RESET", "latest"),
        enable_auto_commit=False,
    )
    await consumer.start()
    logger.info("Kafka consumer started: topic=%s", os.environ["KAFKA_TOPIC"])
    try:
        async for message in consumer:
            try:
                paths = created(message.value)
            except (AttributeError, TypeError, ValueError):
                logger.exception("Malformed record at offset %s", message.offset)
            else:
                try:
                    update_stats(enqueue_objects(paths))
                except Exception:
                    logger.exception("Failed at offset %s", message.offset)
                    continue
            await consumer.commit()
    finally:
        await consumer.stop()


if by_kafka:
    asyncio.run(consume())
