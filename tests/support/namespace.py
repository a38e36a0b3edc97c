"""A release's namespace seen by the cluster's administrator."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from tests.rig import cluster
from tests.rig.command import wait_for
from tests.rig.errors import RigError

FULLNAME = "embargo-butler"
INGEST = f"deployment/{FULLNAME}-ingest"


@dataclass(frozen=True)
class Namespace:
    """A release's namespace by its name."""

    name: str

    def get(self, *words: str) -> dict[str, Any]:
        """Return an object, or a list of them, as `kubectl get` names it."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run kubectl in the namespace."""
        return cluster.kubectl("-n", self.name, *words, stdin=stdin, timeout=timeout)

    def secret(self, name: str) -> dict[str, str]:
        """Return what a Secret holds, decoded; never print it."""
        data = self.get("secret", name).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def cluster_address(self, service: str) -> str:
        """Return a Service's address within the cluster; the node reaches it too."""
        return str(self.get("service", service)["spec"]["clusterIP"])

    def outer_address(self, service: str) -> str:
        """Return a Service's load-balancer address.

        Raises:
            RigError: It has none.
        """
        found = self.get("service", service)["status"]
        ingress = found.get("loadBalancer", {}).get("ingress") or []
        if not ingress:
            raise RigError(
                f"the Service {service} in namespace {self.name} has no load-balancer address",
                hint="is MetalLB's controller running, and is its address pool used up?",
            )
        return str(ingress[0]["ip"])

    def run_now(self, cron_job: str, job: str) -> bool:
        """Run a CronJob's job now, under a name; tell whether it succeeded."""
        self.kubectl("delete", "job", job, "--ignore-not-found")
        self.kubectl("create", "job", job, f"--from=cronjob/{cron_job}")

        def ended() -> dict[str, Any]:
            status: dict[str, Any] = self.get("job", job)["status"]
            return status if status.get("succeeded") or status.get("failed") else {}

        return bool(wait_for(f"job {job} ends", ended, timeout=120).get("succeeded"))

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods of the five services: those that no Job made."""
        items: list[dict[str, Any]] = self.get("pods")["items"]
        return [
            pod
            for pod in items
            if not any(o["kind"] == "Job" for o in pod["metadata"].get("ownerReferences", []))
        ]


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod runs, is ready and is not being deleted."""
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
    return (
        pod["status"].get("phase") == "Running"
        and conditions.get("Ready") == "True"
        and "deletionTimestamp" not in pod["metadata"]
    )
