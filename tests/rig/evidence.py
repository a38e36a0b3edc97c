"""What is kept of a site when a test on it fails: logs, events, descriptions, in one folder."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from tests.rig.cluster import kubectl
from tests.rig.errors import RigError
from tests.rig.site import LOGS, STATE

_WHAT = {
    "pods.txt": ("get", "pods", "-A", "-o", "wide"),
    "pods-described.txt": ("describe", "pods", "-A"),
    "events.txt": ("get", "events", "-A", "--sort-by=.lastTimestamp"),
    "services.txt": ("get", "services,endpointslices", "-A", "-o", "wide"),
    "workloads.yaml": ("get", "statefulsets,deployments,jobs,cronjobs", "-A", "-o", "yaml"),
    "volumes.txt": ("get", "pv,pvc", "-A"),
    "nodes.txt": ("describe", "nodes"),
}


def collect(folder: Path) -> Path:
    """Write all that tells what happened into a folder, and return it.

    Secrets are not among it. What cannot be had is said in its file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, arguments in _WHAT.items():
        try:
            text = kubectl(*arguments, timeout=30)
        except RigError as error:
            text = str(error)
        (folder / name).write_text(text)
    for source, name in ((LOGS, "log"), (STATE / "pod-logs", "pod-logs")):
        with contextlib.suppress(OSError, shutil.Error):
            shutil.copytree(source, folder / name, dirs_exist_ok=True)
    return folder
