"""Redis' password changes without a restart of Redis, and without a moment in which one is refused.

Beside the key with the password, its Secret has another one, `<key>.admitted`, with the SHA-256 of
each further password that Redis lets in. Redis reads both when it starts, so it may be restarted
between any two of these steps:

1. the Secret admits the next password;
2. so does the running Redis (ACL, no restart);
3. the Secret's password is the next one, and the one before is admitted: whoever starts from now
   on has the next;
4. whoever has the one before is restarted;
5. the running Redis does not let it in any more, then the Secret does not, and Redis once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from embargo_butler.config.delivery import SecretKey
from embargo_butler.model.plan import AdmitPassword, ApplySecret, Change, DismissPassword, Plan
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret

SUFFIX = ".admitted"


def digest(password: Secret) -> str:
    """Return what stands for a password where Redis is told of it."""
    return hashlib.sha256(password.reveal()).hexdigest()


def admitted(at: SecretKey, live: KubernetesSecret | None) -> list[str]:
    """Return what a Secret admits beside its password."""
    found = live.data.get(at.key + SUFFIX) if live else None
    return found.text().split() if found else []


def carried(
    at: SecretKey | None, desired: Iterable[KubernetesSecret], live: Mapping[str, KubernetesSecret]
) -> list[KubernetesSecret]:
    """Return the declared Secrets with what Redis is to let in beside the declared password."""
    return [
        _carried(at, each, live.get(each.name)) if at and each.name == at.secret else each
        for each in desired
    ]


def overlapping(at: SecretKey | None, plan: Plan, live: Mapping[str, KubernetesSecret]) -> Plan:
    """Return a plan of Secrets in which the next password is let in before anybody has it."""
    changes = [
        each
        for change in plan.changes
        for each in (*(_before(at, change, live) if at else ()), change)
    ]
    return replace(plan, changes=tuple(changes))


def dismissal(at: SecretKey, live: KubernetesSecret, let_in: frozenset[str]) -> Plan:
    """Plan the last step.

    Args:
        at: Where the password is.
        live: Its Secret.
        let_in: What the running Redis lets in.
    """
    olds = admitted(at, live)
    by = (live.data[at.key],)
    changes = [
        Change(DismissPassword(each, by), "nobody has it any more")
        for each in olds
        if each in let_in
    ]
    again = [
        replace(change, reason="once more, as Redis may have started in between")
        for change in changes
    ]
    if olds:
        kept = {key: value for key, value in live.data.items() if key in live.applied}
        kept.pop(at.key + SUFFIX, None)
        changes.append(
            Change(ApplySecret(replace(live, data=kept), live), "Redis has one password again")
        )
    return Plan((*changes, *again))


def _carried(
    at: SecretKey, wanted: KubernetesSecret, live: KubernetesSecret | None
) -> KubernetesSecret:
    password, before = wanted.data.get(at.key), live.data.get(at.key) if live else None
    if password is None:
        return wanted
    further = dict.fromkeys(admitted(at, live))
    if before and before != password:
        further[digest(before)] = None
    further.pop(digest(password), None)
    if not further:
        return wanted
    return replace(wanted, data={**wanted.data, at.key + SUFFIX: Secret(" ".join(further))})


def _before(
    at: SecretKey, change: Change, live: Mapping[str, KubernetesSecret]
) -> tuple[Change, ...]:
    wanted = change.instruction
    if not isinstance(wanted, ApplySecret) or wanted.secret.name != at.secret:
        return ()
    there = live.get(at.secret)
    before = there.data.get(at.key) if there else None
    password = wanted.secret.data.get(at.key)
    if there is None or not before or not password or before == password:
        return ()
    further = dict.fromkeys([*admitted(at, there), digest(password)])
    kept = there.applied | (wanted.secret.data.keys() & there.data.keys())
    data = {key: there.data[key] for key in kept if key in there.data}
    data[at.key + SUFFIX] = Secret(" ".join(further))
    return (
        Change(ApplySecret(replace(there, data=data), there), f"admits the next {at.key} as well"),
        Change(AdmitPassword(digest(password), (before, password)), f"the next {at.key} as well"),
    )
