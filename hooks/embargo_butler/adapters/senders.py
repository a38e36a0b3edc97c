"""Notifications sent as the object store sends them: to enqueue's webhook, or to its topic."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence

from embargo_butler.adapters import kubectl
from embargo_butler.errors import HooksError
from embargo_butler.model.announcement import notification
from embargo_butler.secret import Secret

_TIMEOUT_SECONDS = 60

# In enqueue's own pod there are the broker's address, the way to it, and the client library.
PRODUCE = r"""
import asyncio, os, sys
import aiokafka

async def send(value):
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=os.environ["KAFKA_CLUSTER"], max_request_size=8 << 20)
    await producer.start()
    try:
        await producer.send_and_wait(os.environ["KAFKA_TOPIC"], value)
    finally:
        await producer.stop()

asyncio.run(send(sys.stdin.buffer.read()))
"""


class AnnounceError(HooksError):
    """enqueue, or its broker, did not take a notification."""

    kind = "announce"


class WebhookAnnouncer:
    """enqueue's webhook, at the address that the object store uses."""

    def __init__(self, url: str, bucket: str, secret: Secret) -> None:
        """Take where to post; nothing is sent yet.

        Args:
            url: Its URL.
            bucket: The bucket, without a profile.
            secret: What it expects in a notification.
        """
        self._url, self._bucket, self._secret = url, bucket, secret

    def announce(self, keys: Sequence[str]) -> None:
        """Post one notification about some objects.

        Raises:
            AnnounceError: It was not taken, or dropped.
        """
        body = json.dumps(notification(self._bucket, keys, self._secret.text())).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            # The address is the Service's own, by http as the object store does it.
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                taken = json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            raise AnnounceError(
                f"{self._url}: enqueue answers {error.code}; a key that it cannot take apart, or "
                "Redis: see its log"
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise AnnounceError(f"{self._url}: enqueue does not answer: {reason}") from None
        if len(taken) < len(keys):
            raise AnnounceError(
                f"{self._url}: enqueue took {len(taken)} of {len(keys)} objects and dropped the "
                "others: its DATASET_REGEXP or its notification secret are not those of the "
                "release; has the pod been restarted since they changed?"
            )


class TopicAnnouncer:
    """enqueue's Kafka topic, written to from enqueue's own pod."""

    def __init__(self, make: kubectl.MakeKubectl, deployment: str, bucket: str) -> None:
        """Take where enqueue runs; nothing is sent yet."""
        self._make, self._deployment, self._bucket = make, deployment, bucket

    def announce(self, keys: Sequence[str]) -> None:
        """Produce one record about some objects.

        Raises:
            KubernetesError: It could not be; with what the program in the pod says.
        """
        body = json.dumps(notification(self._bucket, keys, ""))
        command = ["python3", "-c", PRODUCE]
        kubectl.run_in(self._make, self._deployment, "enqueue", command, body)
