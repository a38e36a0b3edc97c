"""The count that all of this relies on: it sees an object that is lost, and one that is surplus."""

from __future__ import annotations

from tests.rig.release import Release
from tests.support import connect
from tests.support.count import Ledger
from tests.support.load import Load
from tests.support.namespace import INGEST, Namespace


def test_one_lost_object_is_counted_and_no_other(release: Release) -> None:
    namespace = Namespace(release.namespace)
    ledger, queues = Ledger(release), connect.queues(release)
    namespace.kubectl("scale", INGEST, "--replicas=0")
    with Load(release) as load:
        load.wait_for_more(50)
        load.wait("something waits in the queue", queues.waiting)
        stolen = queues.redis.rpop(f"QUEUE:{release.bucket}")
    namespace.kubectl("scale", INGEST, "--replicas=1")
    count = ledger.settle(load, lost=1)
    assert count.lost == [stolen.removeprefix(f"{release.bucket}/")]
    assert count.problems() == {"lost": 1}
    queues.redis.lpush(f"QUEUE:{release.bucket}", stolen)
    assert ledger.settle(load).problems() == {}
