"""A release whose secrets change in Vault: what restarts, and what everybody has then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from redis import Redis
from redis.exceptions import RedisError

from tests.rig import vault
from tests.rig.release import Release
from tests.support.gateway import Gateway, endpoint
from tests.support.namespace import Namespace


@dataclass(frozen=True)
class Life:
    """Which pod it is, and which container in it."""

    pod: str
    container: str
    restarts: int


class Rotating:
    """A release, its part of Vault and its namespace.

    Args:
        release: The release, deployed.
        folder: For values files.
    """

    def __init__(self, release: Release, folder: Path) -> None:
        self.release = release
        self.namespace = Namespace(release.namespace)
        self.buckets = Gateway(release.bucket)
        self._folder = folder
        self.installed = ""
        """The workloads as YAML, as they were right after the installation."""

    def install(self) -> None:
        """Install the release, and note what there is then."""
        self.deploy()
        self.installed = self.namespace.kubectl("get", "deployments,statefulsets", "-o", "yaml")

    def deploy(self, *words: str, **values: Any) -> str:
        """Upgrade with other values; what Helm printed, the jobs' logs included."""
        file = self._folder / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        return self.release.deploy(print, "-f", str(file), *words)

    def read(self, path: str) -> dict[str, str]:
        """Return the fields of one of summit's paths, under this release's name."""
        return vault.read(self.release.renamed(path))

    def write(self, path: str, **fields: str) -> None:
        """Change fields of it."""
        vault.change(self.release.renamed(path), **fields)

    def lives(self) -> dict[str, Life]:
        """Return which pod each of the five services is."""
        found = {}
        for pod in self.namespace.pods():
            if "deletionTimestamp" in pod["metadata"]:
                continue
            (status,) = pod["status"]["containerStatuses"]
            found[pod["metadata"]["labels"]["app"]] = Life(
                pod["metadata"]["name"], status["containerID"], status["restartCount"]
            )
        return found

    def restarted_since(self, before: Mapping[str, Life]) -> set[str]:
        """Return the services that are another pod or container by now."""
        return {app for app, life in self.lives().items() if before.get(app) != life}

    def log(self, job: str) -> str:
        """Return what a job said."""
        return self.namespace.kubectl("logs", f"job/embargo-butler-{job}")

    def admits(self, password: str) -> bool:
        """Whether Redis lets a password in."""
        with self.redis(password) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    @contextmanager
    def redis(self, password: str) -> Iterator[Any]:
        """Connect to Redis."""
        client = Redis(host=self.namespace.cluster_address("redis"), password=password)
        try:
            yield client
        finally:
            client.close()

    def carried(self) -> str:
        """Return the secret that the release's notification carries."""
        (ours,) = (
            each
            for each in self.buckets.notifications(self.release.bucket)
            if each.id != "rubin-prompt-processing-prod"
        )
        attributes = self.buckets.topic(ours.topic)
        return str(endpoint(attributes).get("OpaqueData") or attributes.get("OpaqueData", ""))

    def lookups(self) -> list[dict[str, str]]:
        """Return what the buckets job wants to be looked through."""
        found = self.namespace.get("configmap", "embargo-butler-lookups")["data"]["lookups.json"]
        wanted: list[dict[str, str]] = json.loads(found)
        return wanted

    def secrets(self) -> set[str]:
        """Return the names of the Secrets, without Helm's own."""
        items = self.namespace.get("secrets")["items"]
        return {each["metadata"]["name"] for each in items if each["type"] == "Opaque"}

    def rights(self) -> list[str]:
        """Return the names of the Roles that are kept over Secrets of ours."""
        words = ("roles,rolebindings", "-l", "embargo-butler/secret-right=delete", "-o", "name")
        return sorted(self.namespace.kubectl("get", *words).split())
