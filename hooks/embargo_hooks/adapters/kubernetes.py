"""The environment's namespace, through lightkube."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
from lightkube import ApiError, Client
from lightkube.core.exceptions import ConfigError as LightkubeConfigError
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Event, Service
from lightkube.resources.core_v1 import Secret as SecretResource
from lightkube.resources.discovery_v1 import EndpointSlice

from embargo_hooks.errors import KubernetesError
from embargo_hooks.ports import ServiceState
from embargo_hooks.resources import KubernetesSecret
from embargo_hooks.secret import Secret

MANAGER = "embargo-hooks"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_TIMEOUT_SECONDS = 15

Found = TypeVar("Found")


class Namespace:
    """One namespace; in the cluster with the pod's own token, elsewhere with the kube context."""

    def __init__(
        self, namespace: str, environment: str, transport: httpx2.BaseTransport | None = None
    ) -> None:
        """Make a client; nothing is sent yet.

        Raises:
            KubernetesError: There is neither a service account nor a kube context.
        """
        self._namespace = namespace
        self._labels = {
            _MANAGED_BY: MANAGER,
            "app.kubernetes.io/part-of": "embargo-butler",
            "app.kubernetes.io/instance": environment,
        }
        try:
            self._client = Client(
                namespace=namespace,
                field_manager=MANAGER,
                timeout=httpx2.Timeout(_TIMEOUT_SECONDS),
                transport=transport,
            )
        except (LightkubeConfigError, OSError, KeyError) as error:
            raise KubernetesError(
                f"Kubernetes: no service account and no usable kube context ({error})"
            ) from None

    def secret(self, name: str) -> KubernetesSecret | None:
        """Return a Secret, None where there is none."""
        live = self._get(f"Secret {name}", lambda: self._client.get(SecretResource, name))
        if live is None:
            return None
        data = {key: Secret(base64.b64decode(value)) for key, value in (live.data or {}).items()}
        ours = ((live.metadata and live.metadata.labels) or {}).get(_MANAGED_BY) == MANAGER
        return KubernetesSecret(name, data, ours, frozenset(_applied(live.metadata)))

    def apply_secret(self, secret: KubernetesSecret) -> None:
        """Make or change a Secret; keys that others put there stay."""
        data = {
            key: base64.b64encode(value.reveal()).decode() for key, value in secret.data.items()
        }
        made = SecretResource(metadata=self._metadata(secret.name), data=data)
        with self._telling(f"Secret {secret.name}"):
            self._client.apply(made, force=True)

    def service(self, name: str) -> ServiceState:
        """Return the state of a Service."""
        live = self._get(f"Service {name}", lambda: self._client.get(Service, name))
        status = live.status if live else None
        ingress = status.loadBalancer.ingress if status and status.loadBalancer else None
        address = (ingress[0].ip or ingress[0].hostname) if ingress else None
        with self._telling(f"EndpointSlices of Service {name}"):
            slices = list(
                self._client.list(EndpointSlice, labels={"kubernetes.io/service-name": name})
            )
        ready = any(
            # Not said is ready, by the API's own rule.
            endpoint.conditions is None or endpoint.conditions.ready is not False
            for each in slices
            for endpoint in each.endpoints or ()
        )
        return ServiceState(address or None, ready)

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """Return a ConfigMap's data, None where there is none."""
        live = self._get(f"ConfigMap {name}", lambda: self._client.get(ConfigMap, name))
        return None if live is None else dict(live.data or {})

    def apply_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Make or change a ConfigMap."""
        made = ConfigMap(metadata=self._metadata(name), data=dict(data))
        with self._telling(f"ConfigMap {name}"):
            self._client.apply(made, force=True)

    def warn(self, job: str, message: str) -> None:
        """Leave an Event at a Job."""
        now = datetime.now(UTC)
        event = Event(
            metadata=ObjectMeta(generateName=f"{job}-", namespace=self._namespace),
            involvedObject=ObjectReference(
                apiVersion="batch/v1", kind="Job", name=job, namespace=self._namespace
            ),
            source=EventSource(component=MANAGER),
            type="Warning",
            reason="PassedOver",
            message=message[:1000],
            count=1,
            firstTimestamp=now,
            lastTimestamp=now,
        )
        with self._telling(f"Event at Job {job}"):
            self._client.create(event)

    def _metadata(self, name: str) -> ObjectMeta:
        return ObjectMeta(name=name, namespace=self._namespace, labels=self._labels)

    def _get(self, what: str, call: Callable[[], Found]) -> Found | None:
        try:
            with self._telling(what):
                return call()
        except _Absent:
            return None

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        where = f"{what} of namespace {self._namespace}"
        try:
            yield
        except ApiError as error:
            if error.status.code == 404:
                raise _Absent(f"{where}: is not there") from None
            if error.status.code in (401, 403):
                raise KubernetesError(
                    f"{where}: permission denied; the Role lacks it, or Helm has removed it already"
                ) from None
            # The server's message could quote what was sent, so only its reason is told.
            raise KubernetesError(
                f"{where}: the API answered {error.status.code} {error.status.reason}"
            ) from None
        except httpx2.HTTPError as error:
            raise KubernetesError(
                f"{where}: no answer of the API ({type(error).__name__})"
            ) from None


class _Absent(KubernetesError):
    """There is no such object."""


def _applied(metadata: ObjectMeta | None) -> Iterator[str]:
    for entry in (metadata and metadata.managedFields) or ():
        if entry.manager == MANAGER and entry.operation == "Apply":
            fields: Any = entry.fieldsV1
            fields = json.loads(fields) if isinstance(fields, str | bytes) else fields or {}
            for key in fields.get("f:data", {}):
                if key.startswith("f:"):
                    yield key.removeprefix("f:")
