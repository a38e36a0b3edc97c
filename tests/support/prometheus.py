"""A real Prometheus over the release, with the chart's own alerts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.rig.command import wait_for
from tests.rig.packages import program
from tests.support.ports import free_port


class Prometheus:
    """Asks a Prometheus.

    Args:
        address: Its host and port.
    """

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an expression now.

        Raises:
            requests.HTTPError: It is not understood.
        """
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def healthy_targets(self) -> int:
        """Return how many targets could be scraped last time."""
        targets = self._get("targets")["activeTargets"]
        return sum(target["health"] == "up" for target in targets)

    def firing(self) -> dict[str, str]:
        """Return the alerts that fire, by name, with what they say."""
        alerts = self._get("alerts")["alerts"]
        return {
            alert["labels"]["alertname"]: alert["annotations"]["summary"]
            for alert in alerts
            if alert["state"] == "firing"
        }

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        answer = requests.get(f"{self._url}/api/v1/{what}", params=parameters, timeout=10)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


@contextmanager
def running(
    folder: Path, namespace: str, rules: Mapping[str, Any], targets: Mapping[str, str]
) -> Iterator[Prometheus]:
    """Run a Prometheus that looks often.

    Args:
        folder: An empty folder of its own.
        namespace: The label that a PodMonitor would add.
        rules: A rule file's content.
        targets: Host and port of what is scraped, by the name of the job.
    """
    jobs = [
        {
            "job_name": name,
            "honor_labels": True,
            "scrape_timeout": "3s",
            "static_configs": [{"targets": [target], "labels": {"namespace": namespace}}],
        }
        for name, target in targets.items()
    ]
    every = {"scrape_interval": "3s", "evaluation_interval": "1s"}
    config = {"global": every, "rule_files": ["rules.yaml"], "scrape_configs": jobs}
    (folder / "rules.yaml").write_text(yaml.safe_dump(dict(rules)))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = (
        *(program("prometheus"), f"--config.file={folder}/prometheus.yaml"),
        *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"),
    )
    log = folder / "prometheus.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            prometheus = Prometheus(address)
            wait_for(
                "Prometheus scrapes all targets",
                lambda: prometheus.healthy_targets() == len(targets),
                timeout=60,
                log=log,
            )
            yield prometheus
        finally:
            process.terminate()
            process.wait(30)
