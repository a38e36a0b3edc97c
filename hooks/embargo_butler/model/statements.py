"""Statements of bucket policies: whose one is, and when two say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

VERSION = "2012-10-17"
# A statement is ours by its Sid, which ends with the environment's name: what one environment has
# declared stays when another, which declared it before, takes its own away. S3 allows letters and
# digits only.
SID = "EmbargoButler"
_SID = re.compile(rf"{SID}(?P<name>.*?)(Of(?P<environment>[A-Z0-9][a-z0-9]*))?")
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
# Actions, seen in the programs of 18.2.7 and 20.2.4. A gateway refuses a whole policy for one
# that it does not know.
_KNOWN = """
    AbortMultipartUpload BypassGovernanceRetention CreateBucket DeleteBucket DeleteBucketPolicy
    DeleteBucketPublicAccessBlock DeleteBucketWebsite DeleteObject DeleteObjectTagging
    DeleteObjectVersion DeleteObjectVersionTagging DeletePublicAccessBlock
    DeleteReplicationConfiguration DescribeJob GetAccelerateConfiguration GetBucketAcl
    GetBucketCORS GetBucketEncryption GetBucketLocation GetBucketLogging GetBucketNotification
    GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
    GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging
    GetBucketVersioning GetBucketWebsite GetLifecycleConfiguration GetObject GetObjectAcl
    GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent
    GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes
    GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent
    GetPublicAccessBlock GetReplicationConfiguration ListAllMyBuckets ListBucket
    ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts PostBucketLogging
    PutAccelerateConfiguration PutBucketAcl PutBucketCORS PutBucketEncryption PutBucketLogging
    PutBucketNotification PutBucketObjectLockConfiguration PutBucketOwnershipControls
    PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging
    PutBucketVersioning PutBucketWebsite PutLifecycleConfiguration PutObject PutObjectAcl
    PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl
    PutObjectVersionTagging PutPublicAccessBlock PutReplicationConfiguration ReplicateDelete
    ReplicateObject ReplicateTags RestoreObject
"""
Statement = Mapping[str, Any]


def is_known(action: str) -> bool:
    """Whether some gateway knows an action, which may be a pattern of several."""
    known = (f"s3:{name}".casefold() for name in _KNOWN.split())
    return any(fnmatchcase(name, action.casefold()) for name in known)


def below_prefix(action: str) -> bool:
    """Whether an action can be denied below a prefix: one of objects, or a listing."""
    return _BELOW_PREFIX.fullmatch(action) is not None


def is_ours(statement: Statement, environment: str) -> bool:
    """Whether an environment made a statement; one of ours that names none counts as its own."""
    made = _made(statement)
    return made is not None and made["environment"] in (None, letters(environment))


def own_name(statement: Statement) -> str:
    """Return the Sid without what tells that some environment made it; empty if none did."""
    made = _made(statement)
    return made["name"] if made else ""


def _made(statement: Statement) -> re.Match[str] | None:
    """Take the Sid apart that some environment gave; None if none did."""
    return _SID.fullmatch(str(statement.get("Sid", "")))


def same(left: Sequence[Statement], right: Sequence[Statement]) -> bool:
    """Whether both allow and deny the same, in whatever order and spelling."""
    return sorted(map(canonical, left)) == sorted(map(canonical, right))


def same_but_name(left: Statement, right: Statement) -> bool:
    """Whether both say the same, whatever their `Sid`."""
    return canonical(left, named=False) == canonical(right, named=False)


def parted(actions: list[str]) -> tuple[list[str], list[str]]:
    """Return the actions that list a bucket, and the others."""
    listing = [action for action in actions if action.casefold().startswith("s3:listbucket")]
    return listing, [action for action in actions if action not in listing]


def letters(environment: str) -> str:
    """Return an environment's name as a Sid has it."""
    return re.sub("[^a-z0-9]", "", environment.lower()).capitalize()


def read_by_ceph(principal: str) -> str:
    """Return a principal's ARN; a bare name is for Ceph a tenant, and no user."""
    bare = re.fullmatch("[^:/*]+", principal)
    return f"arn:aws:iam::{principal}:root" if bare else principal


def canonical(statement: Statement, named: bool = True) -> str:
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
            kind: sorted(read_by_ceph(str(each)) for each in listed(some))
            for kind, some in kinds.items()
        }
    for name in _ACTIONS & normal.keys():
        normal[name] = sorted(str(each).casefold() for each in listed(normal[name]))
    for name in _RESOURCES & normal.keys():
        normal[name] = sorted(map(str, listed(normal[name])))
    if isinstance(normal.get("Condition"), Mapping):
        normal["Condition"] = {
            operator: {key: sorted(map(str, listed(value))) for key, value in keys.items()}
            for operator, keys in normal["Condition"].items()
        }
    return json.dumps(normal, sort_keys=True)


def listed(value: Any) -> list[Any]:
    """Return a list, which may stand as its one entry."""
    return value if isinstance(value, list) else [value]
