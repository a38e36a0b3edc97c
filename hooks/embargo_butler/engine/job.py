"""A plan with the connections that it was made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from embargo_butler.errors import HooksError
from embargo_butler.model.plan import Plan
from embargo_butler.model.ports import Cluster, Gateway
from embargo_butler.model.resources import KeyState, Topic


@dataclass(frozen=True)
class Job:
    """A plan and what it needs to be carried out.

    Attributes:
        plan: The plan.
        cluster: The namespace.
        gateways: The object store, by owner.
        keys: The state of every key of the Secrets.
        problems: What stands against carrying it out, though it could be planned.
        undeclared: What is there, was not declared and is not ours to change.
        left: Notifications that are declared and left as they are, by bucket and declared Id.
        topics: Ours that are announced to.
    """

    plan: Plan
    cluster: Cluster
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    keys: tuple[KeyState, ...] = ()
    problems: tuple[HooksError, ...] = ()
    undeclared: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()
    left: frozenset[tuple[str, str]] = frozenset()
