"""Clients of the site's parts, with the addresses and credentials that the site has now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.rig import butler, credentials
from tests.rig.site import RGW_URL
from tests.support import namespace
from tests.support.camera import Camera
from tests.support.exposure import Exposure
from tests.support.journey import Journey
from tests.support.presence import Presence
from tests.support.queues import Queues
from tests.support.repository import Repository
from tests.support.watch import Watcher

BUCKET = "rubin-summit"


def camera() -> Camera:
    """Return the camera, with the raw bucket owner's keys."""
    keys = credentials.load().s3(BUCKET)
    return Camera(RGW_URL, keys.access_key, keys.secret_key, BUCKET)


def queues() -> Queues:
    """Return the release's Redis, at its Service's address, with the live Secret's password."""
    password = namespace.secret("redis")["redis-password"]
    return Queues.connect(namespace.cluster_address("redis"), password, BUCKET)


def presence() -> Presence:
    """Return the presence service at its load-balancer address."""
    return Presence(f"http://{namespace.outer_address(f'{namespace.FULLNAME}-presence')}:8080")


@contextmanager
def repository() -> Iterator[Repository]:
    """Open the Butler repository, read with the credentials that ingest has."""
    with butler.open_butler() as opened:
        yield Repository(opened)


@contextmanager
def watcher(exposures: Iterable[Exposure]) -> Iterator[Watcher]:
    """Open a watcher over exposures that are about to be taken."""
    with repository() as opened:
        yield Watcher(Journey(exposures), queues(), opened, presence())
