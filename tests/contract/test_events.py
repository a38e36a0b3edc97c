"""No event is lost while the camera goes on, in short; `make soak` has each change by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from embargo_butler.migration import live
from embargo_butler.migration.confirming import confirmation, marks, without_marks
from embargo_butler.migration.importing import imported
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret
from tests.contract.calls import counted
from tests.contract.server import CREATED
from tests.contract.site import FOREIGN, Site, silent
from tests.contract.test_changes import Change, moved, renamed, renewed, resealed_at_once, unqueued


def moved_back(site: Site) -> None:
    site.attributes["push-endpoint"] = site.first.url
    site.apply()


def test_with_a_living_endpoint_every_event_of_every_change_arrives(site: Site) -> None:
    """Each change comes while the events of those before it still wait."""
    changes: tuple[Change, ...] = (
        *(moved, resealed_at_once, renewed),
        *(moved_back, renamed, unqueued),
    )
    with site.camera.working():
        for change in changes:
            site.camera.more(1)
            change(site)
            assert site.reports[-1]["result"] == "changed", change
        site.camera.more(1)
    site.announced(site.first, site.second)
    site.announced(site.theirs)
    assert site.apply()["result"] == "unchanged"
    site.retire()


def test_with_a_dead_endpoint_the_new_one_gets_all_that_follows(site: Site) -> None:
    with site.camera.working():
        site.first.down()
        site.camera.more(2)
        moved(site)
        follows = set(site.camera.put)
        site.camera.more(2)
    follows = set(site.camera.put) - follows
    site.announced(site.second, among=follows)
    # It came back within the drain time: what waited for it is delivered after all.
    site.first.up()
    site.announced(site.first, site.second)
    site.announced(site.theirs)


def test_events_expire_where_the_gateway_says_so(site: Site) -> None:
    """The plan asks for `time_to_live` only where it does something."""
    site.attributes["time_to_live"] = 1
    site.apply()
    topic = site.gateway.topic(site.bucket)
    assert topic is not None
    if topic.follows:  # else a queue may stand still for good, as Ceph 18's do
        site.first.down()
    with site.camera.working():
        site.camera.more(3)
    early = set(site.camera.put)
    if not topic.follows:
        # Seconds later, as a new topic's queue is looked at every 30 s.
        site.announced(site.first)
        return
    site.first.up()
    with site.camera.working():
        site.wait(lambda: "" if site.first.keys - early else "nothing arrives")
    assert early - site.first.keys, "none has expired, and the queue is past them"


def test_an_events_key_is_the_objects(site: Site) -> None:
    site.declare("at-once", site.second, persistent=False)
    site.apply()
    key = "image 0+ä%2F.fits"
    site.s3.put_object(Bucket=site.bucket, Key=key, Body=b"")
    site.wait(lambda: "" if key in site.second.keys else f"came: {site.second.keys}")
    site.s3.delete_object(Bucket=site.bucket, Key=key)


def test_what_is_live_is_imported_and_its_plan_is_empty(site: Site) -> None:
    site.declare("raw", site.second)
    chosen = {"prefix": "a/", "suffix": ".fits"}
    site.declared["notifications"]["raw"]["filter"] = chosen
    site.declared["grants"] = {"read": ["somebody", "tenant$other"]}
    site.apply()
    held = {"secret": Secret("first")}
    site.world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", held)
    # As people have made it by hand: written down nowhere, and by another name.
    site.world.fake_cluster.config_maps.clear()
    [granted] = site.gateway.policy(site.bucket)
    site.gateway.put_policy(site.bucket, [{**granted, "Sid": "ByHand"}])
    site.document["secrets"] = {"notification": {"secret": {"value": ""}}}
    site.topics.clear()
    site.declared |= {"notifications": {}, "grants": {}}
    config = site.load()
    assert config.buckets
    there = live.of_buckets(config, site.world, silent())
    site.document |= imported(config.buckets, there)
    found = site.document["bucketConfig"]
    topic = found["topics"][site.bucket]["attributes"]
    assert topic["OpaqueData"] == "{{ secrets.notification.secret }}"
    bucket = found["buckets"][site.bucket]
    assert bucket["grants"] == {"read": ["somebody", "tenant$other"]}
    assert bucket["foreign"] == [FOREIGN]
    assert bucket["notifications"]["raw"]["filter"] == chosen
    assert site.run().changes == ()


def test_what_is_unconfirmed_is_confirmed_by_what_is_live(site: Site) -> None:
    site.declare("raw", site.second)
    site.declared["notifications"]["raw"] |= {
        "events": ["s3:ObjectCreated:Put"],
        "filter": {"prefix": "a/", "suffix": ".fits"},
    }
    site.declared["grants"] = {"read": ["somebody", "tenant$other"]}
    site.apply()
    # As people have made it by hand: written down nowhere, and by another name.
    site.world.fake_cluster.config_maps.clear()
    [granted] = site.gateway.policy(site.bucket)
    site.gateway.put_policy(site.bucket, [{**granted, "Sid": "ByHand"}])
    is_so = copy.deepcopy(site.document["bucketConfig"])
    config = site.document["bucketConfig"]
    # What people guess: another Id, another topic that pushes to the same place, other attributes.
    topic = config["topics"].pop(f"{site.bucket}-raw")
    config["topics"]["guessed"] = topic | {"unconfirmed": "a guess"}
    topic["attributes"]["persistent"] = False
    guessed = {"topic": "guessed", "events": sorted(CREATED)}
    site.declared["notifications"] = {
        "some-id": site.declared["notifications"]["ours"] | {"unconfirmed": "a guess"},
        "guessed": guessed,
    }
    site.declared |= {"grants": {"read": ["somebody"]}, "unconfirmed": "a guess"}
    marked = marks(config)
    declared = site.load().required_buckets
    site.document["bucketConfig"] = without_marks(copy.deepcopy(config))
    whole = site.load()
    there = live.as_far_as_seen(whole, whole.required_buckets, site.world, silent())
    found = confirmation(declared, whole.required_buckets, marked, there)
    assert (found.left, found.notes) == ({}, ())
    for fact in found.facts:
        fact.write(config)
    site.document["bucketConfig"] = config
    assert marks(config) == frozenset()
    assert config["buckets"] == {site.bucket: is_so["buckets"][site.bucket]}
    assert site.load().required_buckets.topics.keys() == is_so["topics"].keys()
    assert site.run().changes == ()


def blanked(site: Site) -> str:
    for entry in site.ours():
        site.gateway.delete_notification(site.bucket, entry.name)
    return f"put notification ours of bucket {site.bucket}: new"


def pointed_elsewhere(site: Site) -> str:
    wrong = {**site.attributes, "push-endpoint": site.second.url}
    site.gateway.put_topic(site.bucket, {key: Secret(str(wrong[key])) for key in wrong})
    return f"endpoint {site.second.url} -> {site.first.url}"


def granted_more(site: Site) -> str:
    statement = {
        "Sid": "Mine",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/someone"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{site.bucket}/*"],
    }
    site.gateway.put_policy(site.bucket, [*site.gateway.policy(site.bucket), statement])
    return f"policy of bucket {site.bucket}: its statement Mine is not declared"


def silenced(site: Site) -> str:
    site.first.down()
    return f"topic {site.bucket}: its endpoint {site.first.url} does not answer"


@pytest.mark.parametrize("drift", [blanked, pointed_elsewhere, granted_more, silenced])
def test_what_another_hand_changed_is_found(site: Site, drift: Callable[[Site], str]) -> None:
    site.declared["grants"] = {"read": ["somebody"]}
    site.apply()
    assert site.command("audit")["result"] == "unchanged"
    told = drift(site)
    report = site.command("audit")
    assert report["result"] == "changes"
    changes = [f"{each['action']} {each['object']}: {each['reason']}" for each in report["planned"]]
    assert any(told in line for line in (*changes, *report["warnings"]))


def test_a_run_with_nothing_to_do_reads_each_but_once_and_writes_nothing(site: Site) -> None:
    with counted() as calls:
        assert site.apply()["result"] == "unchanged"
    assert sorted(calls) == ["GET ?notification", "GET ?policy", "GetTopicAttributes", "ListTopics"]
