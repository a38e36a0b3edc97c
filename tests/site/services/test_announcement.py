"""What `trigger` sends is what the service takes: by its webhook and from its topic."""

from __future__ import annotations

import io
import json
import runpy
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from werkzeug.serving import make_server

from embargo_butler.adapters import senders as announcers
from embargo_butler.adapters.senders import AnnounceError, WebhookAnnouncer
from embargo_butler.model.announcement import notification
from embargo_butler.secret import Secret
from tests.services import versions
from tests.site.services.support import SERVICES, load
from tests.site.services.topic import BUCKET, Topic, path, queued
from tests.support.ports import free_port

SECRET = "known to both"
KEYS = [path(number).partition("/")[2] for number in (1, 2)]
ODD = "LSSTCam/20260603/MC_O_20260603_000258/a b+c%_R22_S11.fits"


@pytest.fixture
def webhook(service_environment: pytest.MonkeyPatch) -> Iterator[str]:
    service_environment.setenv("NOTIFICATION_SECRET", SECRET)
    server = make_server("127.0.0.1", 0, load("enqueue").app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/notify"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_webhook_takes_it(webhook: str, store: Any) -> None:
    WebhookAnnouncer(webhook, BUCKET, Secret(SECRET)).announce([*KEYS, ODD])
    assert queued(store) == [f"{BUCKET}/{key}" for key in [*KEYS, ODD]]


@pytest.mark.parametrize(
    ("secret", "key", "said"),
    [
        ("another", KEYS[0], "took 0 of 1 objects and dropped the others: its DATASET_REGEXP or"),
        (SECRET, "sidecar.json", "took 0 of 1 objects"),
        (SECRET, "LSSTCam/x.fits", "enqueue answers 500"),
    ],
)
def test_what_it_drops_or_fails_on_is_said(webhook: str, secret: str, key: str, said: str) -> None:
    with pytest.raises(AnnounceError, match=said) as caught:
        WebhookAnnouncer(webhook, BUCKET, Secret(secret)).announce([key])
    assert secret not in str(caught.value)


def test_nobody_is_there() -> None:
    url = f"http://127.0.0.1:{free_port()}/notify"
    with pytest.raises(AnnounceError, match=r"enqueue does not answer: .*refused"):
        WebhookAnnouncer(url, BUCKET, Secret(SECRET)).announce(KEYS)


def test_a_record_of_the_topic_is_one_exposure(
    service_environment: pytest.MonkeyPatch, store: Any
) -> None:
    """What the program in the pod produces, the consumer takes."""
    produced: list[tuple[str, bytes]] = []

    class Producer:
        def __init__(self, **options: Any) -> None:
            assert options["bootstrap_servers"] == "broker:9092"

        async def start(self) -> None: ...
        async def stop(self) -> None: ...

        async def send_and_wait(self, topic: str, value: bytes) -> None:
            produced.append((topic, value))

    service_environment.setenv("STAND_IN", versions.variable("1.6.1"))
    service_environment.setenv("KAFKA_TOPIC", "images")
    service_environment.setenv("KAFKA_CLUSTER", "broker:9092")
    service_environment.setattr(aiokafka, "AIOKafkaProducer", Producer)
    body = json.dumps(notification(BUCKET, [*KEYS, ODD], "")).encode()
    service_environment.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body)))
    exec(announcers.PRODUCE, {"__name__": "__main__"})
    ((topic, value),) = produced
    assert topic == "images"
    read = Topic(value)
    service_environment.setattr(aiokafka, "AIOKafkaConsumer", read.consumer)
    runpy.run_path(str(SERVICES / "enqueue/enqueue.py"), run_name="__main__")
    assert queued(store) == [f"{BUCKET}/{key}" for key in [*KEYS, ODD]]
