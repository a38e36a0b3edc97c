"""The real connections to the outside."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from embargo_butler.config.buckets import BucketConfig
from embargo_butler.config.config import Config
from embargo_butler.config.delivery import SecretKey
from embargo_butler.errors import ConfigError, KubernetesError, RedisError
from embargo_butler.model.ports import (
    Announcer,
    Butler,
    Cluster,
    Gateway,
    Keys,
    Logs,
    Objects,
    Passwords,
    Records,
    Vault,
)
from embargo_butler.secret import Secret

if TYPE_CHECKING:
    from embargo_butler.adapters.programs import Kubectl

RESERVE_SECONDS = 15
"""Left of the deadline once something was waited for in vain: to say so, and to do the rest."""

_REDIS_SECONDS = 60
"""For which a Redis that runs and does not answer is asked again: it may be loading its data."""


class Connections:
    """Makes them; client libraries are slow to import, so only what is used is."""

    def __init__(
        self,
        config: Config,
        job: str,
        say: Callable[[str], None] = lambda _: None,
        kubectl: Kubectl | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            config: The configuration.
            job: The job's name, for a login that is made for one job alone.
            say: Is told what is waited for.
            kubectl: With the kube context that counts; outside of the cluster it is else the
                current one, when it is needed first.
        """
        self._config = config
        self._say = say
        self._job = job
        self._kubectl = kubectl
        self._until = time.monotonic() + config.hooks.deadline - RESERVE_SECONDS
        self._cluster: Cluster | None = None
        self._records: Records | None = None
        self._redis: tuple[str, int] | None = None
        self._open = ExitStack()

    @property
    def by_hand(self) -> bool:
        """Whether a person runs this, and not a pod."""
        return not _in_cluster()

    def profile(self, name: str) -> Keys:
        """Return the keys of an AWS profile of the person who runs this."""
        from embargo_butler.adapters.profiles import keys

        return keys(name)

    def vault(self) -> Vault:
        """Log in to Vault."""
        from embargo_butler.adapters.vault.client import VaultLogin

        return VaultLogin(self._config.vault, stored=self._stored, job=self._job, until=self._until)

    def cluster(self) -> Cluster:
        """Return the environment's namespace."""
        from embargo_butler.adapters.kubernetes.client import Namespace

        if self._cluster is None:
            access = None
            if self.by_hand:
                from embargo_butler.adapters.kubernetes.proxy import through

                access = self._open.enter_context(through(self.kubectl()))
            found = Namespace(self._config.namespace, self._config.environment, access)
            self._open.callback(found.close)
            self._cluster = found
        return self._cluster

    def kubectl(self) -> Kubectl:
        """Return kubectl, with the same kube context for as long as this lives."""
        from embargo_butler.adapters.kubectl import here

        if self._kubectl is None:
            self._kubectl = here(self._config.namespace)
        return self._kubectl

    def gateway(self, config: BucketConfig, owner: str, keys: Keys) -> Gateway:
        """Return the object store, with an owner's keys."""
        from embargo_butler.adapters.rgw.client import RgwGateway

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

    def records(self) -> Records:
        """Return Redis: by its Service in the cluster, by a forwarded port from outside."""
        if self._records is None:
            self._records = self._connected()
        return self._records

    def _connected(self) -> Records:
        from embargo_butler.adapters.redis.records import RedisRecords

        config = self._config.required_pipeline.redis
        if self.by_hand:
            self._look_for_pods(config.service)
        password = self._secret(config.password)
        found = RedisRecords(*self._redis_address(), password, self._redis_name)
        self._open.callback(found.close)
        return found

    def _look_for_pods(self, redis: str) -> None:
        """Say at once that nobody is there who could answer: kubectl would wait for one to come.

        Raises:
            RedisError: There is no ready pod.
        """
        try:
            ready = self.cluster().service(redis).ready
        except KubernetesError:
            return  # whoever may not look may still be let in
        if not ready:
            where = f"Service {redis} of namespace {self._config.namespace}"
            raise RedisError(f"Redis does not run: {where} has no ready pod")

    def passwords(self) -> Passwords:
        """Return whom Redis lets in; nothing is connected to yet."""
        from embargo_butler.adapters.redis.passwords import RedisPasswords

        pod = f"{self._config.required_pipeline.redis.service}-0"
        until = min(self._until, time.monotonic() + _REDIS_SECONDS)
        return RedisPasswords(
            self._redis_address, self._redis_name, lambda: self.cluster().running(pod), until
        )

    @property
    def _redis_name(self) -> str:
        by = "" if _in_cluster() else " (by kubectl port-forward)"
        return f"Redis of namespace {self._config.namespace}{by}"

    def _redis_address(self) -> tuple[str, int]:
        config = self._config.required_pipeline.redis
        if not self.by_hand:
            return f"{config.service}.{self._config.namespace}.svc", config.port
        if self._redis is None:
            from embargo_butler.adapters.kubectl import forwarded

            through = forwarded(self.kubectl, config.service, config.port)
            self._redis = "127.0.0.1", self._open.enter_context(through)
        return self._redis

    def objects(self) -> Objects:
        """Return the bucket, with what ingest reads it with."""
        from embargo_butler.adapters.objects import BucketObjects

        env = {
            name: self._secret(value) if isinstance(value, SecretKey) else Secret(value)
            for name, value in self._config.required_pipeline.ingest.env.items()
        }
        return BucketObjects(self._config.required_pipeline.bucket, env)

    def butler(self) -> Butler:
        """Return the Butler that a pod of ingest knows."""
        from embargo_butler.adapters.butler import PodButler

        return PodButler(self.kubectl, self._config.required_pipeline.ingest.deployment)

    def announcer(self) -> Announcer:
        """Return the way by which the environment's enqueue hears of objects."""
        from embargo_butler.adapters.senders import TopicAnnouncer, WebhookAnnouncer

        pipeline, namespace = self._config.required_pipeline, self._config.namespace
        to, service = pipeline.enqueue, self._config.enqueue
        if to.topic:
            return TopicAnnouncer(self.kubectl, to.deployment, pipeline.name)
        if service is None or to.secret is None:
            raise ConfigError("enqueue: is missing, and without its Service there is no webhook")
        if not self.by_hand:
            host: str | None = f"{service.service}.{namespace}.svc"
        else:
            host = service.address or self.cluster().service(service.service).address
        if host is None:
            raise KubernetesError(
                f"Service {service.service} of namespace {namespace}: has no address that can be "
                "reached from here"
            )
        url = f"http://{host}:{service.port}/notify"
        return WebhookAnnouncer(url, pipeline.name, self._secret(to.secret))

    def logs(self) -> Logs:
        """Return the logs of the environment's pods."""
        from embargo_butler.adapters.pod_logs import PodLogs

        ingest = self._config.required_pipeline.ingest.deployment
        return PodLogs(self.kubectl, ingest.removeprefix(f"{self._config.fullname}-"))

    def close(self) -> None:
        """End what was opened; what is asked for afterwards is opened anew."""
        self._cluster = self._records = self._redis = None
        self._open.close()

    def _secret(self, at: SecretKey) -> Secret:
        found = (self._stored(at.secret) or {}).get(at.key)
        if found is None:
            raise KubernetesError(
                f"Secret {at.secret} of namespace {self._config.namespace}: it, or its key "
                f"{at.key}, is not there"
            )
        return found

    def _stored(self, name: str) -> Mapping[str, Secret] | None:
        found = self.cluster().secret(name)
        return found.data if found else None


def _in_cluster() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ
