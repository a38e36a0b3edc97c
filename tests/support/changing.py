"""A release that is changed while the camera works: by Helm itself, and by the operators' verbs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.rig import ceph, credentials, postgres, vault
from tests.rig.cluster import CLIENT_ENVIRONMENT
from tests.rig.release import Release
from tests.rig.site import PROJECT, RGW_URL, VAULT_URL
from tests.support.foreign import FOREIGN
from tests.support.gate import Gate
from tests.support.gateway import Gateway, Notification, endpoint, fingerprints
from tests.support.namespace import Namespace
from tests.support.operated import Operated, Said

_GENERATION = re.compile(r"-\d{8}t\d{6}$")
_SECRETS = ("redis", "notification", "db-auth", "db-env", "s3")


class Changing(Operated):
    """A release whose jobs reach Vault and the gateway through gates of its own.

    Args:
        release: The release.
        folder: For the operator's files.

    Attributes:
        vault: The gate before Vault.
        store: The gate before the gateway; camera and ingest do not go through it.
    """

    def __init__(self, release: Release, folder: Path) -> None:
        """Open the gates; nothing is deployed yet."""
        self.vault, self.store = Gate(VAULT_URL), Gate(RGW_URL)
        values: dict[str, Any] = {
            "vault": {"address": self.vault.url},
            "bucketConfig": {"endpoint": self.store.url},
            # Of the little CPU that small releases have, a probe that starts Python gets too
            # little under load.
            "enqueue": {"resources": {"requests": {"cpu": "100m"}}},
            # A gateway that is away is waited for so long.
            "hooks": {"deadlineSeconds": 80},
        }
        super().__init__(release, folder, values)
        self._made: Any = None
        self.namespace = Namespace(release.namespace)
        self.gateway = Gateway(release.bucket)

    def close(self) -> None:
        """Open both gates for the last time, so that what goes on can end."""
        self.vault.shut()
        self.store.shut()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start Helm with any words in the namespace."""
        return subprocess.Popen(
            [self.release.helm, *words, "-n", self.release.namespace],
            cwd=PROJECT,
            env={**os.environ, **CLIENT_ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def helm(self, *words: str, timeout: float = 400) -> Said:
        """Run Helm with any words in the namespace."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=timeout)
        return Said(process.returncode, said, "")

    def upgrade_words(self, change: Mapping[str, Any], *words: str) -> list[str]:
        """Return the words of an upgrade with values that differ from the release's."""
        return [*self.helm_words(**change)[1:], *words]

    def upgrade(self, change: Mapping[str, Any], *words: str) -> Said:
        """Upgrade with values that differ from the release's."""
        return self.helm(*self.upgrade_words(change, *words))

    def as_made(self) -> bool:
        """Whether the newest revision is deployed, with the values that it was made with."""
        told = self.helm("get", "values", self.release.name, "-o", "json")
        return self.status() == "deployed" and json.loads(told.out) == self._made

    def make(self) -> None:
        """Have it deployed as it is to be when a test begins."""
        self.release.prepare_namespace()
        done = self.upgrade({})
        assert done.status == 0, done.all
        self._made = json.loads(self.helm("get", "values", self.release.name, "-o", "json").out)

    def rollback(self, revision: int, *words: str) -> Said:
        """Roll back by hand."""
        return self.helm("rollback", self.release.name, str(revision), "--wait", *words)

    @property
    def undoing(self) -> str:
        """What tells this Helm to roll back by itself."""
        return "--atomic" if self.release.helm_version() < "v4" else "--rollback-on-failure"

    def rotate_database(self) -> None:
        """Change the Butler's password at its database, which refuses the old one from now on."""
        user = self.release.database
        password = credentials.load().change(f"postgres/{user}")
        postgres.query(f"ALTER ROLE {user} PASSWORD '{password}'")
        vault.make(self.release)

    def status(self) -> str:
        """Return the newest revision's status."""
        return self.revisions()[-1]

    def revision(self) -> int:
        """Return the newest revision's number; Helm keeps ten, so it is not their count."""
        told = self.helm("history", self.release.name, "-o", "json")
        return int(json.loads(told.out)[-1]["revision"])

    def ours(self) -> list[Notification]:
        """Return the raw bucket's notifications that are not another team's."""
        found = self.gateway.notifications(self.release.bucket)
        return [entry for entry in found if entry.id != FOREIGN]

    def declared(self) -> dict[str, Any]:
        """Return what the jobs have made: of secrets the hashes, of topics not their generation."""
        return {
            **self.announcing(),
            "secrets": {name: fingerprints(self.namespace.secret(name)) for name in _SECRETS},
            "policy": json.loads(
                ceph.client("s3", self.release.bucket).get_bucket_policy(
                    Bucket=self.release.bucket
                )["Policy"]
            ),
        }

    def announcing(self) -> dict[str, Any]:
        """Return our notifications, and what they lead to."""
        return {
            "notifications": [self._announcing(each) for each in self.ours()],
            "topics": self.topics(),
        }

    def topics(self) -> set[str]:
        """Return the declared names of our topics: without their generation."""
        pages = ceph.client("sns", self.release.bucket).get_paginator("list_topics").paginate()
        names = (each["TopicArn"].rpartition(":")[2] for page in pages for each in page["Topics"])
        return {_GENERATION.sub("", name) for name in names if self.release.name in name}

    def _announcing(self, notification: Notification) -> dict[str, str]:
        attributes = self.gateway.topic(notification.topic)
        kept = {"OpaqueData": attributes.get("OpaqueData", "")}
        return {"to": endpoint(attributes)["EndpointAddress"], **fingerprints(kept)}
