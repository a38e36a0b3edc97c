"""What the camera gets once the queue of a persistent topic is full, on each version of Ceph."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embargo_butler.buckets import queues as full_queue
from tests.contract.server import Server
from tests.contract.site import Site
from tests.rig import ceph, credentials, gateways
from tests.rig.store import REGION, Store
from tests.support.topic_queue import shrink

pytestmark = pytest.mark.soak

_OWNER = ceph.CONTRACT_USERS["owner"]
_QUEUE_BYTES = 256 << 10
_WHOLE_BYTES = 128 << 20
_REFUSALS, _AT_MOST = 5, 2000


@pytest.fixture(params=gateways.ALL, ids=lambda store: f"Ceph {store.major}")
def store(site: None, request: pytest.FixtureRequest) -> Store:
    found: Store = request.param
    return found


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Iterator[Site]:
    """A bucket whose topic has a small queue, and an endpoint that is dead."""
    keys = asdict(credentials.load().s3(_OWNER))
    owner = {"user": _OWNER, **keys}
    server = Server(store.version(), store.url, REGION, owner, owner, owner)
    made = Site(server, f"full-{secrets.token_hex(4)}", tmp_path)
    s3 = store.client("s3", _OWNER)
    s3.create_bucket(Bucket=made.bucket)
    del made.declared["foreign"]
    made.first.down()
    try:
        made.apply()
        shrink(store, made.bucket, _QUEUE_BYTES)
        yield made
    finally:
        made.close()
        s3.delete_bucket(Bucket=made.bucket)


def test_puts_are_refused_until_the_endpoint_is_back(store: Store, full: Site) -> None:
    acknowledged, refused = list[str](), dict[str, str]()
    while len(refused) < _REFUSALS and len(acknowledged) < _AT_MOST:
        key = f"image-{len(acknowledged) + len(refused)}"
        if answer := put(full, key):
            refused[key] = answer
        else:
            acknowledged.append(key)
    whole = len(acknowledged) * _WHOLE_BYTES // _QUEUE_BYTES
    print(f"Ceph {store.major}: {len(acknowledged)} events in 256 KiB, so {whole:,} in 128 MiB")
    assert set(refused.values()) == {"SlowDown (503)"}
    there = {entry["Key"] for entry in full.s3.list_objects_v2(Bucket=full.bucket)["Contents"]}
    assert there.isdisjoint(refused), "refused, and stored all the same"
    assert whole >= full_queue.EVENTS, "what plan and audit say is too much"
    full.first.up()
    try:
        full.wait(lambda: put(full, "after"), patience=40)
    except AssertionError:
        # A queue that was put in its place may be lost sight of, and on Ceph 16 a push to an
        # endpoint that was away may never end: what people then do has to help here too.
        full.apply("renew", full.bucket)
        assert put(full, "after") == ""
    else:
        full.announced(full.first, among={*acknowledged, "after"})


def put(site: Site, key: str) -> str:
    """PUT an object; what the gateway says against it."""
    try:
        site.s3.put_object(Bucket=site.bucket, Key=key, Body=b"")
    except ClientError as error:
        answer: Any = error.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        return f"{answer['Error']['Code']} ({status})"
    site.camera.put[key] = (0, 0)
    return ""
