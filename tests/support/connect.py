"""Clients of the site's parts, with the addresses and credentials that the site has now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.rig import butler, credentials
from tests.rig.release import Release
from tests.rig.site import RGW_URL
from tests.support.camera import Camera
from tests.support.exposure import Exposure
from tests.support.journey import Journey
from tests.support.namespace import FULLNAME, Namespace
from tests.support.presence import Presence
from tests.support.queues import Queues
from tests.support.repository import Repository
from tests.support.watch import Watcher


def camera(release: Release) -> Camera:
    """Return the camera, with the keys of the raw bucket's owner."""
    keys = credentials.load().s3(release.bucket)
    return Camera(RGW_URL, keys.access_key, keys.secret_key, release.bucket)


def queues(release: Release) -> Queues:
    """Return the release's Redis, at its Service's address, with the password of its clients."""
    namespace = Namespace(release.namespace)
    [idle] = namespace.get("deployment", f"{FULLNAME}-idle")["spec"]["template"]["spec"][
        "containers"
    ]
    env = {each["name"]: each.get("valueFrom") for each in idle["env"]}
    at = env["REDIS_PASSWORD"]["secretKeyRef"]
    password = namespace.secret(at["name"])[at["key"]]
    return Queues.connect(namespace.cluster_address("redis"), password, release.bucket)


def presence(release: Release) -> Presence:
    """Return the presence service at its load-balancer address."""
    address = Namespace(release.namespace).outer_address(f"{FULLNAME}-presence")
    return Presence(f"http://{address}:8080")


@contextmanager
def repository(release: Release) -> Iterator[Repository]:
    """Open the Butler repository, read with the credentials that ingest has."""
    with butler.open_butler(release) as opened:
        yield Repository(opened)


@contextmanager
def watcher(release: Release, exposures: Iterable[Exposure]) -> Iterator[Watcher]:
    """Open a watcher over exposures that are about to be taken."""
    with repository(release) as opened:
        yield Watcher(Journey(exposures), queues(release), opened, presence(release))
