"""The real connections to the outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from embargo_hooks._buckets_config import BucketConfig
from embargo_hooks.buckets import Keys
from embargo_hooks.config import Config
from embargo_hooks.ports import Cluster, Gateway, Vault
from embargo_hooks.secret import Secret

RESERVE_SECONDS = 15
"""Left of the deadline once something was waited for in vain: to say so, and to do the rest."""


class RealWorld:
    """Makes them; client libraries are slow to import, so only what is used is."""

    def __init__(
        self, config: Config, job: str, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Connect to nothing yet.

        Args:
            config: The configuration.
            job: The job's name, for a login that is made for one job alone.
            say: Is told what is waited for.
        """
        self._config = config
        self._say = say
        self._job = job
        self._until = time.monotonic() + config.deadline - RESERVE_SECONDS
        self._cluster: Cluster | None = None

    def vault(self) -> Vault:
        """Log in to Vault."""
        from embargo_hooks.adapters.vault import VaultLogin

        return VaultLogin(self._config.vault, stored=self._stored, job=self._job, until=self._until)

    def cluster(self) -> Cluster:
        """Return the environment's namespace."""
        from embargo_hooks.adapters.kubernetes import Namespace

        if self._cluster is None:
            self._cluster = Namespace(self._config.namespace, self._config.environment)
        return self._cluster

    def gateway(self, config: BucketConfig, owner: str, keys: Keys) -> Gateway:
        """Return the object store, with an owner's keys."""
        from embargo_hooks.adapters.rgw import RgwGateway

        return RgwGateway(
            config.endpoint,
            config.region,
            owner,
            keys.access,
            keys.secret,
            zone_group=config.zone_group,
            until=self._until,
            say=self._say,
        )

    def _stored(self, name: str) -> Mapping[str, Secret] | None:
        found = self.cluster().secret(name)
        return found.data if found else None
