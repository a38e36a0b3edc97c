"""kubectl, for what the API's plain requests cannot do: forward a port, run a program in a pod."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from embargo_butler.adapters.background import private_folder, running
from embargo_butler.adapters.programs import Done, Kubectl, ProgramError
from embargo_butler.errors import KubernetesError

_READY_SECONDS = 20
# Where there is no pod, kubectl would wait a minute for one.
_POD = "--pod-running-timeout=5s"

MakeKubectl: TypeAlias = Callable[[], Kubectl]
"""Makes it when it is needed first; in a pod there is none."""


def here(namespace: str) -> Kubectl:
    """Return kubectl with the current kube context.

    Raises:
        KubernetesError: There is no kubectl, or no context.
    """
    try:
        return Kubectl(namespace)
    except ProgramError as error:
        raise KubernetesError(f"from outside the cluster kubectl is needed: {error}") from None


@contextmanager
def forwarded(make: MakeKubectl, service: str, port: int) -> Iterator[int]:
    """Forward a port of a Service's pod to loopback, and yield the local port.

    Raises:
        KubernetesError: It cannot be; with what kubectl says.
    """
    kubectl = make()
    words = kubectl.kubectl_words("port-forward", f"service/{service}", f":{port}", _POD)
    with running(words, private_folder()) as forwarding:
        until = time.monotonic() + _READY_SECONDS
        while line := forwarding.line(until - time.monotonic()):
            if found := re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise KubernetesError(
                f"Service {service} of namespace {kubectl.namespace}: its port cannot be "
                f"forwarded: {forwarding.said() or 'no answer of kubectl'} "
                "(it takes `get` on services and pods and `create` on pods/portforward)"
            )
        yield int(found[1])


def run_in(
    make: MakeKubectl, deployment: str, container: str, command: Sequence[str], stdin: str
) -> str:
    """Run a program in a pod of a Deployment and return what it prints.

    Raises:
        KubernetesError: There is no pod, no right, or the program failed.
    """
    kubectl = make()
    words = kubectl.kubectl_words("exec", "-i", _POD, f"deployment/{deployment}", "-c", container)
    done = _done(kubectl, (*words, "--", *command), stdin)
    if done.status:
        where = f"Deployment {deployment} of namespace {kubectl.namespace}"
        said = [line for line in done.err.splitlines() if line.strip()]
        # kubectl's last line where the program has run: what the program said comes before it.
        if said and said[-1].startswith("command terminated with exit code"):
            last = said[-2] if said[1:] else "without a word"
            raise KubernetesError(
                f"{where}: a program in its pod ended with {done.status}: {last[:300]}"
            )
        last = said[-1] if said else "no answer of kubectl"
        raise KubernetesError(
            f"{where}: no program can be run in its pod: {last[:300]} (it takes a running pod, "
            "`get` on deployments and pods and `create` on pods/exec)"
        )
    return done.out


def output(make: MakeKubectl, *words: str, takes: str) -> str:
    """Run kubectl and return what it prints.

    Args:
        make: Makes it.
        words: Its words.
        takes: The rights that it takes, for the message.

    Raises:
        KubernetesError: It failed; with what kubectl says.
    """
    kubectl = make()
    done = _done(kubectl, kubectl.kubectl_words(*words))
    if done.status:
        said = done.err.strip().splitlines()
        raise KubernetesError(
            f"kubectl {words[0]} in namespace {kubectl.namespace}: "
            f"{said[-1][:300] if said else 'failed without a word'} (it takes {takes})"
        )
    return done.out


def _done(kubectl: Kubectl, words: Sequence[str], stdin: str = "") -> Done:
    """Run it for as long as it takes."""
    try:
        return kubectl.run(words, stdin, None)
    except ProgramError as error:
        raise KubernetesError(str(error)) from None
