"""The chart on the rig: deployed by the README's own command, plus one file of rig values."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from tests.rig import images
from tests.rig.cluster import CLIENT_ENVIRONMENT, kubectl
from tests.rig.command import run, tail
from tests.rig.errors import RigError
from tests.rig.site import KUBECONFIG, PROJECT

ENVIRONMENT = "summit"
NAMESPACE = "summit"
CHART = PROJECT / "charts/embargo-butler"
_FILES = ("-f", f"values/{ENVIRONMENT}.yaml", "-f", f"bucket-config/{ENVIRONMENT}.yaml")
COMMAND = (
    *("helm", "upgrade", "--install", ENVIRONMENT, "charts/embargo-butler"),
    *("-n", NAMESPACE, "--create-namespace"),
    *_FILES,
)
"""What the README says; the rig adds its own values to it."""

RIG_VALUES = Path("tests/rig/values") / f"{ENVIRONMENT}.yaml"


def helm() -> str:
    """Return the helm that belongs to this project's Python environment."""
    beside = Path(sys.executable).with_name("helm")
    return str(beside) if beside.exists() else shutil.which("helm") or "helm"


def site_images() -> tuple[images.Image, ...]:
    """Return the images that the environment's values name, by the tags they name."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((PROJECT / f"values/{ENVIRONMENT}.yaml").read_text())
    services = ("enqueue", "idle", "ingest", "presence")
    return (
        images.hooks(str(chart["appVersion"])),
        images.REDIS,
        *(images.service(name, str(values[name]["image"]["tag"])) for name in services),
    )


def hooks_config() -> str:
    """Return the configuration of the hook jobs, as the chart renders it."""
    shown = ("--show-only", "templates/hooks/config.yaml")
    files = (*_FILES, "-f", str(RIG_VALUES))
    text = run(helm(), "template", ENVIRONMENT, CHART, "-n", NAMESPACE, *files, *shown, cwd=PROJECT)
    rendered = yaml.safe_load(text)
    return str(rendered["data"]["config.yaml"])


def prepare_namespace() -> None:
    """Make the namespace, with restricted pod security enforced; clear what an interruption left.

    A Helm that was killed leaves its revision pending, and refuses to work until that is gone.
    """
    phase = ("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.status.phase}")
    if kubectl(*phase) == "Terminating":
        kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s", timeout=130)
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(namespace))
    pending = "status in (pending-install,pending-upgrade,pending-rollback)"
    owned = f"owner=helm,name={ENVIRONMENT},{pending}"
    kubectl("delete", "secret", "-n", NAMESPACE, "-l", owned)


def deploy(say: Callable[[str], None], *extra: str, timeout: int = 300) -> str:
    """Install or upgrade the release, wait for its pods, and return what Helm printed.

    Raises:
        RigError: Helm failed; with its last lines.
    """
    prepare_namespace()
    command = (*COMMAND, "-f", str(RIG_VALUES), *extra)
    say(" ".join(command))
    done = _helm(*command[1:], "--wait", f"--timeout={timeout}s", timeout=3 * timeout)
    for kind in ("statefulset/redis", *(f"deployment/{name}" for name in deployments())):
        kubectl("rollout", "status", kind, "-n", NAMESPACE, "--timeout=120s", timeout=130)
    return done


def deployments() -> list[str]:
    """Return the names of the release's Deployments."""
    found = kubectl("get", "deployments", "-n", NAMESPACE, "-o", "name")
    return [name.removeprefix("deployment.apps/") for name in found.split()]


def restart_outdated(loaded: Sequence[str]) -> None:
    """Restart what runs another state of an image than the one loaded now under the same tag."""
    for name in deployments():
        image = "jsonpath={.spec.template.spec.containers[*].image}"
        used = kubectl("get", "deployment", name, "-n", NAMESPACE, "-o", image).split()
        if set(used) & set(loaded):
            kubectl("rollout", "restart", f"deployment/{name}", "-n", NAMESPACE)


def remove() -> None:
    """Uninstall the release and delete its namespace, claims included."""
    _helm("uninstall", ENVIRONMENT, "-n", NAMESPACE, "--ignore-not-found", "--wait", timeout=180)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=180)


def _helm(*arguments: str, timeout: float) -> str:
    try:
        return run(helm(), *arguments, cwd=PROJECT, env=CLIENT_ENVIRONMENT, timeout=timeout)
    except RigError as error:
        pods = kubectl("get", "pods", "-n", NAMESPACE, "-o", "wide", check=False)
        raise RigError(
            f"{error}\n\npods of {NAMESPACE}:\n{tail(pods)}",
            hint=f"look closer: KUBECONFIG={KUBECONFIG} kubectl -n {NAMESPACE} get events,pods",
        ) from error
