"""A release beside summit, worked on as an operator does: by the verbs, from a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tests.rig import cluster
from tests.rig.release import Release
from tests.rig.site import KUBECONFIG, PROJECT


@dataclass(frozen=True)
class Said:
    """How a verb ended: its exit status, and all that it printed."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Both of its outputs."""
        return self.out + self.err


class Operated:
    """A release and its operator.

    Args:
        release: The release, with the Helm that the operator has.
        folder: For the operator's files.
        values: What differs from the rig's values.
    """

    def __init__(self, release: Release, folder: Path, values: dict[str, Any]) -> None:
        self.release = release
        self._folder = folder
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text(KUBECONFIG.read_text())
        own, buckets, *more = _files(release)
        for file, place in ((own, "values"), (buckets, "bucket-config")):
            (folder / place).mkdir()
            (folder / place / f"{release.name}.yaml").write_text((PROJECT / file).read_text())
        (folder / "charts").symlink_to(PROJECT / "charts")
        self._more = [str(PROJECT / file) for file in more]
        self._more.append(self._written("values", values))

    def run(
        self, verb: str, *words: str, token: str = "", interrupt_after: int = 0, **change: Any
    ) -> Said:
        """Run a verb.

        Args:
            verb: The verb.
            words: Further arguments.
            token: The operator's Vault token.
            interrupt_after: After how many seconds Ctrl-C is typed; 0 for never.
            change: Values that differ from what the release was made with.
        """
        files = [*self._more, *([self._written("change", change)] if change else [])]
        given = [word for file in files for word in ("--values", file)]
        name = self.release.name
        typed = ["timeout", "--signal=INT", str(interrupt_after)] if interrupt_after else []
        done = subprocess.run(
            [
                *typed,
                sys.executable,
                "-m",
                "embargo_butler.cli.operator",
                verb,
                name,
                *given,
                *words,
            ],
            cwd=self._folder,
            env={
                **os.environ,
                "PATH": f"{cluster.programs()}:{os.environ['PATH']}",
                "PYTHONPATH": str(PROJECT / "hooks"),
                "HOME": str(self._folder),
                "HELM": self.release.helm,
                "KUBECONFIG": str(self._kubeconfig),
                "VAULT_TOKEN": token,
            },
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def as_somebody(self, token: str) -> Iterator[None]:
        """Be somebody else to Kubernetes for a while, by a service account's token."""
        mine = self._kubeconfig.read_text()
        kubeconfig = yaml.safe_load(mine)
        kubeconfig["users"][0]["user"] = {"token": token}
        self._kubeconfig.write_text(yaml.safe_dump(kubeconfig))
        try:
            yield
        finally:
            self._kubeconfig.write_text(mine)

    def revisions(self) -> list[str]:
        """Return the status of each revision, the first one's first."""
        name = self.release.name
        told = self.release.run_helm("history", name, "-n", self.release.namespace, "-o", "json")
        return [each["status"] for each in json.loads(told)]

    def kubectl(self, *words: str) -> str:
        """Run kubectl in the namespace, as somebody else."""
        return cluster.kubectl("-n", self.release.namespace, *words)

    def get(self, *words: str) -> Any:
        """Return an object, or a list of them."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def helm_words(self, **change: Any) -> list[str]:
        """Return the words of an upgrade that knows nothing of the verbs."""
        files = [*self._more, *([self._written("change", change)] if change else [])]
        given = [word for file in files for word in ("-f", file)]
        return [self.release.helm, *self.release.command[1:], *given, "--wait"]

    def give(self, name: str, text: str) -> None:
        """Put a file into the operator's home."""
        file = self._folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def text(self, name: str) -> str:
        """Return a file of the operator's."""
        return (self._folder / name).read_text()

    def _written(self, name: str, values: dict[str, Any]) -> str:
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(values))
        return str(file)


def _files(release: Release) -> list[str]:
    words = release.full_command
    return [word for flag, word in pairwise(words) if flag == "-f"]
