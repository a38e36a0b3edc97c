"""What others have made is found, told, and left as it is, unless it is named to be taken over."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.engine.apply import apply
from embargo_butler.errors import Problems
from embargo_butler.jobs.clean_up import clean_up
from embargo_butler.model import statements
from embargo_butler.model.resources import Notification, same_notification
from embargo_butler.secret import Secret
from tests.contract.server import CREATED, Server
from tests.contract.site import FOREIGN, Site, silent

ELSEWHERE = {"push-endpoint": Secret("http://127.0.0.1:9/elsewhere"), "persistent": Secret("true")}
THEIR_STATEMENT = {
    "Sid": "theirs",
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam:::user/theirs"]},
    "Action": ["s3:GetObject"],
}


@pytest.fixture
def site(declared: Site) -> Site:
    return declared


@pytest.fixture
def other(ceph: Server, site: Site) -> Iterator[RgwGateway]:
    """Another user, who has made a topic of the name that we declare."""
    gateway = ceph.gateway("other")
    gateway.put_topic(site.bucket, ELSEWHERE)
    yield gateway
    gateway.delete_topic(site.bucket)


def elsewhere(gateway: RgwGateway, topic: str) -> bool:
    live = gateway.topic(topic)
    assert live
    return live.attributes["push-endpoint"] == ELSEWHERE["push-endpoint"]


def test_a_topic_that_another_bucket_uses_is_not_taken_away(site: Site) -> None:
    site.apply()
    another = f"{site.bucket}-another"
    site.s3.create_bucket(Bucket=another)
    site.gateway.put_notification(another, Notification("theirs", site.bucket, CREATED))
    site.apply("renew", site.bucket)
    warnings = site.run(later=3601).warnings
    assert f"topic {site.bucket} stays: used by notifications 1 in other buckets" in warnings
    assert site.bucket in site.gateway.topics()
    site.gateway.delete_notification(another, "theirs")
    site.s3.delete_bucket(Bucket=another)
    site.run()
    site.retire()


def test_another_users_topic_is_not_overwritten(site: Site, other: RgwGateway) -> None:
    with pytest.raises(Problems) as caught:
        site.run()
    [problem] = caught.value.found
    assert str(problem).startswith(f"topic {site.bucket}: ")
    assert elsewhere(other, site.bucket)
    assert site.ours() == []
    assert site.world.fake_cluster.writes == [], "nothing is written at all"


def test_another_users_topic_is_taken_over_where_the_gateway_lets_us(
    site: Site, other: RgwGateway
) -> None:
    site.topics[site.bucket]["takeOver"] = True
    if site.version.startswith("20."):
        with pytest.raises(Problems, match=f"topic {site.bucket}: .*another user owns it"):
            site.run()
        assert elsewhere(other, site.bucket)
        return
    site.run()
    # Its endpoint was another, and events may wait for that: a new generation, and the old one is
    # left until it has drained.
    [entry] = site.ours()
    assert entry.topic != site.bucket
    assert site.run().changes == ()


def test_our_own_that_was_made_by_hand_is_taken_over(site: Site) -> None:
    site.gateway.put_topic(site.bucket, ELSEWHERE)
    removed = frozenset({"s3:ObjectRemoved:*"})
    site.gateway.put_notification(site.bucket, Notification("ours", site.bucket, removed))
    with pytest.raises(Problems, match=f"topic {site.bucket}: .*takeOver: true"):
        site.run()
    site.topics[site.bucket]["takeOver"] = True
    with pytest.raises(Problems, match=r"notification ours .*takeOver: true"):
        site.run()
    assert elsewhere(site.gateway, site.bucket)
    [entry] = site.ours()
    assert entry.events == removed
    site.declared["notifications"]["ours"]["takeOver"] = True
    site.run()
    [entry] = site.ours()
    wanted = Notification(entry.name, entry.topic, CREATED)
    assert same_notification(entry, wanted)
    assert site.run().changes == ()


def test_a_missing_foreign_notification_is_told_and_ours_is_put(site: Site) -> None:
    site.gateway.delete_notification(site.bucket, FOREIGN)
    report = site.apply()
    [misfortune] = report["misfortunes"]
    assert f"the foreign notification {FOREIGN} is not there" in str(misfortune)
    assert len(site.ours()) == 1
    assert all(each.name != FOREIGN for each in site.gateway.notifications(site.bucket))
    # There is nothing to be done, and it is told as long as it lasts.
    [again] = site.apply("buckets", "--dry-run")["misfortunes"]
    assert again == misfortune


def test_their_statements_stay_until_they_are_taken_over(site: Site) -> None:
    theirs = {**THEIR_STATEMENT, "Resource": [f"arn:aws:s3:::{site.bucket}/*"]}
    site.gateway.put_policy(site.bucket, [theirs])
    site.declared["grants"] = {"read": ["somebody"]}
    site.run()
    assert site.gateway.policy(site.bucket)[0] == theirs
    assert len(site.gateway.policy(site.bucket)) == 2
    site.declared["takeOver"] = True
    site.run()
    [read] = site.gateway.policy(site.bucket)
    assert statements.is_ours(read, site.load().environment)
    assert site.run().changes == ()


def test_an_uninstall_leaves_what_is_not_ours(site: Site) -> None:
    site.declared["grants"] = {"read": ["somebody"]}
    site.apply()
    kept = copy.deepcopy(site.gateway.policy(site.bucket))
    foreign = [entry for entry in site.gateway.notifications(site.bucket) if entry.name == FOREIGN]
    job = clean_up(site.load(), site.world, silent())
    apply(job.plan, job.cluster, job.gateways, silent())
    assert list(site.gateway.notifications(site.bucket)) == foreign
    assert statements.same(site.gateway.policy(site.bucket), kept)
    left = {name for name in site.gateway.topics() if name.startswith(site.bucket)}
    assert left == {f"{site.bucket}-theirs"}
    assert clean_up(site.load(), site.world, silent()).plan.changes == ()


def test_an_uninstall_that_keeps_keeps(site: Site) -> None:
    site.document["bucketConfig"]["onUninstall"] = "keep"
    site.apply()
    before = site.gateway.notifications(site.bucket)
    assert clean_up(site.load(), site.world, silent()).plan.changes == ()
    assert site.gateway.notifications(site.bucket) == before
