"""The chart on the rig: deployed by the README's own command, plus one file of rig values.

`SUMMIT` is the demonstration's release. Any other release is summit under another name: its
values are summit's with its own name in its place, so it has a namespace, buckets with owners, a
topic, Vault paths and a login of its own, and many of them live side by side on the one site.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.rig import images
from tests.rig.cluster import CLIENT_ENVIRONMENT, kubectl, wait_for_rollout
from tests.rig.command import run, tail
from tests.rig.errors import RigError
from tests.rig.site import KUBECONFIG, PROJECT, STATE

CHART = PROJECT / "charts/embargo-butler"
_SUMMIT = "summit"
_SHARED_AT_USDF = "usdf-butler"
"""The folder in Vault that environments share there; here each has one of its own, to rotate."""
_FILES = tuple(Path(folder) / "summit.yaml" for folder in ("values", "bucket-config"))
_RIG_FILE = Path("tests/rig/values/summit.yaml")
_SMALL = Path("tests/rig/values/small.yaml")


def helm() -> str:
    """Return the helm that belongs to this project's Python environment."""
    beside = Path(sys.executable).with_name("helm")
    return str(beside) if beside.exists() else shutil.which("helm") or "helm"


@dataclass(frozen=True)
class Release:
    """One release of the chart, and what is called after it.

    Args:
        name: The release, its environment and its namespace: small letters, digits and hyphens.
        helm: The Helm that works on it.
    """

    name: str
    helm: str = field(default_factory=helm, compare=False)

    @property
    def namespace(self) -> str:
        """The namespace, which the chart wants to be the environment's."""
        return self.name

    @property
    def bucket(self) -> str:
        """The raw bucket, its owner among the gateway's users, and the declared topic."""
        return self.renamed("rubin-summit")

    @property
    def users_bucket(self) -> str:
        """The bucket that the Butler repository's root is in, and its owner."""
        return self.renamed("rubin-summit-users")

    @property
    def database(self) -> str:
        """The Butler's database, and the user that it belongs to."""
        return "butler" if self.name == _SUMMIT else f"butler_{self.name.replace('-', '_')}"

    def renamed(self, text: str) -> str:
        """Return a text of summit's with this release's name in its place."""
        if self.name == _SUMMIT:
            return text
        text = text.replace(_SHARED_AT_USDF, f"{_SHARED_AT_USDF}-{self.name}")
        return text.replace(_SUMMIT, self.name)

    def values(self, *path: str) -> str:
        """Return what a key of the environment's values file says."""
        found = yaml.safe_load((PROJECT / self._files()[0]).read_text())
        for key in path:
            found = found[key]
        return str(found)

    @property
    def command(self) -> tuple[str, ...]:
        """What the README says."""
        words = ("helm", "upgrade", "--install", self.name, "charts/embargo-butler")
        return (*words, "-n", self.namespace, "--create-namespace", *_as_options(self._files()))

    @property
    def full_command(self) -> tuple[str, ...]:
        """The same with the values of the rig."""
        return (*self.command, *_as_options(self.rig_values()))

    def rig_values(self) -> tuple[Path, ...]:
        """Return the values files of the rig, absolute or seen from the project."""
        return (self._named(_RIG_FILE), *(() if self.name == _SUMMIT else (_SMALL,)))

    def images(self) -> tuple[images.Image, ...]:
        """Return the images that the environment's values name, by the tags they name."""
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        values = yaml.safe_load((PROJECT / _FILES[0]).read_text())
        services = ("enqueue", "idle", "ingest", "presence")
        return (
            images.hooks(str(chart["appVersion"])),
            images.REDIS,
            *(images.service(name, str(values[name]["image"]["tag"])) for name in services),
        )

    def hooks_config(self) -> str:
        """Return the configuration of the hook jobs, as the chart renders it."""
        files = _as_options((*self._files(), *self.rig_values()))
        shown = ("--show-only", "templates/hooks/config.yaml")
        words = ("template", self.name, str(CHART), "-n", self.namespace, *files, *shown)
        rendered = yaml.safe_load(run(self.helm, *words, cwd=PROJECT))
        return str(rendered["data"]["config.yaml"])

    def prepare_namespace(self) -> None:
        """Make the namespace, with restricted pod security enforced; clear an interruption's rest.

        A Helm that was killed leaves its revision pending, and refuses to work until that is gone.
        """
        phase = ("--ignore-not-found", "-o", "jsonpath={.status.phase}")
        if kubectl("get", "namespace", self.namespace, *phase) == "Terminating":
            gone = ("--for=delete", f"namespace/{self.namespace}", "--timeout=120s")
            kubectl("wait", *gone, timeout=130)
        labels = {
            f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")
        }
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": labels},
        }
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(namespace))
        pending = "status in (pending-install,pending-upgrade,pending-rollback)"
        owned = f"owner=helm,name={self.name},{pending}"
        kubectl("delete", "secret", "-n", self.namespace, "-l", owned)

    def deploy(self, say: Callable[[str], None], *extra: str, timeout: int = 300) -> str:
        """Install or upgrade the release, wait for its pods, and return what Helm printed.

        Raises:
            RigError: Helm failed; with its last lines.
        """
        self.prepare_namespace()
        command = (*self.full_command, *extra)
        say(" ".join(command))
        words = (*command[1:], "--wait", f"--timeout={timeout}s")
        done = self.run_helm(*words, timeout=3 * timeout)
        self.wait_for_rollout()
        return done

    def wait_for_rollout(self) -> None:
        """Wait until all pods of the release's workloads are of their newest revision, and ready.

        Raises:
            RigError: They are not, for too long.
        """
        deployments = (f"deployment/{name}" for name in self.deployments())
        wait_for_rollout(self.namespace, "statefulset/redis", *deployments)

    def run_helm(self, *words: str, timeout: float = 300) -> str:
        """Run this release's Helm with any words.

        Raises:
            RigError: It failed; with its last lines and the namespace's pods.
        """
        try:
            return run(self.helm, *words, cwd=PROJECT, env=CLIENT_ENVIRONMENT, timeout=timeout)
        except RigError as error:
            pods = kubectl("get", "pods", "-n", self.namespace, "-o", "wide", check=False)
            look = f"KUBECONFIG={KUBECONFIG} kubectl -n {self.namespace} get events,pods"
            raise RigError(
                f"{error}\n\npods of {self.namespace}:\n{tail(pods)}", hint=f"look closer: {look}"
            ) from error

    def helm_version(self) -> str:
        """Return the version of this release's Helm, `v3.17.3`."""
        return run(self.helm, "version", "--template", "{{ .Version }}")

    def deployments(self) -> list[str]:
        """Return the names of the release's Deployments."""
        found = kubectl("get", "deployments", "-n", self.namespace, "-o", "name")
        return [name.removeprefix("deployment.apps/") for name in found.split()]

    def restart_outdated(self, loaded: Sequence[str]) -> None:
        """Restart what runs another state of an image than the one loaded now under its tag."""
        for name in self.deployments():
            image = "jsonpath={.spec.template.spec.containers[*].image}"
            where = ("deployment", name, "-n", self.namespace)
            if set(kubectl("get", *where, "-o", image).split()) & set(loaded):
                kubectl("rollout", "restart", f"deployment/{name}", "-n", self.namespace)

    def remove(self) -> None:
        """Uninstall the release and delete its namespace, claims included."""
        words = ("uninstall", self.name, "-n", self.namespace, "--ignore-not-found", "--wait")
        self.run_helm(*words, timeout=180)
        kubectl("delete", "namespace", self.namespace, "--ignore-not-found", timeout=180)

    def _files(self) -> tuple[Path, ...]:
        return tuple(map(self._named, _FILES))

    def _named(self, file: Path) -> Path:
        """Return one of summit's files as it is for this release, written if need be."""
        if self.name == _SUMMIT:
            return file
        written = STATE / "releases" / self.name / f"{'-'.join(file.parent.parts)}.yaml"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(self.renamed((PROJECT / file).read_text()))
        return written


SUMMIT = Release(_SUMMIT)
"""The demonstration's, and the end-to-end tests' that need one release only."""


def _as_options(files: Sequence[Path]) -> tuple[str, ...]:
    return tuple(word for file in files for word in ("-f", str(file)))
