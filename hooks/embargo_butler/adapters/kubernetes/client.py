"""The environment's namespace, through lightkube."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import httpx2
from lightkube import ApiError, Client, KubeConfig
from lightkube.config.models import Cluster as KubeCluster
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError as LightkubeConfigError
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap, Event, Service
from lightkube.resources.core_v1 import Pod as PodResource
from lightkube.resources.core_v1 import Secret as SecretResource
from lightkube.resources.discovery_v1 import EndpointSlice
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from embargo_butler import terminal
from embargo_butler.adapters.kubernetes import workloads
from embargo_butler.adapters.kubernetes.proxy import Access
from embargo_butler.adapters.why import why
from embargo_butler.errors import KubernetesError
from embargo_butler.model.ports import LeaseState, Pod, Right, Rollout, ServiceState
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret

MANAGER = "embargo-hooks"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_RIGHT = "embargo-butler/secret-right"
_SINCE = "embargo-butler/since"
_KINDS: dict[str, Any] = {"Deployment": Deployment, "StatefulSet": StatefulSet}
_TIMEOUT_SECONDS = 15
# Nobody is behind this but what carries the requests, so there is nothing to verify.
_PASSED_ON = KubeConfig.from_one(
    cluster=KubeCluster(server="http://localhost", insecure=True), user=User()
)
_BUSY = (429, 500, 502, 503, 504)
_PAUSES = (0.2, 0.5, 1.0)

Found = TypeVar("Found")


class Namespace:
    """One namespace; in the cluster with the pod's own token, elsewhere as kubectl reaches it."""

    def __init__(self, namespace: str, environment: str, access: Access | None = None) -> None:
        """Make a client; nothing is sent yet.

        Args:
            namespace: The namespace.
            environment: The environment, for the labels of what is made.
            access: The way to the API from outside of the cluster.

        Raises:
            KubernetesError: There is no service account.
        """
        self._namespace = namespace
        self._access = access
        self._labels = {
            _MANAGED_BY: MANAGER,
            "app.kubernetes.io/part-of": "embargo-butler",
            "app.kubernetes.io/instance": environment,
        }
        try:
            config = KubeConfig.from_service_account() if access is None else _PASSED_ON
        except (LightkubeConfigError, OSError) as error:
            raise KubernetesError(f"Kubernetes: no service account in this pod: {error}") from None
        self._server = access.context.server if access else config.clusters["default"].server
        self._client = Client(
            config=config,
            namespace=namespace,
            field_manager=MANAGER,
            timeout=httpx2.Timeout(_TIMEOUT_SECONDS),
            transport=access.transport if access else None,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def secret(self, name: str) -> KubernetesSecret | None:
        """Return a Secret, None where there is none."""
        live = self._get(f"Secret {name}", lambda: self._client.get(SecretResource, name))
        if live is None:
            return None
        data = {key: Secret(base64.b64decode(value)) for key, value in (live.data or {}).items()}
        applied = frozenset(_applied(live.metadata))
        since = _since(live.metadata)
        return KubernetesSecret(name, data, _ours(live.metadata), applied, since)

    def apply_secret(self, secret: KubernetesSecret, rehearse: bool = False) -> None:
        """Make or change a Secret; keys that others put there stay.

        Args:
            secret: The Secret.
            rehearse: Whether the API is only to say whether it would.
        """
        data = {
            key: base64.b64encode(value.reveal()).decode() for key, value in secret.data.items()
        }
        made = SecretResource(metadata=self._metadata(secret.name), data=data)
        if secret.since and made.metadata:
            times = {key: each.isoformat() for key, each in sorted(secret.since.items())}
            made.metadata.annotations = {_SINCE: json.dumps(times)}
        apply = partial(self._client.apply, force=True, dry_run=rehearse)
        self._ask(f"Secret {secret.name}", lambda: apply(made))

    def delete_secret(self, name: str) -> None:
        """Take away a Secret of ours; none there is fine, one that is not ours stays."""
        live = self._get(f"Secret {name}", lambda: self._client.get(SecretResource, name))
        if live is not None and _ours(live.metadata):
            self._get(f"Secret {name}", lambda: self._client.delete(SecretResource, name))

    def rights(self) -> list[Right]:
        """Return the rights to take Secrets away that are kept here."""
        labels: dict[str, Any] = {_RIGHT: ["delete", "retire"]}
        roles = self._ask("Roles", lambda: list(self._client.list(Role, labels=labels)))
        return [_right(role.metadata, role.rules or ()) for role in roles if role.metadata]

    def delete_right(self, right: Right) -> None:
        """Give up a right to take Secrets away.

        The right to delete the Role is its own. That to delete the binding is kept by the last
        release whose jobs succeeded, and was of another one if a release has failed since: then the
        binding stays, and grants nothing.
        """
        self._get(f"Role {right.name}", lambda: self._client.delete(Role, right.name))
        what = f"RoleBinding {right.name}"
        with suppress(_Denied):
            self._get(what, lambda: self._client.delete(RoleBinding, right.name))

    def pods(self) -> list[Pod]:
        """Return the pods that have not ended."""
        found = self._ask("Pods", lambda: list(self._client.list(PodResource)))
        return [workloads.pod(each) for each in found if not workloads.ended(each)]

    def running(self, pod: str) -> bool:
        """Whether a pod is there and all of its containers run."""
        live = self._get(f"Pod {pod}", lambda: self._client.get(PodResource, pod))
        return live is not None and workloads.running(live)

    def rollout(self, owner: str) -> Rollout | None:
        """Return how far a workload (`Deployment x`) is, None where there is none."""
        kind, _, name = owner.partition(" ")
        live = self._get(owner, lambda: self._client.get(_KINDS[kind], name))
        return None if live is None else workloads.rollout(live)

    def restart(self, owner: str, now: datetime) -> None:
        """Have a workload replace all of its pods, in its own way; none there is fine."""
        kind, _, name = owner.partition(" ")
        patch = workloads.restarted(now)
        self._get(owner, lambda: self._client.patch(_KINDS[kind], name, patch))

    def service(self, name: str) -> ServiceState:
        """Return the state of a Service."""
        live = self._get(f"Service {name}", lambda: self._client.get(Service, name))
        status = live.status if live else None
        ingress = status.loadBalancer.ingress if status and status.loadBalancer else None
        # One with an address of each family has them in any order, and Ceph is told of IPv4.
        four = (each.ip for each in ingress or () if each.ip and ":" not in each.ip)
        address = next(four, (ingress[0].ip or ingress[0].hostname) if ingress else None)
        labels: dict[str, Any] = {"kubernetes.io/service-name": name}
        slices = self._ask(
            f"EndpointSlices of Service {name}",
            lambda: list(self._client.list(EndpointSlice, labels=labels)),
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
        self._ask(f"ConfigMap {name}", lambda: self._client.apply(made, force=True))

    def lease(self, name: str) -> LeaseState | None:
        """Return a Lease, None where there is none."""
        live = self._get(f"Lease {name}", lambda: self._client.get(Lease, name))
        return None if live is None else _lease(live)

    def write_lease(
        self, name: str, seen: LeaseState | None, holder: str, seconds: int
    ) -> LeaseState | None:
        """Make a Lease, or change it if it is still as it was seen; None if it is not."""
        # The API wants microseconds, and lightkube leaves them out where there are none.
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond or 1)
        spec = LeaseSpec(holderIdentity=holder, leaseDurationSeconds=seconds, renewTime=now)
        wanted = Lease(metadata=self._metadata(name), spec=spec)
        assert wanted.metadata
        wanted.metadata.resourceVersion = seen.version if seen else None
        write = self._client.replace if seen else self._client.create
        try:
            return _lease(self._ask(f"Lease {name}", lambda: write(wanted)))
        except _Conflict:
            return None

    def warn(self, about: str, reason: str, message: str) -> None:
        """Leave an Event at what `about` names: `Job/NAME` or `CronJob/NAME`."""
        kind, _, name = about.partition("/")
        now = datetime.now(UTC)
        event = Event(
            metadata=ObjectMeta(generateName=f"{name}-", namespace=self._namespace),
            involvedObject=ObjectReference(
                apiVersion="batch/v1", kind=kind, name=name, namespace=self._namespace
            ),
            source=EventSource(component=MANAGER),
            type="Warning",
            reason=reason,
            message=terminal.visible(message)[:1000],
            count=1,
            firstTimestamp=now,
            lastTimestamp=now,
        )
        self._once(f"Event at {kind} {name}", lambda: self._client.create(event))

    def _refused_login(self) -> str:
        told = f"the login to {self._server} is not valid, or no longer"
        if self._access is None:
            return told
        context = self._access.context.name
        return f"{told}: log in anew, until `kubectl --context {context} auth whoami` answers"

    def _metadata(self, name: str) -> ObjectMeta:
        return ObjectMeta(name=name, namespace=self._namespace, labels=self._labels)

    def _get(self, what: str, call: Callable[[], Found]) -> Found | None:
        try:
            return self._ask(what, call)
        except _Absent:
            return None

    def _ask(self, what: str, call: Callable[[], Found]) -> Found:
        """Call; what may be sent twice is sent again when the API is only busy or restarting."""
        for pause in _PAUSES:
            try:
                return self._once(what, call)
            except _Passing:
                time.sleep(pause)
        return self._once(what, call)

    def _once(self, what: str, call: Callable[[], Found]) -> Found:
        where = f"{what} of namespace {self._namespace}"
        server = self._server
        try:
            return call()
        except ApiError as error:
            code = error.status.code
            if code == 404:
                raise _Absent(f"{where}: is not there") from None
            if code == 401:
                raise KubernetesError(f"{where}: {self._refused_login()}") from None
            if code == 403:
                raise _Denied(
                    f"{where}: permission denied; the Role lacks it, or Helm has removed it "
                    "already; or a person's own rights do not have it"
                ) from None
            if code == 409:
                raise _Conflict(f"{where}: somebody else changed it meanwhile") from None
            # The server's message could quote what was sent, so only its reason is told.
            told = f"{where}: the API answered {code} {error.status.reason}"
            raise (_Passing if code in _BUSY else KubernetesError)(told) from None
        except httpx2.HTTPStatusError as error:
            code = error.response.status_code
            said = self._access.said() if self._access else ""
            if said and said == error.response.text.strip():
                raise _Passing(
                    f"{where}: no answer of the API at {server}: {said}; does "
                    "`kubectl get --raw /readyz` answer?"
                ) from None
            raise _Passing(f"{where}: no answer of the API, but {code} at {server}") from None
        except httpx2.TimeoutException:
            raise KubernetesError(
                f"{where}: no answer of the API at {server} within {_TIMEOUT_SECONDS} s"
            ) from None
        except httpx2.HTTPError as error:
            raise _Passing(f"{where}: no answer of the API at {server}: {why(error)}") from None


class _Absent(KubernetesError):
    """There is no such object."""


class _Denied(KubernetesError):
    """The account may not."""


class _Conflict(KubernetesError):
    """It is not as it was seen any more."""


class _Passing(KubernetesError):
    """Perhaps mended by waiting a little."""


def _ours(metadata: ObjectMeta | None) -> bool:
    return ((metadata and metadata.labels) or {}).get(_MANAGED_BY) == MANAGER


def _right(metadata: ObjectMeta, rules: Sequence[PolicyRule]) -> Right:
    over = [rule.resourceNames or () for rule in rules if "secrets" in (rule.resources or ())]
    names = frozenset(name for each in over for name in each)
    return Right(metadata.name or "", names)


def _since(metadata: ObjectMeta | None) -> dict[str, datetime]:
    """Return what is noted of the values' age; what cannot be read is not known."""
    try:
        noted = json.loads(((metadata and metadata.annotations) or {}).get(_SINCE, "{}"))
        return {str(key): datetime.fromisoformat(each) for key, each in noted.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _lease(live: Lease) -> LeaseState:
    spec, metadata = live.spec or LeaseSpec(), live.metadata or ObjectMeta()
    seconds = spec.leaseDurationSeconds or 0
    return LeaseState(spec.holderIdentity or "", seconds, metadata.resourceVersion or "")


def _applied(metadata: ObjectMeta | None) -> Iterator[str]:
    for entry in (metadata and metadata.managedFields) or ():
        if entry.manager == MANAGER and entry.operation == "Apply":
            fields: Any = entry.fieldsV1
            fields = json.loads(fields) if isinstance(fields, str | bytes) else fields or {}
            for key in fields.get("f:data", {}):
                if key.startswith("f:"):
                    yield key.removeprefix("f:")
