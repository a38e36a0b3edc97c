"""The API as kubectl reaches it: by `kubectl proxy`, at a socket in a folder of our own.

So whatever kubectl takes is taken: logins of any kind, several files in KUBECONFIG, proxies. By
itself it passes on no `exec` and `attach` into pods, which go through kubectl anyway, and answers
only who calls it localhost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from embargo_butler.adapters.background import private_folder, running
from embargo_butler.adapters.context import Context
from embargo_butler.adapters.programs import Kubectl
from embargo_butler.errors import KubernetesError

_READY_SECONDS = 20
_FAILED = "Error while proxying request: "


@dataclass(frozen=True)
class Access:
    """A way to the API of a kube context's server.

    Attributes:
        context: The kube context.
        transport: Carries the requests.
        said: Tells why the last one that failed on the way has failed; empty where none has.
    """

    context: Context
    transport: httpx2.BaseTransport
    said: Callable[[], str] = str


@contextmanager
def through(kubectl: Kubectl) -> Iterator[Access]:
    """Have kubectl carry requests for the length of a block.

    Raises:
        KubernetesError: It does not; with what it says.
    """
    folder = private_folder()
    words = kubectl.kubectl_words("proxy", f"--unix-socket={folder}/api")
    with running(words, folder) as proxy:
        if not proxy.line(_READY_SECONDS).startswith("Starting to serve"):
            said = proxy.said() or f"no answer within {_READY_SECONDS} s"
            raise KubernetesError(
                f"`kubectl proxy` with kube context {kubectl.context.name}: "
                f"{said.removeprefix('error: ')}; does `kubectl get --raw /readyz` answer?"
            )
        transport = httpx2.HTTPTransport(uds=f"{folder}/api", verify=False)
        yield Access(kubectl.context, transport, lambda: proxy.said().partition(_FAILED)[2])
