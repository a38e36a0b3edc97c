"""Which cluster a kube context leads to, and whether it is the environment's."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from embargo_butler.errors import HooksError


class WrongClusterError(HooksError):
    """The kube context is not that of the environment's cluster."""

    kind = "wrong-cluster"


@dataclass(frozen=True)
class Context:
    """A kube context.

    Attributes:
        name: Its name in the kubeconfig, which anybody may choose.
        server: The URL of its API server.
    """

    name: str
    server: str

    @property
    def cluster(self) -> str:
        """The cluster's name.

        The server's URL tells it where it has a path, as that of every virtual cluster at USDF
        (https://k8s.slac.stanford.edu/usdf-embargo-dmz). A server without a path has no name of
        its own, so there the context's name counts.
        """
        return urlsplit(self.server).path.strip("/").rpartition("/")[2] or self.name

    def must_be(self, cluster: str, environment: str) -> None:
        """Refuse any other cluster.

        Raises:
            WrongClusterError: It is another one.
        """
        if self.cluster != cluster:
            raise WrongClusterError(
                f"environment {environment} lives in cluster {cluster}, but the kube context "
                f"{self.name} leads to {self.cluster} ({self.server}): switch to the context of "
                f"{cluster} (`kubectl config use-context`)"
            )
