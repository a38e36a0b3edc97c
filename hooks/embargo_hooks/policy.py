"""Bucket policies: grants to statements, and whose a statement is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from embargo_hooks._buckets_config import BucketSpec, Denial, Grant, tenant_of
from embargo_hooks._names import USER
from embargo_hooks.templates import render

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
GRANTS = {"read": _READ, "write": _WRITE, "readWrite": _READ + _WRITE}

Statement = Mapping[str, Any]


def declared(bucket: BucketSpec, environment: str) -> list[Statement]:
    """Return the statements that a bucket's grants, denials and own statements mean."""
    arn = f"arn:aws:s3:::{bucket.name}"
    statements = list[Statement]()
    for number, grant in enumerate(bucket.grants, start=1):
        if grant.principals:
            statements += _granted(bucket.name, grant, number)
    for number, denial in enumerate(bucket.deny, start=1):
        statements += _denied(bucket.name, denial, number)
    names = {"name": bucket.name, "arn": arn, "tenant": tenant_of(bucket.owner)}
    statements.extend(
        {
            **_with_principals(_filled(given, {"bucket": names}), _principal),
            "Sid": f"{SID}{given.get('Sid', f'Own{number}')}",
        }
        for number, given in enumerate(bucket.statements, start=1)
    )
    mark = f"Of{_letters(environment)}"
    return [{**statement, "Sid": f"{statement['Sid']}{mark}"} for statement in statements]


def as_grant(bucket: str, statement: Statement) -> tuple[str, list[str]] | None:
    """Return the grant that a statement is, and to whom; None if it is none."""
    principal = statement.get("Principal")
    given = principal.get("AWS") if isinstance(principal, Mapping) else principal
    names = [_short(str(name)) for name in _listed(given)]
    if not all(map(USER.fits, names)):
        return None
    for kind in GRANTS:
        [whole] = _granted(bucket, Grant(kind, tuple(names)), 0)
        if same_but_name(whole, statement):
            return kind, names
    return None


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
    if name == "*" or name.startswith("arn:"):
        return name
    tenant, _, user = name.rpartition("$")
    return f"arn:aws:iam::{tenant}:user/{user}"


def as_ceph_reads(statement: Statement) -> Statement:
    """Return a live statement with tenants' ARNs, as declared a bare name means a user."""
    return _with_principals(statement, _read_by_ceph)


def _with_principals(statement: Statement, spelled: Callable[[str], str]) -> Statement:
    principals = {
        key: {**value, "AWS": [spelled(str(name)) for name in _listed(value["AWS"])]}
        for key, value in statement.items()
        if key in _PRINCIPALS and isinstance(value, Mapping) and "AWS" in value
    }
    return {**statement, **principals}


def _read_by_ceph(principal: str) -> str:
    """Return a principal's ARN; a bare name is for Ceph a tenant, and no user."""
    bare = re.fullmatch("[^:/*]+", principal)
    return f"arn:aws:iam::{principal}:root" if bare else principal


def _filled(value: Any, context: Mapping[str, Any]) -> Any:
    """Fill in the templates of all texts in a value."""
    if isinstance(value, Mapping):
        return {key: _filled(each, context) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, context) for each in value]
    return render(value, context) if isinstance(value, str) else value


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
