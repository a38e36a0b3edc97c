"""Ceph 20 keeps topics in another form than older ones, and moves them after an upgrade.

For as long as a tenant's topics of the old form are there, it answers 503 to what would write.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from embargo_butler.errors import GatewayError
from tests.contract.server import ENDPOINT, Server
from tests.rig import gateways
from tests.rig.store import REGION, Store

pytestmark = pytest.mark.skipif(
    Path(os.environ["RGW_GATEWAYS"]) != gateways.DESCRIBED,
    reason="needs the administrator of Ceph 20, which the site has",
)

# An empty map in Ceph's own encoding: version, oldest reader, length, number of topics.
_SCRIPT = """
import struct, sys, rados
configuration, name = sys.argv[1:]
with rados.Rados(conffile=configuration, name="client.admin") as cluster:
    with cluster.open_ioctx("default.rgw.log") as pool:
        pool.{}
"""
_WRITE, _REMOVE = 'write_full(name, struct.pack("<BBII", 2, 2, 4, 0))', "remove_object(name)"


@pytest.fixture
def migrating(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The gateway for a user of a tenant whose topics are still to be moved."""
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._PAUSE_SECONDS", 0)
    [store] = (each for each in gateways.ALL if each.major == 20)
    tenant = f"migrating{secrets.token_hex(4)}"
    user = f"{tenant}$somebody"
    keys = {"user": user, "access_key": tenant, "secret_key": secrets.token_hex(16)}
    words = ("--access-key", keys["access_key"], "--secret-key", keys["secret_key"])
    store.admin("user", "create", "--uid", user, "--display-name", user, *words)
    try:
        topics(store, tenant, _WRITE)
        yield Server(store.version(), store.url, REGION, keys, keys, keys)
    finally:
        topics(store, tenant, _REMOVE)
        store.admin("user", "rm", "--uid", user, "--purge-data")


def topics(store: Store, tenant: str, do: str) -> None:
    """Write or remove a tenant's topics of the old form."""
    store.run("python3", "-c", _SCRIPT.format(do), store.config, f"pubsub.{tenant}")


def test_topics_that_are_being_moved_are_told(migrating: Server, name: str) -> None:
    gateway, s3 = migrating.gateway(), migrating.s3()
    s3.create_bucket(Bucket=name)
    assert gateway.topics() == {}
    assert gateway.notifications(name) == ()
    told = r"ServiceUnavailable \(503\); the gateway is not ready: it is starting, migrating"
    with pytest.raises(GatewayError, match=f"topic {name}: cannot put .*{told}"):
        gateway.put_topic(name, ENDPOINT)
    with pytest.raises(GatewayError, match=f"notification id of bucket {name}: .*{told}"):
        gateway.delete_notification(name, "id")
    s3.delete_bucket(Bucket=name)
    s3.close()
