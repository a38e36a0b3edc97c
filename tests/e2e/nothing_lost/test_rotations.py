"""Secrets are rotated in Vault, then comes an upgrade, and then the old ones are of no more use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis.exceptions import AuthenticationError

from tests.e2e.nothing_lost.conftest import THREE, Night, in_each_test
from tests.rig import ceph, credentials, vault
from tests.rig.command import wait_for
from tests.support import connect, faults, mends
from tests.support.changing import Changing
from tests.support.queues import Queues


def redis(changing: Changing) -> Callable[[], None]:
    """Redis' password: Redis has to learn it, and forget the old one."""
    old = changing.namespace.secret("redis")["redis-password"]
    _change(changing, "redis")

    def old_one_is_refused() -> bool:
        address = changing.namespace.cluster_address("redis")
        try:
            Queues.connect(address, old, changing.release.bucket).lists()
        except AuthenticationError:
            return True
        return False

    def check() -> None:
        wait_for("Redis refuses the old password", old_one_is_refused, 120)

    return check


def notification(changing: Changing) -> Callable[[], None]:
    """The notification secret: gateway and enqueue have to change it together."""
    [before] = changing.declared()["notifications"]
    _change(changing, "notification")

    def check() -> None:
        [after] = changing.declared()["notifications"]
        assert after["OpaqueData"] != before["OpaqueData"]

    return check


def object_store(changing: Changing) -> Callable[[], None]:
    """The keys of the bucket's reader: the old ones are taken away when nobody needs them."""
    known, user = credentials.load(), changing.release.users_bucket
    old = known.s3(user).access_key
    for part in ("access", "secret"):
        known.change(f"s3/{user}/{part}")
    ceph.STORE.ensure_user(user)
    vault.make(changing.release)

    def take_the_old_ones_away() -> None:
        ceph.STORE.admin("key", "rm", "--uid", user, "--access-key", old)

    return take_the_old_ones_away


def database(changing: Changing) -> Callable[[], None]:
    """The Butler's password at its database."""
    changing.rotate_database()
    return lambda: None


@in_each_test(THREE)
@pytest.mark.parametrize(
    "rotate",
    [
        pytest.param(redis, marks=pytest.mark.soak),
        notification,
        pytest.param(object_store, marks=pytest.mark.soak),
        pytest.param(database, marks=pytest.mark.soak),
    ],
)
def test_a_secret_is_rotated(
    changing: Changing, changing_night: Night, rotate: Callable[[Changing], Callable[[], None]]
) -> None:
    # Ingest is killed at the end. Events that wait while the secret changes are dropped.
    mend = mends.by_reconcile if rotate is notification else mends.by_itself
    with changing_night(mend) as load:
        before = changing.declared()["secrets"]
        finish = rotate(changing)
        load.wait_for_more(50)
        done = changing.upgrade({})
        assert done.status == 0, done.all
        assert changing.declared()["secrets"] != before
        load.wait_for_more(50)
        faults.wait_until_ready(changing.release)
        finish()
        # What still used an older one would show now.
        faults.kill(changing.release, "ingest")
        load.wait_for_more(50)
        faults.wait_until_ready(changing.release)
    assert connect.queues(changing.release).lists() == []


def _change(changing: Changing, field: str) -> None:
    new = credentials.load().change(f"vault/{changing.release.name}/{field}")
    vault.change(changing.release.renamed(vault.OWN), **{field: new})
