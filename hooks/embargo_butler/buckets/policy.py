"""Bucket policies: what grants and denials mean as statements, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from embargo_butler.config.buckets import BucketSpec, Denial, Grant
from embargo_butler.config.names import ACTION, USER
from embargo_butler.model.statements import (
    PATTERN,
    SID,
    Statement,
    below_prefix,
    canonical,
    is_ours,
    letters,
    listed,
    own_name,
    parted,
    read_by_ceph,
    same_but_name,
)

_READ = ("GetBucketLocation", "GetObject", "GetObjectVersion", "ListBucket", "ListBucketVersions")
_WRITE = ("DeleteObject", "DeleteObjectVersion", "PutObject")
GRANTS = {"read": _READ, "write": _WRITE, "readWrite": _READ + _WRITE}


def declared(bucket: BucketSpec, environment: str) -> list[Statement]:
    """Return the statements that a bucket's grants and denials mean."""
    statements = list[Statement]()
    for number, grant in enumerate(bucket.grants, start=1):
        statements += _said(bucket.name, grant, number)
    for number, denial in enumerate(bucket.deny, start=1):
        statements += _said(bucket.name, denial, number)
    mark = f"Of{letters(environment)}"
    return [{**statement, "Sid": f"{statement['Sid']}{mark}"} for statement in statements]


def as_declared(
    bucket: str, live: Sequence[Statement]
) -> tuple[list[Grant], list[Denial], list[Statement]]:
    """Return the grants and denials that statements are, and those that cannot be declared."""
    left, found = list(live), list[Grant | Denial]()
    for statement in live:
        for meant in _candidates(bucket, statement):
            said = _said(bucket, meant, 0)
            alike = [next((a for a in left if same_but_name(a, one)), None) for one in said]
            if None in alike or any(_as_one(meant, other) for other in found):
                continue
            left = [each for each in left if all(each is not one for one in alike)]
            found.append(meant)
            break
    grants = [each for each in found if isinstance(each, Grant)]
    return grants, [each for each in found if isinstance(each, Denial)], left


def _as_one(one: Grant | Denial, other: Grant | Denial) -> bool:
    """Whether both would be declared in one place: then they are one statement, and not two."""
    if isinstance(one, Grant) and isinstance(other, Grant) and not one.prefix + other.prefix:
        return one.kind == other.kind
    return one == other


def _candidates(bucket: str, statement: Statement) -> Iterator[Grant | Denial]:
    """Yield what may be meant by a statement, by its users and what it says of keys."""
    principal = statement.get("Principal")
    given = principal.get("AWS") if isinstance(principal, Mapping) else principal
    users = tuple(_short(read_by_ceph(str(name))) for name in listed(given))
    actions = tuple(map(str, listed(statement.get("Action"))))
    if not all(map(USER.fits, users)):
        return
    asked = (statement.get("Condition") or {}).get("StringLike") or {}
    of_objects = f"arn:aws:s3:::{bucket}/"
    below = [str(each).removeprefix(of_objects) for each in listed(statement.get("Resource"))]
    below += map(str, listed(asked.get("s3:prefix")))
    prefixes = [each[:-1] for each in below if each.endswith("*") and not PATTERN & set(each[:-1])]
    for prefix in dict.fromkeys(["", *prefixes]):
        yield from (Grant(kind, users, prefix) for kind in GRANTS)
        if all(ACTION.fits(each) and (not prefix or below_prefix(each)) for each in actions):
            yield Denial(users, actions, prefix)


def _said(bucket: str, meant: Grant | Denial, number: int) -> list[Statement]:
    """Return the statements of a grant or denial, the so-many-th of its kind."""
    if isinstance(meant, Grant):
        return _granted(bucket, meant, number) if meant.principals else []
    return _denied(bucket, meant, number)


def planned(bucket: BucketSpec, live: Sequence[Statement], environment: str) -> list[Statement]:
    """Return a bucket's whole policy: everybody else's statements as they are, then ours.

    Where somebody else's statement says the same as one of ours, it does; not another
    environment's, which takes it away once it no longer declares it. Theirs are taken over by ours,
    so they stay where nothing is declared.
    """
    ours = declared(bucket, environment)
    others = [] if bucket.take_over and ours else without_ours(live, environment)
    said = {canonical(each, named=False) for each in others if not own_name(each)}
    return others + [each for each in ours if canonical(each, named=False) not in said]


def undeclared(bucket: BucketSpec, live: Sequence[Statement], environment: str) -> list[str]:
    """Return the statements of others that say what nobody has declared, by their `Sid`."""
    said = {canonical(statement, named=False) for statement in declared(bucket, environment)}
    return [
        str(statement.get("Sid", "")) or "without a Sid"
        for statement in without_ours(live, environment)
        if canonical(statement, named=False) not in said
    ]


def without_ours(live: Sequence[Statement], environment: str) -> list[Statement]:
    """Return everybody else's statements as they are."""
    return [statement for statement in live if not is_ours(statement, environment)]


def _granted(bucket: str, grant: Grant, number: int) -> list[Statement]:
    """Return the statements of a grant; below a prefix, listings are a matter of their own.

    Objects are named by the resource, and a listing by the condition `s3:prefix`. Where a bucket
    is, whoever reads some of it may know too.
    """
    arn, sid = f"arn:aws:s3:::{bucket}", f"{SID}{grant.kind[0].upper()}{grant.kind[1:]}"
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": [_principal(name) for name in grant.principals]},
    }
    actions = [f"s3:{action}" for action in GRANTS[grant.kind]]
    if not grant.prefix:
        return [{"Sid": sid, **allow, "Action": actions, "Resource": [arn, f"{arn}/*"]}]
    listing, others = parted(actions)
    below = {
        "Sid": f"{sid}Below{number}",
        **allow,
        "Action": others,
        "Resource": [arn, f"{arn}/{grant.prefix}*"],
    }
    if not listing:
        return [below]
    listed = {
        "Sid": f"{sid}ListBelow{number}",
        **allow,
        **_listing(arn, listing, grant.prefix),
    }
    return [below, listed]


def _denied(bucket: str, denial: Denial, number: int) -> list[Statement]:
    """Return the statements of a denial; below a prefix, as in a grant."""
    arn, sid = f"arn:aws:s3:::{bucket}", f"{SID}Deny"
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": [_principal(name) for name in denial.principals]},
    }
    actions = list(denial.actions)
    if not denial.prefix:
        whole = {"Action": actions, "Resource": [arn, f"{arn}/*"]}
        return [{"Sid": f"{sid}{number}", **deny, **whole}]
    listing, others = parted(actions)
    below = {"Action": others, "Resource": [f"{arn}/{denial.prefix}*"]}
    listed = _listing(arn, listing, denial.prefix)
    return [
        *([{"Sid": f"{sid}{number}", **deny, **below}] if others else []),
        *([{"Sid": f"{sid}ListBelow{number}", **deny, **listed}] if listing else []),
    ]


def _listing(arn: str, actions: list[str], prefix: str) -> Statement:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
    return {"Action": actions, "Resource": [arn], "Condition": condition}


def _short(arn: str) -> str:
    found = re.fullmatch(r"arn:aws:iam::([^:]*):user/([^/]+)", arn)
    return arn if not found else f"{found[1]}${found[2]}" if found[1] else found[2]


def _principal(name: str) -> str:
    """Return a user's ARN; `tenant$user` is how Ceph names a user of a tenant."""
    tenant, _, user = name.rpartition("$")
    return f"arn:aws:iam::{tenant}:user/{user}"
