"""Whether what is there is as declared: the sections that take a login to Vault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from embargo_butler.buckets.inventory import is_one
from embargo_butler.config.buckets import NotificationSpec
from embargo_butler.config.config import Config
from embargo_butler.config.confirmation import remedy
from embargo_butler.engine.job import Job
from embargo_butler.health.sections import Section, Typed
from embargo_butler.health.tables import table
from embargo_butler.model.plan import (
    TIDYING,
    Change,
    DeleteNotification,
    Instruction,
    PutNotification,
    PutTopic,
)
from embargo_butler.model.resources import KeyState, Notification, Topic
from embargo_butler.secrets import predecessor

_OF_KEYS = {"changed": "older than Vault", "new": "missing", "removed": "no longer declared"}

COMPARED = ("secrets", "buckets")
"""The sections that this module makes."""


def secrets(job: Job, typed: Typed) -> Section:
    """Tell of each declared Secret whether it is as in Vault.

    Args:
        job: What would have to be done for it.
        typed: Spells the commands that are advised.
    """
    keys: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in job.keys:
        keys[each.secret][each.state].append(each.key)
    lines, problems = [], []
    for secret, states in keys.items():
        wrong = [f"{word}: {', '.join(states[s])}" for s, word in _OF_KEYS.items() if s in states]
        if wrong:
            problems.append(f"Secret {secret}: {'; '.join(wrong)}: `{typed(('plan',))}`")
        else:
            lines.append(secret)
    lines = [f"as in Vault: {', '.join(lines)}"] if lines else []
    return _planned("secrets", job, lines, problems)


def predecessors_secrets(config: Config, states: Sequence[KeyState]) -> Section:
    """Tell whether the running values are Vault's, without which a take-over is refused.

    Args:
        config: What is declared.
        states: What the comparison of both has found.
    """
    same = sorted({config.secret_name(each.secret) for each in states if each.state == "same"})
    lines = (f"as in Vault: {', '.join(same)}",) if same else ()
    return Section("secrets", lines, None, predecessor.refused(config, states))


def buckets(config: Config, job: Job, typed: Typed) -> Section:
    """Tell of each declared notification whether it and its topic are as declared.

    Args:
        config: What is declared.
        job: What would have to be done for it.
        typed: Spells the commands that are advised.
    """
    wrong = [change.instruction for change in _drift(job)]
    rows = [("BUCKET", "NOTIFICATION", "TOPIC", "")]
    declared = config.required_buckets
    for name, bucket in declared.buckets.items():
        for each in bucket.notifications.values():
            touched = any(_touches(change, name, each) for change in wrong)
            state = "to be changed" if touched else "in order"
            state = "left as it is" if (name, each.name) in job.left else state
            rows.append((name, each.name, each.topic, state))
    lines = table(rows, "") if len(rows) > 1 else []
    if job.plan.unconfirmed:
        lines.append(
            f"left alone, as unconfirmed: {len(job.plan.unconfirmed)} declarations; "
            f"`{remedy(config.environment)}` confirms what is there of them"
        )
    return _planned("buckets", job, lines, [f"{c}: `{typed(('plan',))}`" for c in _drift(job)])


def _touches(change: Instruction, bucket: str, spec: NotificationSpec) -> bool:
    """Whether a change is one of a bucket's declared notification, or of its topic."""
    match change:
        case PutTopic(topic=Topic(name=name)):
            return is_one(name, spec.topic)
        case PutNotification(bucket=at, notification=Notification(name=name)):
            return at == bucket and is_one(name, spec.name)
        case DeleteNotification(bucket=at, name=name):
            return at == bucket and is_one(name, spec.name)
    return False


def _planned(name: str, job: Job, lines: list[str], problems: list[str]) -> Section:
    lines += [f"warning: {each}" for each in job.plan.warnings]
    problems += map(str, [*job.plan.misfortunes, *job.problems])
    changes = [str(change) for change in job.plan.changes]
    if not problems and not lines:
        lines.append("as declared")
    document = {
        "changes": changes,
        "warnings": list(job.plan.warnings),
        "misfortunes": [asdict(each) for each in job.plan.misfortunes],
    }
    return Section(name, tuple(lines), document, tuple(problems))


def _drift(job: Job) -> list[Change]:
    return [each for each in job.plan.changes if not isinstance(each.instruction, TIDYING)]
