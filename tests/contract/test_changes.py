"""Each change that people make, while the camera PUTs 20 objects a second: what is announced.

A row for each, on each gateway. Every object PUT after a change was made has to be announced; what
was PUT before it is announced, or lies between two times that the report names for backfill.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from embargo_butler.adapters.objects import BucketObjects
from embargo_butler.adapters.redis.records import RedisRecords
from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.config.reader import read
from embargo_butler.delivery.backfill import survey
from embargo_butler.delivery.days import Window
from embargo_butler.engine.apply import apply
from embargo_butler.engine.lease import Lease
from embargo_butler.jobs.buckets import plan as object_store
from embargo_butler.secret import Secret
from tests.contract.conftest import Rows
from tests.contract.receiver import Receiver
from tests.contract.site import Site, silent
from tests.site.services.support import PASSWORD, redis_server
from tests.unit.conftest import PIPELINE

pytestmark = pytest.mark.soak
_DEAD_SECONDS = 30
# A new topic's queue is looked at within 30 s.
_PICKED_UP_SECONDS = 40
Change = Callable[[Site], None]


def moved(site: Site) -> None:
    site.attributes["push-endpoint"] = site.second.url
    site.apply()


def moved_from_dead(site: Site) -> None:
    site.first.down()
    site.camera.more(_DEAD_SECONDS)
    moved(site)
    site.camera.more(3)
    site.first.up()


def moved_for_good(site: Site) -> None:
    site.first.down()
    site.camera.more(10)
    moved(site)


def moved_back(site: Site) -> None:
    site.first.down()
    site.camera.more(3)
    moved(site)
    site.camera.more(3)
    site.first.up()
    site.attributes["push-endpoint"] = site.first.url
    site.apply()


def resealed(site: Site) -> None:
    site.first.secret = "first"
    # A new topic's queue is picked up within 30 s; until then everything waits.
    site.wait(lambda: "" if site.first.arrived else "nothing arrives")
    site.camera.more(3)
    # As enqueue is restarted with the new one right before the topic gets it.
    site.first.secret = site.attributes["OpaqueData"] = "second"
    site.apply()


def resealed_at_once(site: Site) -> None:
    site.attributes["OpaqueData"] = "second"
    site.apply()


def resealed_while_down(site: Site) -> None:
    site.first.secret = "first"
    site.first.down()
    site.camera.more(5)
    site.first.secret = site.attributes["OpaqueData"] = "second"
    site.apply()
    site.camera.more(2)
    site.first.up()


def unqueued(site: Site) -> None:
    site.attributes["persistent"] = False
    site.apply()


def queued(site: Site) -> None:
    unqueued(site)
    site.camera.more(3)
    site.attributes["persistent"] = True
    site.apply()


def retried(site: Site) -> None:
    site.attributes |= {"max_retries": 300, "retry_sleep_duration": 2, "time_to_live": 3600}
    site.apply()


def retried_while_down(site: Site) -> None:
    site.first.down()
    site.camera.more(5)
    retried(site)
    site.camera.more(2)
    site.first.up()


def renamed(site: Site) -> None:
    name = f"{site.bucket}-renamed"
    site.topics[name] = site.topics.pop(site.bucket)
    site.declared["notifications"]["ours"]["topic"] = name
    site.apply()


def renewed(site: Site) -> None:
    site.apply("renew", site.bucket)


def renewed_when_stuck(site: Site) -> None:
    """Stuck as people have made it: another endpoint in place, with events waiting."""
    site.first.down()
    site.camera.more(3)
    site.attributes["push-endpoint"] = site.second.url
    by_hand = {key: Secret(str(value)) for key, value in site.attributes.items()}
    site.gateway.put_topic(site.bucket, by_hand)
    for entry in site.ours():
        site.gateway.put_notification(site.bucket, entry)
    site.camera.more(3)
    site.apply("renew", site.bucket)


def renewed_after_outage(site: Site) -> None:
    """Stuck by itself, as a topic of Ceph 18 may be once its endpoint has refused connections."""
    site.first.down()
    site.camera.more(_PICKED_UP_SECONDS)
    site.first.up()
    site.camera.more(3)
    site.apply("renew", site.bucket)


def added(site: Site) -> None:
    site.declare("second", site.second)
    site.apply()
    after = time.time()
    site.camera.more(3)
    later = {key for key, (begun, _) in site.camera.put.items() if begun > after}
    site.announced(site.second, among=later)


def retired(site: Site) -> None:
    site.declare("second", site.second)
    site.apply()
    site.camera.more(3)
    del site.topics[f"{site.bucket}-second"], site.declared["notifications"]["second"]
    site.apply()


def at_once(site: Site) -> None:
    """Two runs that hold the Lease one after the other, as the command line does it."""
    site.attributes["push-endpoint"] = site.second.url
    config, problems = site.load(), list[BaseException]()

    def run(who: str) -> None:
        try:
            until = time.monotonic() + 60
            with Lease(site.world.cluster(), config.lease_name, who, until, silent()) as lease:
                job = object_store(config, site.world, silent(), 0)
                apply(job.plan, job.cluster, job.gateways, silent(), lease.check)
        except BaseException as problem:
            problems.append(problem)

    runs = [threading.Thread(target=run, args=(f"run {number}",)) for number in range(2)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert problems == []
    generations = [name for name in site.gateway.topics() if name.startswith(site.bucket)]
    assert len(generations) <= 3, f"ours, the one before it and theirs: {generations}"


def unchanged(site: Site) -> None:
    assert site.apply()["result"] == "unchanged"


CHANGES: dict[str, Change] = {
    "endpoint, the old one alive": moved,
    "endpoint, the old one dead for 30 s": moved_from_dead,
    "endpoint, the old one gone for good": moved_for_good,
    "endpoint, to another and back": moved_back,
    "OpaqueData, nothing waiting": resealed,
    "OpaqueData, events waiting": resealed_while_down,
    "no longer persistent": unqueued,
    "persistent again": queued,
    "retry settings, nothing waiting": retried,
    "retry settings, events waiting": retried_while_down,
    "rename of the topic": renamed,
    "renew": renewed,
    "renew of a stuck one": renewed_when_stuck,
    "renew after an outage": renewed_after_outage,
    "second topic added": added,
    "notification retired": retired,
    "two runs at once": at_once,
    "nothing to do": unchanged,
}


# A queue of Ceph 18 stands still for good once it was looked at while its endpoint refused
# connections, changed or not (`docs/buckets.md`); then people renew its topic.
_STANDS_STILL = (resealed_while_down, retried_while_down)


def foreign_entry(site: Site) -> list[Any]:
    return [entry for entry in site.gateway.notifications(site.bucket) if entry not in site.ours()]


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_put_is_announced_or_named(site: Site, rows: Rows, change: str) -> None:
    receivers: tuple[Receiver, ...] = (site.first, site.second)
    make, mended = CHANGES[change], ""
    if make in (added, retired):
        receivers = (site.first,)
    before = foreign_entry(site)
    with site.camera.working():
        site.camera.more(1)
        make(site)
        changed = time.time()
        site.camera.more(3)
    settled = site.settle(*receivers)
    if settled.lost and make in _STANDS_STILL and site.version.startswith("18."):
        assert site.apply()["result"] == "unchanged", "the change itself is made"
        with site.camera.working():
            site.apply("renew", site.bucket)
            changed = time.time()
            site.camera.more(3)
        mended = ", renewed"
        settled = site.settle(*receivers)
    if make is moved_for_good:
        site.retire()
        settled = site.settle(*receivers)
    rows.add(
        *(change + mended, site.version, settled.puts, len(settled.lost), len(settled.named)),
        *(settled.again, len(settled.foreign)),
    )
    assert settled.lost == frozenset()
    late = {key for key in settled.named if site.camera.put[key][0] > changed}
    assert late == set(), "PUT after the change, and not announced"
    assert settled.foreign == frozenset()
    assert foreign_entry(site) == before
    if make is not moved_for_good:
        site.retire()


def test_backfill_finds_just_what_was_never_announced(site: Site, tmp_path: Path) -> None:
    """The endpoint is gone for good: what waited for it is found in the times that are named."""
    with site.camera.working():
        site.camera.more(1)
        moved_for_good(site)
        site.camera.more(1)
    missing = site.settle(site.first, site.second).named
    follows = site.version.startswith("20.")
    assert bool(missing) is not follows, "Ceph 20 sends what waits to the new endpoint"
    keys = site.server.owner
    env = {
        "S3_ENDPOINT_URL": Secret(site.server.endpoint),
        "AWS_ACCESS_KEY_ID": Secret(keys["access_key"]),
        "AWS_SECRET_ACCESS_KEY": Secret(keys["secret_key"]),
    }
    config = read(PipelineConfig, {**PIPELINE, "bucket": site.bucket}, "test")
    with redis_server(tmp_path) as port:
        admin: Any = Redis(port=port, password=PASSWORD)
        for key in site.camera.put.keys() - missing:
            notes = {"recv_time": time.time(), "ingest_time": time.time()}
            admin.hset(f"FILE:{site.bucket}/{key}", mapping=notes)
        records = RedisRecords("127.0.0.1", port, Secret(PASSWORD))
        found = set()
        for since, until in site.windows():
            within = Window(*(datetime.fromtimestamp(each, UTC) for each in (since, until)))
            lost = survey(config, BucketObjects(site.bucket, env), records, within).lost
            found |= {each.path.removeprefix(f"{site.bucket}/") for each in lost}
        records.close()
        admin.close()
    assert found == missing
