"""The command line over a release, as an operator runs it from outside of the cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.rig import vault
from tests.rig.cluster import CLIENT_ENVIRONMENT, programs
from tests.rig.release import Release
from tests.rig.site import KUBECONFIG, PROJECT, STATE
from tests.support.namespace import FULLNAME, Namespace


def run(release: Release, *words: str, kubeconfig: Path = KUBECONFIG) -> tuple[int, dict[str, Any]]:
    """Run a verb with the configuration that the release has now.

    Args:
        release: The release.
        words: The verb and its arguments.
        kubeconfig: Who one is to Kubernetes.

    Returns:
        The exit code, and the document that it printed.
    """
    live = Namespace(release.namespace).get("configmap", f"{FULLNAME}-config")
    config = STATE / "releases" / f"{release.name}-live.yaml"
    document = yaml.safe_load(live["data"]["config.yaml"])
    document["vault"]["auth"] = {"method": "token"}  # the operator's own, as on a login node
    config.write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "embargo_butler.cli", "job", *words),
            *("--output", "json", "--config", str(config)),
        ],
        env={
            **os.environ,
            **CLIENT_ENVIRONMENT,
            "PATH": f"{programs()}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(PROJECT / "hooks"),
            "VAULT_TOKEN": vault.admin().token,
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, said


def backfill(release: Release) -> list[str]:
    """Queue again whatever is lost or given up, by the one command; return the paths."""
    code, document = run(release, "backfill", "--since", "1h", "--until", "0s", "--apply")
    assert code == 0, document["summary"]
    return [each["path"] for each in document["survey"]["lost"]]


def trigger(release: Release, keys: Sequence[str]) -> None:
    """Announce keys by hand, also those that are ingested."""
    code, document = run(release, "trigger", "--force", "--wait", "0", *keys)
    assert code == 0, document


def define_visits(release: Release) -> list[str]:
    """Define the visits that are missing, by the one command; return the exposures."""
    # An exposure begins when it is made and takes 30 s, so the last ones end in the future.
    until = f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    code, document = run(release, "visits", "--since", "1h", "--until", until, "--apply")
    assert code == 0, document["summary"]
    return list(document["unvisited"])
