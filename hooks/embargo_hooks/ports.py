"""The outside world, as the rest of the package sees it; `adapters` has the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from embargo_hooks.resources import KubernetesSecret, Notification, Topic
from embargo_hooks.secret import Secret


class Vault(Protocol):
    """A login to Vault; leaving its block ends the login."""

    def __enter__(self) -> Vault: ...
    def __exit__(self, *_: object) -> None: ...

    def read(self, path: str, version: int | None = None) -> Mapping[str, Secret]:
        """Return the fields of a path; a field that is not text comes as JSON."""


@dataclass(frozen=True)
class ServiceState:
    """What can be said of a Service.

    Attributes:
        address: Its load balancer's address, None while it has none.
        ready: Whether one of its endpoints is ready.
    """

    address: str | None
    ready: bool


class Cluster(Protocol):
    """The namespace of the environment."""

    def secret(self, name: str) -> KubernetesSecret | None:
        """Return a Secret, None where there is none."""

    def apply_secret(self, secret: KubernetesSecret, rehearse: bool = False) -> None:
        """Make or change a Secret, or only ask whether it would be; others' keys stay."""

    def delete_secret(self, name: str) -> None:
        """Take away a Secret of ours; none there is fine, one that is not ours stays."""

    def secret_rights(self) -> Mapping[str, str]:
        """Return the rights over single Secrets that are kept here, as Secret by name of Role."""

    def delete_right(self, role: str) -> None:
        """Give up a right over a Secret."""

    def service(self, name: str) -> ServiceState:
        """Return the state of a Service."""

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """Return a ConfigMap's data, None where there is none."""

    def apply_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Make or change a ConfigMap."""

    def warn(self, job: str, message: str) -> None:
        """Leave an Event at a Job."""


class Gateway(Protocol):
    """The object store, with one owner's keys."""

    def topics(self) -> Mapping[str, int]:
        """Return the names of all topics that the owner sees, and how many notifications use each.

        The number is what the gateway's listing gives away: Ceph 16 and 18 repeat a topic for each
        notification, in whatever bucket; where it gives nothing away, it is 0.
        """

    def topic(self, name: str) -> Topic | None:
        """Return a topic, None where there is none."""

    def put_topic(self, name: str, attributes: Mapping[str, Secret]) -> None:
        """Make a topic, or replace the attributes of an existing one."""

    def delete_topic(self, name: str) -> None:
        """Take a topic away; none there is fine."""

    def notifications(self, bucket: str) -> tuple[Notification, ...]:
        """Return all of a bucket's notifications."""

    def put_notification(self, bucket: str, notification: Notification) -> None:
        """Add a notification, or replace the one of its Id and topic; the others stay."""

    def delete_notification(self, bucket: str, name: str) -> None:
        """Take one notification away by its Id; the others stay."""

    def policy(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Return the statements of a bucket's policy, none where it has no policy."""

    def put_policy(self, bucket: str, statements: Sequence[Mapping[str, Any]]) -> None:
        """Replace a bucket's policy; no statement at all takes it away."""
