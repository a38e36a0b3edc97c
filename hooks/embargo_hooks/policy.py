"""Bucket policies: grants to statements, and whose a statement is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from embargo_hooks._buckets_config import BucketSpec

VERSION = "2012-10-17"
# A statement is ours by its Sid. S3 allows letters and digits only.
SID = "EmbargoButler"
_READ = ("GetBucketLocation", "GetObject", "GetObjectVersion", "ListBucket", "ListBucketVersions")
_WRITE = ("DeleteObject", "DeleteObjectVersion", "PutObject")
_GRANTS = {"read": _READ, "write": _WRITE, "readWrite": _READ + _WRITE}

Statement = Mapping[str, Any]


def declared(bucket: BucketSpec) -> list[Statement]:
    """Return the statements that a bucket's grants and denials mean."""
    arn = f"arn:aws:s3:::{bucket.name}"
    statements: list[Statement] = [
        {
            "Sid": f"{SID}{grant[0].upper()}{grant[1:]}",
            "Effect": "Allow",
            "Principal": {"AWS": [_principal(name) for name in bucket.grants[grant]]},
            "Action": [f"s3:{action}" for action in actions],
            "Resource": [arn, f"{arn}/*"],
        }
        for grant, actions in _GRANTS.items()
        if bucket.grants.get(grant)
    ]
    statements.extend(
        {
            "Sid": f"{SID}Deny{number}",
            "Effect": "Deny",
            "Principal": {"AWS": [_principal(name) for name in denial.principals]},
            "Action": list(denial.actions),
            "Resource": [f"{arn}/{denial.prefix}*"],
        }
        for number, denial in enumerate(bucket.deny, start=1)
    )
    return statements


def merged(ours: Sequence[Statement], live: Sequence[Statement]) -> list[Statement]:
    """Return a whole policy: everybody else's statements as they are, then ours."""
    return [statement for statement in live if not is_ours(statement)] + list(ours)


def is_ours(statement: Statement) -> bool:
    """Whether we made a statement."""
    return str(statement.get("Sid", "")).startswith(SID)


def same(left: Sequence[Statement], right: Sequence[Statement]) -> bool:
    """Whether both allow and deny the same, in whatever order and spelling."""
    return sorted(map(_canonical, left)) == sorted(map(_canonical, right))


def _principal(name: str) -> str:
    """Return a user's ARN; `tenant$user` is how Ceph names a user of a tenant."""
    if name == "*" or name.startswith("arn:"):
        return name
    tenant, _, user = name.rpartition("$")
    return f"arn:aws:iam::{tenant}:user/{user}"


def _canonical(statement: Statement) -> str:
    normal = dict(statement)
    principal = normal.get("Principal")
    if isinstance(principal, Mapping):
        principal = principal.get("AWS", principal)
    normal["Principal"] = sorted(_principal(str(name)) for name in _listed(principal))
    normal["Action"] = sorted(str(name).casefold() for name in _listed(normal.get("Action")))
    normal["Resource"] = sorted(str(name) for name in _listed(normal.get("Resource")))
    return json.dumps(normal, sort_keys=True)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
