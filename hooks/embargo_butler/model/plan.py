"""What is to be done, in order: frozen instructions, made without touching any network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from embargo_butler.errors import Gathering, OwnershipError
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.ports import Right
from embargo_butler.model.resources import KubernetesSecret, Notification, Topic
from embargo_butler.secret import Secret


class Instruction:
    """One thing to be done.

    Attributes:
        verb: It in a word.
        about: What it is done to, filled in with what it is.
    """

    verb: ClassVar[str]
    about: ClassVar[str]

    @property
    def target(self) -> str:
        """What it is done to."""
        return self.about.format(self)


@dataclass(frozen=True)
class ApplySecret(Instruction):
    """Make or change a Kubernetes Secret.

    Attributes:
        secret: What it is to be.
        live: What it is, None where there is none.
    """

    secret: KubernetesSecret
    live: KubernetesSecret | None = None
    verb = "apply"
    about = "Secret {0.secret.name}"


@dataclass(frozen=True)
class AdmitPassword(Instruction):
    """Have the running Redis let one more password in.

    Attributes:
        digest: What stands for it.
        by: Passwords to log in with, one after the other.
    """

    digest: str
    by: tuple[Secret, ...]
    verb = "admit"
    about = "a password of Redis"


@dataclass(frozen=True)
class DismissPassword(Instruction):
    """Have the running Redis let a password in no longer.

    Attributes:
        digest: What stands for it.
        by: Passwords to log in with, one after the other.
    """

    digest: str
    by: tuple[Secret, ...]
    verb = "dismiss"
    about = "a password of Redis"


@dataclass(frozen=True)
class Restart(Instruction):
    """Have a workload replace its pods, which hold an older secret.

    Attributes:
        owner: The workload, as kind and name.
    """

    owner: str
    verb = "restart"
    about = "{0.owner}"


@dataclass(frozen=True)
class AwaitRestart(Instruction):
    """Go on only when no pod of a workload has an older value of a Secret's key.

    Attributes:
        owner: The workload, as kind and name.
        secret: The Secret.
        key: The key.
    """

    owner: str
    secret: str
    key: str
    verb = "await"
    about = "{0.owner}"


@dataclass(frozen=True)
class DeleteSecret(Instruction):
    """Take a Kubernetes Secret of ours away."""

    name: str
    verb = "delete"
    about = "Secret {0.name}"


@dataclass(frozen=True)
class DeleteRight(Instruction):
    """Give up a right to take Secrets away."""

    right: Right
    verb = "delete"
    about = "Role {0.right.name}"


INVENTORY = "inventory.json"
"""The key of the inventory's ConfigMap that has its text."""


@dataclass(frozen=True)
class WriteInventory(Instruction):
    """Write down what is ours; before it is made, and after the rest is gone."""

    name: str
    text: str
    verb = "write"
    about = "ConfigMap {0.name}"


@dataclass(frozen=True)
class PutTopic(Instruction):
    """Make a topic, or change its attributes in place."""

    owner: str
    topic: Topic
    verb = "put"
    about = "topic {0.topic.name}"


@dataclass(frozen=True)
class DeleteTopic(Instruction):
    """Take a topic away."""

    owner: str
    name: str
    verb = "delete"
    about = "topic {0.name}"


@dataclass(frozen=True)
class PutNotification(Instruction):
    """Add a notification to a bucket, replace it, or put it again as it is."""

    owner: str
    bucket: str
    notification: Notification
    verb = "put"
    about = "notification {0.notification.name} of bucket {0.bucket}"


@dataclass(frozen=True)
class DeleteNotification(Instruction):
    """Take a notification away by its Id."""

    owner: str
    bucket: str
    name: str
    verb = "delete"
    about = "notification {0.name} of bucket {0.bucket}"


@dataclass(frozen=True)
class PutPolicy(Instruction):
    """Replace a bucket's policy with this one, in which others' statements are as they were."""

    owner: str
    bucket: str
    statements: tuple[Mapping[str, Any], ...]
    verb = "put"
    about = "policy of bucket {0.bucket}"


TIDYING = (DeleteTopic, WriteInventory)
"""What the next apply does in its own time: a replaced topic that has drained is no drift."""


@dataclass(frozen=True)
class Change:
    """An instruction and the reason for it."""

    instruction: Instruction
    reason: str

    def __str__(self) -> str:
        return f"{self.instruction.verb} {self.instruction.target}: {self.reason}"


@dataclass(frozen=True)
class Lookup:
    """Objects that may never be announced, so that the bucket has to be looked through for them.

    Attributes:
        bucket: The bucket.
        why: What happened to their events.
        until: The UTC time of the last of them; empty for the end of the run.
        since: The UTC time of the first that it can be; empty where nobody knows.
    """

    bucket: str
    why: str
    until: str = ""
    since: str = ""

    def __str__(self) -> str:
        since = f"from {self.since} " if self.since else ""
        until = self.until or "the end of this run"
        return f"bucket {self.bucket}, objects PUT {since}until {until}: {self.why}"


@dataclass(frozen=True)
class Plan:
    """Changes in the order in which they have to be made.

    Attributes:
        changes: The changes.
        warnings: What a person should know beside.
        unconfirmed: What is declared and left alone, a line each.
        lookups: What backfill has to look through.
        misfortunes: What of the world stands in the way, and is left out.
    """

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    unconfirmed: tuple[str, ...] = field(default=())
    lookups: tuple[Lookup, ...] = field(default=())
    misfortunes: tuple[Misfortune, ...] = field(default=())

    def __add__(self, other: Plan) -> Plan:
        """Return one plan: this one's changes, then the other's."""
        return Plan(
            self.changes + other.changes,
            self.warnings + other.warnings,
            self.unconfirmed + other.unconfirmed,
            self.lookups + other.lookups,
            self.misfortunes + other.misfortunes,
        )


def plan_secrets(
    desired: Iterable[KubernetesSecret],
    observed: Mapping[str, KubernetesSecret],
    take_over: Collection[str],
) -> Plan:
    """Compare declared Secrets with the live ones.

    Raises:
        Problems: A live Secret of a declared name is somebody else's.
    """
    gathering = Gathering()
    changes = []
    for secret in desired:
        live = observed.get(secret.name)
        foreign = live is not None and not live.ours
        if foreign and secret.name not in take_over:
            with gathering.catching():
                raise OwnershipError(
                    f"Secret {secret.name}: is there and was not made by embargo-hooks; name it "
                    "under hooks.secrets.takeOver to adopt it, or rename it"
                )
        reasons = secret.changed(live) + (["taken over"] if foreign else [])
        if reasons:
            changes.append(Change(ApplySecret(secret, live), ", ".join(reasons)))
    gathering.check()
    return Plan(tuple(changes))
