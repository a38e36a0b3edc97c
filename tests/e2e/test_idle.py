"""An ingest that has waited for images for as long as redis-py 8 would have let it wait."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.rig import environment, images
from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.support import connect, faults
from tests.support.exposure import Exposure

pytestmark = pytest.mark.alone

WITH_REDIS_PY_8 = "1.6.1"
IDLE_SECONDS = 70
"""By itself such an ingest ends after 58 s."""
WITHIN = 15
"""Seconds from a PUT to the Butler, of which a busy machine takes a few."""


@pytest.fixture
def release(site: None) -> Iterator[Release]:
    image = images.service("ingest", WITH_REDIS_PY_8)
    images.load(image.name, images.archive(image, print), print)
    made = Release(f"idle-{secrets.token_hex(3)}")
    environment.make(made)
    made.deploy(print, "--set", f"ingest.image.tag={WITH_REDIS_PY_8}")
    yield made
    environment.remove(made)


def test_an_image_after_an_idle_while_is_ingested_at_once(release: Release) -> None:
    before = started(release)
    until = time.monotonic() + IDLE_SECONDS
    wait_for("the time is over", lambda: time.monotonic() > until, IDLE_SECONDS + 10, interval=1)
    assert started(release) == before
    queues = connect.queues(release)
    [(key, content)] = islice(Exposure.now(1).files(), 1)
    connect.camera(release).put(key, content)
    wait_for(
        "the image is ingested",
        lambda: key in (notes := queues.notes([key])) and notes[key].ingested,
        timeout=WITHIN,
        interval=0.2,
    )
    assert started(release) == before


def started(release: Release) -> dict[str, int]:
    """Return how often the containers of ingest and idle were started again."""
    return {
        pod["metadata"]["name"]: status["restartCount"]
        for pod in faults.pods(release, "ingest", "idle")
        for status in pod["status"]["containerStatuses"]
    }
