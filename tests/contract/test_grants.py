"""Who may do what by a declared policy: tried by another user, on each gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.handlers import validate_bucket_name

from embargo_butler.buckets import policy
from embargo_butler.config.buckets import BucketSpec, Denial, Grant, endangers
from embargo_butler.model import statements
from tests.contract.server import Server

OURS, THEIRS = "LSSTCam/ours.fits", "LATISS/theirs.fits"


@pytest.fixture
def other(ceph: Server, bucket: str) -> Iterator[Any]:
    """Another user's client; an object lies below each of two prefixes."""
    owner, client = ceph.s3(), ceph.s3("other")
    for key in (OURS, THEIRS):
        owner.put_object(Bucket=bucket, Key=key, Body=key.encode())
    yield client
    for entry in owner.list_objects_v2(Bucket=bucket).get("Contents", ()):
        owner.delete_object(Bucket=bucket, Key=entry["Key"])
    owner.close()
    client.close()


def allow(ceph: Server, bucket: str, *grants: Grant, deny: tuple[Denial, ...] = ()) -> None:
    spec = BucketSpec(bucket, ceph.owner["user"], True, grants, deny)
    wanted = policy.declared(spec, "test")
    ceph.gateway().put_policy(bucket, wanted)
    assert statements.same(ceph.gateway().policy(bucket), wanted)


def read(client: Any, bucket: str, key: str) -> str:
    content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content.decode()


def listed(client: Any, bucket: str, prefix: str) -> list[str]:
    found = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    versions = client.list_object_versions(Bucket=bucket, Prefix=prefix)
    keys = [entry["Key"] for entry in found["Contents"]]
    assert [entry["Key"] for entry in versions["Versions"]] == keys
    return keys


def refused(call: Callable[..., Any], **arguments: str) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "403")
    return False


def test_what_may_be_read_below_a_prefix_ends_there(ceph: Server, bucket: str, other: Any) -> None:
    assert refused(other.get_object, Bucket=bucket, Key=OURS)
    allow(ceph, bucket, Grant("read", (ceph.other["user"],), "LSSTCam/"))
    assert read(other, bucket, OURS) == OURS
    assert listed(other, bucket, "LSSTCam/") == [OURS]
    assert listed(other, bucket, "LSSTCam/ou") == [OURS]
    other.get_bucket_location(Bucket=bucket)
    assert refused(other.get_object, Bucket=bucket, Key=THEIRS)
    for prefix in ("", "LATISS/", "LSST"):
        assert refused(other.list_objects_v2, Bucket=bucket, Prefix=prefix), prefix
        assert refused(other.list_object_versions, Bucket=bucket, Prefix=prefix), prefix
    assert refused(other.list_objects_v2, Bucket=bucket)
    assert refused(other.put_object, Bucket=bucket, Key=OURS, Body="")
    assert refused(other.delete_object, Bucket=bucket, Key=OURS)


def test_what_may_be_written_below_a_prefix_ends_there(
    ceph: Server, bucket: str, other: Any
) -> None:
    allow(ceph, bucket, Grant("write", (ceph.other["user"],), "LSSTCam/"))
    other.put_object(Bucket=bucket, Key="LSSTCam/new.fits", Body=b"")
    other.delete_object(Bucket=bucket, Key="LSSTCam/new.fits")
    for key in (THEIRS, "new.fits"):
        assert refused(other.put_object, Bucket=bucket, Key=key, Body=""), key
    assert refused(other.delete_object, Bucket=bucket, Key=THEIRS)
    assert refused(other.get_object, Bucket=bucket, Key=OURS)
    assert refused(other.list_objects_v2, Bucket=bucket, Prefix="LSSTCam/")


def test_a_denial_below_a_prefix_is_stronger_than_a_grant(
    ceph: Server, bucket: str, other: Any
) -> None:
    users = (ceph.other["user"],)
    deny = Denial(users, ("s3:GetObject",), "LATISS/")
    allow(ceph, bucket, Grant("readWrite", users), deny=(deny,))
    assert read(other, bucket, OURS) == OURS
    other.put_object(Bucket=bucket, Key="LATISS/new.fits", Body=b"")
    assert refused(other.get_object, Bucket=bucket, Key=THEIRS)


def test_a_denial_of_the_whole_bucket_denies_listing(ceph: Server, bucket: str, other: Any) -> None:
    users = (ceph.other["user"],)
    allow(ceph, bucket, Grant("read", users), deny=(Denial(users, ("s3:ListBucket",), ""),))
    assert refused(other.list_objects_v2, Bucket=bucket)
    assert read(other, bucket, OURS) == OURS


def test_a_denied_listing_below_a_prefix_ends_there(ceph: Server, bucket: str, other: Any) -> None:
    users = (ceph.other["user"],)
    deny = Denial(users, ("s3:ListBucket", "s3:ListBucketVersions"), "LATISS/")
    allow(ceph, bucket, Grant("read", users), deny=(deny,))
    assert listed(other, bucket, "LSSTCam/") == [OURS]
    for prefix in ("LATISS/", "LATISS/th"):
        assert refused(other.list_objects_v2, Bucket=bucket, Prefix=prefix), prefix
        assert refused(other.list_object_versions, Bucket=bucket, Prefix=prefix), prefix
    assert read(other, bucket, THEIRS) == THEIRS


def test_a_user_of_a_tenant_is_let_in(ceph: Server, bucket: str, other: Any) -> None:
    user, client = ceph.tenant["user"], ceph.s3("tenant")
    # Ceph's way to name the bucket of another tenant, here of none; boto3 takes it for a mistake.
    client.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    there = f":{bucket}"
    allow(ceph, bucket, Grant("read", (user.rpartition("$")[2],), "LSSTCam/"))
    assert refused(client.get_object, Bucket=there, Key=OURS), "that is a user of no tenant"
    allow(ceph, bucket, Grant("read", (user,), "LSSTCam/"))
    assert read(client, there, OURS) == OURS
    assert listed(client, there, "LSSTCam/") == [OURS]
    assert refused(client.get_object, Bucket=there, Key=THEIRS)
    assert refused(client.list_objects_v2, Bucket=there, Prefix="LATISS/")
    assert refused(other.get_object, Bucket=bucket, Key=OURS)
    client.close()


def test_an_owner_who_is_denied_objects_below_a_prefix_keeps_the_bucket(
    ceph: Server, bucket: str, other: Any
) -> None:
    owner, gateway = ceph.s3(), ceph.gateway()
    denial = Denial((ceph.owner["user"],), ("s3:PutObject", "s3:*DeleteObject*"), "LSSTCam/")
    assert not endangers(denial, ceph.owner["user"], ingested=False)
    allow(ceph, bucket, deny=(denial,))
    assert refused(owner.put_object, Bucket=bucket, Key=OURS, Body="")
    assert refused(owner.delete_object, Bucket=bucket, Key=OURS)
    owner.put_object(Bucket=bucket, Key=THEIRS, Body=b"")
    assert gateway.notifications(bucket) == ()
    gateway.put_policy(bucket, [])
    owner.delete_object(Bucket=bucket, Key=OURS)
    owner.close()
