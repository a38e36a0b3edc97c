"""Bucket policies: grants to statements, and whose a statement is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from embargo_butler.config.buckets import (
    BucketSpec,
    Denial,
    Grant,
)
from embargo_butler.config.names import ACTION, USER

VERSION = "2012-10-17"
# A statement is ours by its Sid, which ends with the environment's name: what one environment has
# declared stays when another, which declared it before, takes its own away. S3 allows letters and
# digits only.
SID = "EmbargoButler"
_SID = re.compile(rf"{SID}(?P<name>.*?)(Of(?P<environment>[A-Z0-9][a-z0-9]*))?")
_READ = ("GetBucketLocation", "GetObject", "GetObjectVersion", "ListBucket", "ListBucketVersions")
_WRITE = ("DeleteObject", "DeleteObjectVersion", "PutObject")
_PRINCIPALS = frozenset({"Principal", "NotPrincipal"})
_ACTIONS = frozenset({"Action", "NotAction"})
_RESOURCES = frozenset({"Resource", "NotResource"})
# Of a bucket's own actions (S3's list of them), only listings know a prefix.
_BELOW_PREFIX = re.compile(
    "s3:((?!.*bucket).*object.*|ListBucket|ListBucketVersions|AbortMultipartUpload"
    "|ListMultipartUploadParts|BypassGovernanceRetention|ReplicateDelete|ReplicateTags)",
    re.IGNORECASE,
)
PATTERN = frozenset("*?$")
"""What a policy takes for patterns and variables."""
GRANTS = {"read": _READ, "write": _WRITE, "readWrite": _READ + _WRITE}

Statement = Mapping[str, Any]


def declared(bucket: BucketSpec, environment: str) -> list[Statement]:
    """Return the statements that a bucket's grants and denials mean."""
    statements = list[Statement]()
    for number, grant in enumerate(bucket.grants, start=1):
        statements += _said(bucket.name, grant, number)
    for number, denial in enumerate(bucket.deny, start=1):
        statements += _said(bucket.name, denial, number)
    mark = f"Of{_letters(environment)}"
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
    users = tuple(_short(_read_by_ceph(str(name))) for name in _listed(given))
    actions = tuple(map(str, _listed(statement.get("Action"))))
    if not all(map(USER.fits, users)):
        return
    asked = (statement.get("Condition") or {}).get("StringLike") or {}
    of_objects = f"arn:aws:s3:::{bucket}/"
    below = [str(each).removeprefix(of_objects) for each in _listed(statement.get("Resource"))]
    below += map(str, _listed(asked.get("s3:prefix")))
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


def below_prefix(action: str) -> bool:
    """Whether an action can be denied below a prefix: one of objects, or a listing."""
    return _BELOW_PREFIX.fullmatch(action) is not None


def endangers(denial: Denial, owner: str, ingested: bool) -> str:
    """Return what would happen if a denial hit the bucket's own owner; empty if it does no harm.

    Ceph lets a denial count for the owner as well, be it of the policy itself (16.2.15).

    Args:
        denial: What is denied.
        owner: The bucket's owner.
        ingested: Whether the environment ingests from this bucket.
    """
    if owner not in denial.principals:
        return ""
    listing, others = _parted(list(denial.actions))
    if not denial.prefix or listing or not all(map(below_prefix, others)):
        return (
            f"denies {', '.join(denial.actions)} to {owner}, who owns the bucket and could be "
            "locked out, of its policy too: only an administrator of the object store could mend "
            f"that; take {owner} out of `principals`, or deny actions of objects only (such as "
            "s3:PutObject), below a `prefix`"
        )
    if ingested:
        return (
            f"denies {', '.join(denial.actions)} below {denial.prefix} to {owner}, who owns the "
            "bucket, and the environment ingests from all of it (ingest.env.BUCKET): images could "
            f"be refused when they are PUT, or read; take {owner} out of `principals`"
        )
    return ""


def planned(bucket: BucketSpec, live: Sequence[Statement], environment: str) -> list[Statement]:
    """Return a bucket's whole policy: everybody else's statements as they are, then ours.

    Where somebody else's statement says the same as one of ours, it does; not another
    environment's, which takes it away once it no longer declares it. Theirs are taken over by ours,
    so they stay where nothing is declared.
    """
    ours = declared(bucket, environment)
    others = [] if bucket.take_over and ours else without_ours(live, environment)
    said = {_canonical(each, named=False) for each in others if not own_name(each)}
    return others + [each for each in ours if _canonical(each, named=False) not in said]


def undeclared(bucket: BucketSpec, live: Sequence[Statement], environment: str) -> list[str]:
    """Return the statements of others that say what nobody has declared, by their `Sid`."""
    said = {_canonical(statement, named=False) for statement in declared(bucket, environment)}
    return [
        str(statement.get("Sid", "")) or "without a Sid"
        for statement in without_ours(live, environment)
        if _canonical(statement, named=False) not in said
    ]


def without_ours(live: Sequence[Statement], environment: str) -> list[Statement]:
    """Return everybody else's statements as they are."""
    return [statement for statement in live if not is_ours(statement, environment)]


def is_ours(statement: Statement, environment: str) -> bool:
    """Whether an environment made a statement; one of ours that names none counts as its own."""
    made = _made(statement)
    return made is not None and made["environment"] in (None, _letters(environment))


def own_name(statement: Statement) -> str:
    """Return the Sid without what tells that some environment made it; empty if none did."""
    made = _made(statement)
    return made["name"] if made else ""


def _made(statement: Statement) -> re.Match[str] | None:
    """Take the Sid apart that some environment gave; None if none did."""
    return _SID.fullmatch(str(statement.get("Sid", "")))


def same(left: Sequence[Statement], right: Sequence[Statement]) -> bool:
    """Whether both allow and deny the same, in whatever order and spelling."""
    return sorted(map(_canonical, left)) == sorted(map(_canonical, right))


def same_but_name(left: Statement, right: Statement) -> bool:
    """Whether both say the same, whatever their `Sid`."""
    return _canonical(left, named=False) == _canonical(right, named=False)


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
    listing, others = _parted(actions)
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
    listing, others = _parted(actions)
    below = {"Action": others, "Resource": [f"{arn}/{denial.prefix}*"]}
    listed = _listing(arn, listing, denial.prefix)
    return [
        *([{"Sid": f"{sid}{number}", **deny, **below}] if others else []),
        *([{"Sid": f"{sid}ListBelow{number}", **deny, **listed}] if listing else []),
    ]


def _parted(actions: list[str]) -> tuple[list[str], list[str]]:
    """Return the actions that list a bucket, and the others."""
    listing = [action for action in actions if action.casefold().startswith("s3:listbucket")]
    return listing, [action for action in actions if action not in listing]


def _listing(arn: str, actions: list[str], prefix: str) -> Statement:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
    return {"Action": actions, "Resource": [arn], "Condition": condition}


def _letters(environment: str) -> str:
    return re.sub("[^a-z0-9]", "", environment.lower()).capitalize()


def _short(arn: str) -> str:
    found = re.fullmatch(r"arn:aws:iam::([^:]*):user/([^/]+)", arn)
    return arn if not found else f"{found[1]}${found[2]}" if found[1] else found[2]


def _principal(name: str) -> str:
    """Return a user's ARN; `tenant$user` is how Ceph names a user of a tenant."""
    tenant, _, user = name.rpartition("$")
    return f"arn:aws:iam::{tenant}:user/{user}"


def _read_by_ceph(principal: str) -> str:
    """Return a principal's ARN; a bare name is for Ceph a tenant, and no user."""
    bare = re.fullmatch("[^:/*]+", principal)
    return f"arn:aws:iam::{principal}:root" if bare else principal


def _canonical(statement: Statement, named: bool = True) -> str:
    """Return one spelling of all that mean the same.

    Args:
        statement: The statement.
        named: Whether the name matters, as far as it tells whose it is.
    """
    normal = {key: value for key, value in statement.items() if key != "Sid"}
    if named:
        made = _made(statement)
        normal["Sid"] = [SID, made["environment"]] if made else statement.get("Sid", "")
    for name in _PRINCIPALS & normal.keys():
        # Principals are of kinds, and a bare text is one of AWS.
        value = normal[name]
        kinds = value if isinstance(value, Mapping) else {"AWS": value}
        normal[name] = {
            kind: sorted(_read_by_ceph(str(each)) for each in _listed(some))
            for kind, some in kinds.items()
        }
    for name in _ACTIONS & normal.keys():
        normal[name] = sorted(str(each).casefold() for each in _listed(normal[name]))
    for name in _RESOURCES & normal.keys():
        normal[name] = sorted(map(str, _listed(normal[name])))
    if isinstance(normal.get("Condition"), Mapping):
        normal["Condition"] = {
            operator: {key: sorted(map(str, _listed(value))) for key, value in keys.items()}
            for operator, keys in normal["Condition"].items()
        }
    return json.dumps(normal, sort_keys=True)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
