"""The count that all of this relies on sees a lost object, which the clock then brings back."""

from __future__ import annotations

from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.support import connect, faults, mends
from tests.support.count import Ledger
from tests.support.load import Load
from tests.support.namespace import INGEST, Namespace

EACH_MINUTE = ("--set", "hooks.reconcile.schedule=* * * * *")


def test_one_lost_object_is_counted_and_found_by_the_clock(release: Release) -> None:
    namespace = Namespace(release.namespace)
    ledger, queues = Ledger(release), connect.queues(release)
    namespace.kubectl("scale", INGEST, "--replicas=0")
    wait_for("ingest is gone", lambda: not faults.pods(release, "ingest"), timeout=60)
    with Load(release) as load:
        load.wait_for_more(50)
        load.wait("something waits in the queue", queues.waiting)
        stolen = queues.redis.rpop(f"QUEUE:{release.bucket}")
        # As if it had never been announced: with the record alone, only the Butler can tell.
        queues.redis.delete(f"FILE:{stolen}", f"ENQ:{stolen}")
    namespace.kubectl("scale", INGEST, "--replicas=1")
    lost = stolen.removeprefix(f"{release.bucket}/")
    mends.wake(ledger, load, but=[lost])
    count = ledger.settle(load, lost=1)
    assert count.lost == [lost]
    assert count.problems() == {"lost": 1}
    release.deploy(print, *EACH_MINUTE)
    try:
        load.rest("the clock has brought it back", lambda: not ledger.missing(load))
        mends.by_itself(ledger, load)
        assert ledger.settle(load).problems() == {}
    finally:
        release.deploy(print)
