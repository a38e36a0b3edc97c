"""kubectl, for what the API's plain requests cannot do: forward a port, run a program in a pod."""

from __future__ import annotations

import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from embargo_butler.errors import KubernetesError

_READY_SECONDS = 20
_END_SECONDS = 5
# Where there is no pod, kubectl would wait a minute for one.
_POD = "--pod-running-timeout=5s"


@contextmanager
def forwarded(namespace: str, service: str, port: int) -> Iterator[int]:
    """Forward a port of a Service's pod to loopback, and yield the local port.

    Raises:
        KubernetesError: It cannot be; with what kubectl says.
    """
    where = f"Service {service} of namespace {namespace}"
    words = ["-n", namespace, "port-forward", f"service/{service}", f":{port}", _POD]
    process = subprocess.Popen(
        _command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield _local_port(process, where)
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _local_port(process: subprocess.Popen[str], where: str) -> int:
    assert process.stdout is not None
    assert process.stderr is not None
    until = time.monotonic() + _READY_SECONDS
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([process.stdout], [], [], left)
        line = process.stdout.readline() if ready else ""
        if found := re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line):
            return int(found[1])
        if not line:
            break
    if process.poll() is None:
        process.kill()
    said = process.stderr.read().strip().splitlines()
    raise KubernetesError(
        f"{where}: its port cannot be forwarded: {said[-1] if said else 'no answer of kubectl'} "
        "(it takes `get` on services and pods and `create` on pods/portforward)"
    )


def run_in(
    namespace: str, deployment: str, container: str, command: Sequence[str], stdin: str
) -> str:
    """Run a program in a pod of a Deployment and return what it prints.

    Raises:
        KubernetesError: There is no pod, no right, or the program failed.
    """
    where = f"deployment/{deployment}"
    words = ["-n", namespace, "exec", "-i", _POD, where, "-c", container, "--"]
    done = subprocess.run(
        _command(*words, *command), input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        where = f"Deployment {deployment} of namespace {namespace}"
        said = [line for line in done.stderr.splitlines() if line.strip()]
        # kubectl's last line where the program has run: what the program said comes before it.
        if said and said[-1].startswith("command terminated with exit code"):
            last = said[-2] if said[1:] else "without a word"
            raise KubernetesError(
                f"{where}: a program in its pod ended with {done.returncode}: {last[:300]}"
            )
        last = said[-1] if said else "no answer of kubectl"
        raise KubernetesError(
            f"{where}: no program can be run in its pod: {last[:300]} (it takes a running pod, "
            "`get` on deployments and pods and `create` on pods/exec)"
        )
    return done.stdout


def output(namespace: str, *words: str, takes: str) -> str:
    """Run kubectl and return what it prints.

    Args:
        namespace: The namespace.
        words: Its words.
        takes: The rights that it takes, for the message.

    Raises:
        KubernetesError: It failed; with what kubectl says.
    """
    done = subprocess.run(
        _command("-n", namespace, *words), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise KubernetesError(
            f"kubectl {words[0]} in namespace {namespace}: "
            f"{said[-1][:300] if said else 'failed without a word'} (it takes {takes})"
        )
    return done.stdout


def _command(*words: str) -> list[str]:
    if shutil.which("kubectl") is None:
        raise KubernetesError("kubectl: is not on PATH, and from outside the cluster it is needed")
    return ["kubectl", *words]
