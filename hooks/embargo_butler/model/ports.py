"""The outside world, as the rest of the package sees it; `adapters` has the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from embargo_butler.model.resources import KubernetesSecret, Notification, Topic
from embargo_butler.secret import Secret


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


@dataclass(frozen=True)
class LeaseState:
    """A Lease as it was seen.

    Attributes:
        holder: Who holds it, empty for nobody.
        seconds: For how long it is respected when it does not change.
        version: Another one after each write.
    """

    holder: str
    seconds: int
    version: str


@dataclass(frozen=True)
class Use:
    """A Secret's key that a pod has read.

    Attributes:
        secret: The Secret.
        key: The key; empty for all of them.
        began: When what read it started: the container for an environment variable, the pod for a
            file that an init container copies. None: it has not started, and will read what is
            there then.
    """

    secret: str
    key: str
    began: datetime | None


@dataclass(frozen=True)
class Pod:
    """A pod that has not ended.

    Attributes:
        name: Its name.
        owner: What replaces it, as kind and name (`Deployment x`); empty for nothing.
        uses: What it has read.
        leaving: Whether it is told to end.
    """

    name: str
    owner: str
    uses: tuple[Use, ...] = ()
    leaving: bool = False


@dataclass(frozen=True)
class Rollout:
    """How far a Deployment, or a StatefulSet, is with the replacement of its pods.

    Attributes:
        settled: Whether all of its pods are of its present template, and ready.
        restarted: When we last had them replaced (UTC).
        leaving: Whether it is being deleted.
        ready: How many of its pods are ready, old ones among them.
    """

    settled: bool
    restarted: datetime | None = None
    leaving: bool = False
    ready: int = 0


@dataclass(frozen=True)
class Right:
    """A right to take Secrets away: a Role, and the RoleBinding of the same name.

    Attributes:
        name: Their name.
        secrets: The Secrets; none where it is the right to take the bindings of others away.
    """

    name: str
    secrets: frozenset[str]


class Cluster(Protocol):
    """The namespace of the environment."""

    def secret(self, name: str) -> KubernetesSecret | None:
        """Return a Secret, None where there is none."""

    def apply_secret(self, secret: KubernetesSecret, rehearse: bool = False) -> None:
        """Make or change a Secret, or only ask whether it would be; others' keys stay."""

    def delete_secret(self, name: str) -> None:
        """Take away a Secret of ours; none there is fine, one that is not ours stays."""

    def rights(self) -> Sequence[Right]:
        """Return the rights to take Secrets away that are kept here."""

    def delete_right(self, right: Right) -> None:
        """Give up a right to take Secrets away."""

    def pods(self) -> Sequence[Pod]:
        """Return the pods that have not ended."""

    def running(self, pod: str) -> bool:
        """Whether a pod is there and all of its containers run."""

    def rollout(self, owner: str) -> Rollout | None:
        """Return how far a workload (`Deployment x`) is, None where there is none."""

    def restart(self, owner: str, now: datetime) -> None:
        """Have a workload replace all of its pods, in its own way."""

    def service(self, name: str) -> ServiceState:
        """Return the state of a Service."""

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """Return a ConfigMap's data, None where there is none."""

    def apply_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Make or change a ConfigMap."""

    def lease(self, name: str) -> LeaseState | None:
        """Return a Lease, None where there is none."""

    def write_lease(
        self, name: str, seen: LeaseState | None, holder: str, seconds: int
    ) -> LeaseState | None:
        """Make a Lease, or change it if it is still as it was seen; None if it is not."""

    def warn(self, about: str, reason: str, message: str) -> None:
        """Leave an Event.

        Args:
            about: `Job/` or `CronJob/` and the name.
            reason: Why, in one word.
            message: What a person should know.
        """


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What the services noted of one file; times are seconds since 1970, 0 for never.

    Attributes:
        received: When enqueue, or a backfill, put it into the queue.
        ingested: When ingest said that it is in the Butler.
        insert_error: Why the Butler did not take it; kept after a later success.
        insert_failures: How often that was.
        header_error: Why its metadata could not be read.
        requeued: How often a backfill has put it into the queue again.
        last_failure: Why it had failed when that was done last.
        alike: How often in a row it had failed so by then, while others went in.
        went_in: How many files ingest had counted by then.
    """

    received: float = 0.0
    ingested: float = 0.0
    insert_error: str = ""
    insert_failures: int = 0
    header_error: str = ""
    requeued: int = 0
    last_failure: str = ""
    alike: int = 0
    went_in: int = 0


@dataclass(frozen=True)
class Worker:
    """The list of one ingest pod.

    Attributes:
        name: The pod.
        idle: Seconds since anybody touched the list.
        paths: What the pod has taken and not done.
    """

    name: str
    idle: int
    paths: tuple[str, ...]


class Records(Protocol):
    """Redis, as the services keep it; a path is bucket (with profile), `/` and key."""

    def files(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return what is noted of each of some files."""

    def not_ingested(self, paths: Sequence[str]) -> list[str]:
        """Return those of some files of which ingest has not said that they are in the Butler."""

    def queue(self, bucket: str) -> list[str]:
        """Return the paths that wait, the next one last; one may stand there twice."""

    def next(self, bucket: str) -> str | None:
        """Return the path that ingest takes next, None from an empty queue."""

    def queue_length(self, bucket: str) -> int:
        """Return how many paths wait."""

    def workers(self, bucket: str) -> list[Worker]:
        """Return the ingest pods' lists."""

    def failed(self, folder: str) -> list[str]:
        """Return the paths below a folder on which ingest has failed and not succeeded since."""

    def counters(self, kind: str, bucket: str) -> Mapping[str, Mapping[str, int]]:
        """Return counts by instrument and observation day: `RECINSTR`, `INGEST` or `FAIL`."""

    def values(self, names: Sequence[str]) -> list[str | None]:
        """Return the values of plain keys."""

    def requeue(self, bucket: str, paths: Sequence[str], now: float) -> None:
        """Put paths into the queue behind what waits, with a clean record, all or none."""

    def aside(self, bucket: str) -> Mapping[str, float]:
        """Return the paths that were set aside, each with when, in seconds since 1970."""

    def set_aside(self, bucket: str, paths: Sequence[str], now: float) -> None:
        """Take paths off the queue and the workers' lists, and note it, all or none."""

    def give_back(self, bucket: str, paths: Sequence[str]) -> None:
        """Note no longer that paths were set aside."""

    def forget(self, paths: Sequence[str]) -> None:
        """Drop what stands against announcing files again: failures, and enqueue's marks."""

    def note(self, name: str, numbers: Mapping[str, float]) -> None:
        """Write numbers down for the monitoring."""

    def lock(self, name: str, seconds: int) -> bool:
        """Take a lock that ends by itself; whether it was free."""

    def unlock(self, name: str) -> None:
        """Give up a lock that was taken."""


class Passwords(Protocol):
    """Whom Redis lets in: its default user's passwords, told by their SHA-256 in hexadecimal.

    Each method logs in by the first of some passwords that Redis takes.
    """

    def admitted(self, by: Sequence[Secret]) -> frozenset[str] | None:
        """Return what it lets in; None where it does not run, and reads its Secret later."""

    def admit(self, by: Sequence[Secret], digest: str) -> None:
        """Let one more password in."""

    def dismiss(self, by: Sequence[Secret], digest: str) -> None:
        """Let a password in no longer; who is connected stays."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the bucket.

    Attributes:
        key: Its key.
        put: When it was PUT (its LastModified), in seconds since 1970.
    """

    key: str
    put: float


class Objects(Protocol):
    """The bucket, as ingest reads it."""

    def folders(self, prefix: str) -> list[str]:
        """Return the folders right below a prefix, each with its slash."""

    def listing(self, prefix: str) -> Iterator[Sequence[Stored]]:
        """Yield all objects below a prefix, page by page."""

    def stored(self, keys: Sequence[str]) -> list[Stored | None]:
        """Return those of some objects that exist, None for the others."""

    def head(self, key: str, count: int) -> bytes:
        """Return the first bytes of an object."""


class Butler(Protocol):
    """The Butler repository, as ingest knows it."""

    def known(
        self, subjects: Sequence[tuple[str, str, str]]
    ) -> tuple[set[str], Mapping[str, bool]]:
        """Return the datasets' paths of some exposures, and which of those on the sky have a visit.

        A subject is instrument, observation day, and exposure, empty for all of the day.
        """

    def unvisited(self, days: Sequence[str], since: float, until: float) -> list[tuple[str, str]]:
        """Return instrument and name of each exposure of some days that lacks its visit."""

    def define_visits(self, instrument: str, exposures: Sequence[str]) -> None:
        """Define the visits of exposures."""


class Announcer(Protocol):
    """Tells enqueue of objects, as the object store does."""

    def announce(self, keys: Sequence[str]) -> None:
        """Send one notification about some objects."""


class Logs(Protocol):
    """What the release's pods have written lately."""

    def mentions(self, component: str, names: Sequence[str]) -> Mapping[str, str]:
        """Return of some files' names the last line of a component's pods that has it."""

    def count(self, component: str, phrase: str) -> int:
        """Return how many lines of a component's pods have a phrase."""


READERS = 24
"""How many requests to a gateway are under way at once.

It answers a kept-open connection in 25 to 45 ms and is idle for most of them: 24 at once were seen
to be ten times as fast as one by one.
"""


@dataclass(frozen=True)
class Keys:
    """One owner's keys."""

    access: Secret
    secret: Secret


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

    def buckets(self) -> Sequence[str]:
        """Return the names of the owner's buckets."""

    def notifications(self, bucket: str) -> tuple[Notification, ...]:
        """Return all of a bucket's notifications."""

    def put_notification(self, bucket: str, notification: Notification) -> None:
        """Add a notification, or replace the one of its Id and topic; the others stay."""

    def delete_notification(self, bucket: str, name: str) -> None:
        """Take one notification away by its Id; the others stay, also a second one of that Id."""

    def policy(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Return the statements of a bucket's policy, none where it has no policy."""

    def put_policy(self, bucket: str, statements: Sequence[Mapping[str, Any]]) -> None:
        """Replace the statements of a bucket's policy; none at all takes the policy away."""
