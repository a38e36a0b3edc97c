"""A bucket on the site's gateway, with a namespace and Vault paths, all of a test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.rig import ceph, credentials
from tests.rig.site import PROJECT, RGW_URL
from tests.rig.store import REGION
from tests.support.gateway import Gateway
from tests.support.secret_place import Place

OWNER = "contract-owner"
_ENDPOINT = "http://127.0.0.1:9/first"
_RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get", "patch"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["create", "get", "update"],
    },
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["get"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
]


class BucketPlace:
    """One bucket, known to a namespace of its own; its name is the namespace's.

    Attributes:
        place: The namespace, the Vault paths and the configuration.
        attributes: The declared attributes of the topic.
        gateway: The gateway with the owner's keys.
    """

    def __init__(self, folder: Path) -> None:
        """Make everything but topic and notification."""
        self.place = Place(folder)
        self.name = self.place.name
        keys = credentials.load().s3(OWNER)
        at = self.place.put("owner", access_key=keys.access_key, secret_key=keys.secret_key)
        self.place.role("buckets", _RULES)
        self.place.config["vault"]["auth"] = {"method": "token"}
        self.attributes: dict[str, Any] = {"push-endpoint": _ENDPOINT, "persistent": True}
        self.bucket: dict[str, Any] = {
            "owner": OWNER,
            "notifications": {"ours": {"topic": self.name, "events": ["s3:ObjectCreated:*"]}},
        }
        self.place.config["bucketConfig"] = {
            "endpoint": RGW_URL,
            "region": REGION,
            "owners": {OWNER: at},
            "topics": {self.name: {"owner": OWNER, "attributes": self.attributes}},
            "buckets": {self.name: self.bucket},
        }
        self.gateway = Gateway(OWNER)
        self._s3, self._sns = ceph.client("s3", OWNER), ceph.client("sns", OWNER)
        self._s3.create_bucket(Bucket=self.name)

    def remove(self) -> None:
        """Take everything away."""
        for notification in self.gateway.notifications(self.name):
            self.gateway.forget(self.name, notification)
        for name in self.topics():
            self._sns.delete_topic(TopicArn=f"arn:aws:sns:{REGION}::{name}")
        self._s3.delete_bucket(Bucket=self.name)
        self.place.remove()

    def topics(self) -> set[str]:
        """Return the real names of the topics that were made for the bucket."""
        pages = self._sns.get_paginator("list_topics").paginate()
        names = (entry["TopicArn"].rpartition(":")[2] for page in pages for entry in page["Topics"])
        return {name for name in names if name.startswith(self.name)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the command line in a process of its own, as the namespace's account."""
        command = [sys.executable, "-m", "embargo_butler.cli", "job", *words]
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.place.kubeconfig),
            "VAULT_TOKEN": self.place.admin.token,
            "PYTHONPATH": str(PROJECT / "hooks"),
            "PYTHONUNBUFFERED": "1",
        }
        return subprocess.Popen(
            [*command, "--config", str(self.place.write())],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Run the command line; its exit code and what it said."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said
