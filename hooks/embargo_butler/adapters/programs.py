"""helm and kubectl, each told the kube context, so that switching it meanwhile changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from embargo_butler.adapters.context import Context
from embargo_butler.errors import HooksError


class ProgramError(HooksError):
    """helm or kubectl is missing, or failed."""

    kind = "program"


class UnreachableError(ProgramError):
    """No cluster answers."""


@contextmanager
def if_permitted() -> Iterator[None]:
    """Pass over what the operator may not see, as the rest may still be seen.

    Raises:
        UnreachableError: No cluster answers, so that there is no rest.
    """
    try:
        yield
    except UnreachableError:
        raise
    except ProgramError:
        pass


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    status: int
    out: str
    err: str


_TIMEOUT_SECONDS = 120
_NO_ANSWER = (
    "was refused",
    "connection refused",
    "Unable to connect to the server",
    "no route to host",
    "i/o timeout",
    "cluster unreachable",
)
"""What kubectl and helm say where no API server answers."""
_DEMONSTRATION = "/var/lib/embargo-butler-rig/"


class Run(Protocol):
    """Runs a program with a text for its standard input, to its end, for so long at most."""

    def __call__(
        self, words: Sequence[str], stdin: str = "", seconds: float | None = _TIMEOUT_SECONDS
    ) -> Done:
        """Run it."""


def run(words: Sequence[str], stdin: str = "", seconds: float | None = _TIMEOUT_SECONDS) -> Done:
    """Run a program to its end.

    Args:
        words: The program and its arguments.
        stdin: What it reads.
        seconds: How long it may take; None for as long as it takes.

    Raises:
        ProgramError: It is not there, or took too long.
    """
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=seconds)
    except FileNotFoundError:
        raise ProgramError(f"{words[0]} is not there: install it, or put it on PATH") from None
    except subprocess.TimeoutExpired:
        raise ProgramError(
            f"`{' '.join(words[:4])} ...` took longer than {seconds} s; does the cluster "
            "answer (`kubectl get --raw /readyz`)?"
        ) from None
    return Done(done.returncode, done.stdout, done.stderr)


class Kubectl:
    """kubectl in one namespace of one cluster."""

    def __init__(self, namespace: str, run: Run = run) -> None:
        """Find out the current kube context.

        Args:
            namespace: The namespace.
            run: Runs a program.

        Raises:
            ProgramError: There is no current context.
        """
        self.namespace = namespace
        self.run = run
        self._site = _demonstration()
        done = run(("kubectl", "config", "view", "--minify", "-o", "json"), "")
        if done.status:
            raise UnreachableError(
                f"no kube context: {done.err.strip().removeprefix('error: ')} in {_kubeconfig()}; "
                "set KUBECONFIG to the file that has the cluster, or choose a context there: "
                f"`kubectl config use-context NAME`{self._site}"
            )
        found = json.loads(done.out)
        server = found["clusters"][0]["cluster"]["server"]
        self.context = Context(found["current-context"], server)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl and return what it printed.

        Raises:
            ProgramError: It failed.
        """
        return self._output(self.kubectl_done(*words, stdin=stdin), "kubectl", words)

    def kubectl_words(self, *words: str) -> tuple[str, ...]:
        """Return a command for kubectl, with context and namespace."""
        return ("kubectl", *words, "--context", self.context.name, "--namespace", self.namespace)

    def kubectl_done(self, *words: str, stdin: str = "") -> Done:
        """Run kubectl, and tell also how it failed."""
        return self.run(self.kubectl_words(*words), stdin)

    def objects(self, *words: str, stdin: str = "") -> list[dict[str, Any]]:
        """Return the objects that `kubectl get` finds; those that are not there are left out.

        Raises:
            ProgramError: It failed.
        """
        text = self.kubectl("get", *words, "--ignore-not-found", "-o", "json", stdin=stdin)
        found = json.loads(text) if text.strip() else {"items": []}
        return list(found["items"]) if "items" in found else [found]

    def _output(self, done: Done, program: str, words: Sequence[str]) -> str:
        if not done.status:
            return done.out
        said = (done.err or done.out).strip()
        if any(each in said for each in _NO_ANSWER):
            raise UnreachableError(
                f"the cluster of kube context {self.context.name} ({self.context.server}) does not "
                f"answer: {said.splitlines()[-1]}; is it up, and is there a way to it? "
                f"`kubectl get --raw /readyz` tells{self._site}"
            )
        raise ProgramError(f"`{program} {' '.join(words[:2])}` failed: {said}")


class Programs(Kubectl):
    """helm and kubectl for one release in one namespace of one cluster."""

    def __init__(self, release: str, namespace: str, run: Run = run) -> None:
        """Find out the current kube context.

        Args:
            release: The release.
            namespace: Its namespace.
            run: Runs a program.

        Raises:
            ProgramError: There is no current context.
        """
        super().__init__(namespace, run)
        self.release = release
        self.helm_program = os.environ.get("HELM") or shutil.which("helm") or "helm"

    def selector(self, component: str = "") -> str:
        """Return the label selector of what the release has made, for a component or for all."""
        labels = {"instance": self.release, "component": component}
        return selecting({f"app.kubernetes.io/{key}": each for key, each in labels.items() if each})

    def helm_words(self, *words: str) -> tuple[str, ...]:
        """Return a command for helm, with context and namespace."""
        where = ("--kube-context", self.context.name, "--namespace", self.namespace)
        return (self.helm_program, *words, *where)

    def helm(self, *words: str, stdin: str = "") -> str:
        """Run helm and return what it printed.

        Raises:
            ProgramError: It failed.
        """
        return self._output(self.run(self.helm_words(*words), stdin), "helm", words)

    def helm_major(self) -> int:
        """Return the major version of helm.

        Raises:
            ProgramError: It does not tell it.
        """
        said = self.helm("version", "--template", "{{.Version}}")
        try:
            return int(said.strip().removeprefix("v").partition(".")[0])
        except ValueError:
            raise ProgramError(f"{self.helm_program} is no Helm 3 or 4: it is {said!r}") from None


def selecting(labels: Mapping[str, str]) -> str:
    """Return the selector of what has all of these labels."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _kubeconfig() -> str:
    files = os.environ.get("KUBECONFIG")
    if not files:
        return "~/.kube/config (KUBECONFIG is not set)"
    missing = [each for each in files.split(os.pathsep) if each and not Path(each).exists()]
    return f"KUBECONFIG={files}" + (f" ({', '.join(missing)}: no such file)" if missing else "")


def _demonstration() -> str:
    ours = os.environ.get("KUBECONFIG", "").startswith(_DEMONSTRATION)
    return "; this is the demonstration's site: `make demo` brings it up, and mends it" * ours
