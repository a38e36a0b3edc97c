"""Everything that can go wrong, as one tree.

HooksError                 a sentence for a person; never a traceback
├── ConfigError            the configuration file: names the file and the key path
├── VaultError             login or read: names the role or the path
├── KubernetesError        the cluster's API: names the object
├── GatewayError           the object store: names the bucket or topic
│   └── NoBucketError      its owner is told that there is no such bucket
├── RedisError             the queues and records: names what was asked
├── OwnershipError         something of that name is there already, and not ours
├── UnsafePlanError        a plan that would take away too much
├── DangerError            something of ours is left that does harm by itself
└── Problems               several of the above, found before anything was written
    └── Outage             Vault is away, and `hooks.secrets.onOutage` says to go on without it
Stop                       not an error of ours, so that no library's handler swallows it
├── DeadlineReached        the time that the configuration gives was used up
└── Terminated             the pod was told to end
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

VaultKind = Literal[
    "vault",
    "unreachable",
    "redirected",
    "tls",
    "sealed",
    "no-login",
    "login-refused",
    "forbidden",
    "path-absent",
    "not-handed-over",
    "version-deleted",
    "version-destroyed",
    "not-kv2",
    "rate-limited",
    "server-error",
    "field-missing",
    "value-empty",
    "template",
]
"""What can be wrong with Vault and what is read from it; `vault` is anything else."""

ABSENT: frozenset[str] = frozenset(
    {
        *("path-absent", "version-deleted", "version-destroyed"),
        *("forbidden", "field-missing", "value-empty"),
    }
)
"""Vault answers, and what was asked for is not there or may not be read."""

_AWAY: frozenset[str] = frozenset({"unreachable", "sealed", "rate-limited", "server-error"})
"""What ends by itself, or by the hands of those who run Vault."""


class HooksError(Exception):
    """What was found where, what was expected, and what to do.

    Attributes:
        kind: A word for programs; it stays when the sentence gets better.
    """

    kind: str = "error"


class ConfigError(HooksError):
    """The configuration file is not as it should be."""

    kind = "config"


class VaultError(HooksError):
    """Vault could not be reached, refused, or does not have what was asked for."""

    def __init__(self, message: str, kind: VaultKind = "vault") -> None:
        """Take the sentence and its kind."""
        super().__init__(message)
        self.kind = kind


class KubernetesError(HooksError):
    """The cluster's API could not be reached, refused, or lacks an object."""

    kind = "kubernetes"


class GatewayError(HooksError):
    """The object store could not be reached, refused, or lacks something."""

    kind = "gateway"


class NoBucketError(GatewayError):
    """There is no such bucket, by the gateway's own word to its owner."""


class RedisError(HooksError):
    """Redis could not be reached, refused, or lacks something."""

    kind = "redis"


class OwnershipError(HooksError):
    """An object of a declared name exists and was not made by these jobs."""

    kind = "not-ours"


class UnsafePlanError(HooksError):
    """The plan takes away so much that it has to be asked for by name."""

    kind = "unsafe-plan"


class DangerError(HooksError):
    """Something of ours is left that does harm by itself."""

    kind = "danger"


class Problems(HooksError):
    """Every problem that was found, in the order it was found."""

    def __init__(self, found: Sequence[HooksError]) -> None:
        """Take the problems; at least one."""
        super().__init__("; ".join(str(problem) for problem in found))
        self.found = tuple(found)


class Outage(Problems):
    """Vault is away, and there is all that is needed to go on without it."""


class Stop(BaseException):
    """The run has to end now."""


class DeadlineReached(Stop):
    """The configured time is used up."""


class Terminated(Stop):
    """The process was asked to end."""


class Gathering:
    """Collects problems, so that a run can report all of them instead of the first."""

    def __init__(self) -> None:
        """Start with none."""
        self.found: list[HooksError] = []

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Note the problems of a block and go on after it."""
        try:
            yield
        except Problems as problems:
            self.found.extend(problems.found)
        except HooksError as problem:
            self.found.append(problem)

    @property
    def away(self) -> bool:
        """Whether there is nothing else wrong than that Vault is away."""
        return bool(self.found) and all(problem.kind in _AWAY for problem in self.found)

    def check(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            Problems: There is at least one.
        """
        if self.found:
            raise Problems(self.found)
