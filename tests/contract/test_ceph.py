"""The ways of Ceph's own that the order of changes is built on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.adapters.rgw.notification_xml import written
from embargo_butler.buckets import policy
from embargo_butler.config.buckets import BucketSpec, Grant
from embargo_butler.model import statements
from embargo_butler.model.resources import Notification, Topic, same_notification
from embargo_butler.secret import Secret
from tests.contract.server import CREATED, Server
from tests.contract.site import Site
from tests.contract.test_gateway import statement


def topic(name: str, **attributes: str) -> Topic:
    plain = {"push-endpoint": "http://127.0.0.1:9/notify", **attributes}
    return Topic(name, {key: Secret(value) for key, value in plain.items()})


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"OpaqueData": "", "persistent": "false"},
        {"OpaqueData": "secret", "persistent": "true"},
        {"OpaqueData": "s&c r=t%41+é/€&persistent=false", "persistent": "true"},
        {"verify-ssl": "false", "cloudevents": "true"},  # not ours to declare, read all the same
        {"push-endpoint": "kafka://127.0.0.1:9094", "kafka-ack-level": "broker"},
    ],
)
def test_attributes_mean_the_same_when_read_back(
    gateway: RgwGateway, made: str, attributes: dict[str, str]
) -> None:
    wanted = topic(made, **attributes)
    gateway.put_topic(made, wanted.attributes)
    live = gateway.topic(made)
    assert live
    assert wanted.differs(live) == frozenset()
    assert live.attributes["OpaqueData"].text() == attributes.get("OpaqueData", "")
    other = topic(made, **{**attributes, "OpaqueData": "another"})
    assert other.differs(live) == {"OpaqueData"}


def test_attributes_that_are_left_out_are_gone(gateway: RgwGateway, made: str) -> None:
    gateway.put_topic(made, topic(made, OpaqueData="x", persistent="true").attributes)
    gateway.put_topic(made, topic(made).attributes)
    live = gateway.topic(made)
    assert live
    assert topic(made).differs(live) == frozenset()


def test_puts_add_up_and_others_stay(gateway: RgwGateway, bucket: str, made: str) -> None:
    first = Notification("first", made, CREATED)
    gateway.put_notification(bucket, first)
    gateway.put_notification(bucket, Notification("second", made, CREATED))
    gateway.put_notification(
        bucket, Notification("second", made, frozenset({"s3:ObjectRemoved:*"}))
    )
    live = {entry.name: entry for entry in gateway.notifications(bucket)}
    assert sorted(live) == ["first", "second"]
    assert same_notification(live["first"], first)
    assert live["second"].events == {"s3:ObjectRemoved:*"}


@pytest.mark.parametrize("gone", ["first", "sp ace/ä&notification=second"])
def test_one_is_deleted_by_its_id_and_others_stay(
    gateway: RgwGateway, bucket: str, made: str, gone: str
) -> None:
    for name in (gone, "second"):
        gateway.put_notification(bucket, Notification(name, made, CREATED))
    gateway.delete_notification(bucket, gone)
    gateway.delete_notification(bucket, gone)
    assert [entry.name for entry in gateway.notifications(bucket)] == ["second"]


def test_all_are_never_deleted_at_once(gateway: RgwGateway, bucket: str) -> None:
    with pytest.raises(ValueError, match="empty Id"):
        gateway.delete_notification(bucket, "")


def test_one_id_given_another_topic_becomes_two(
    gateway: RgwGateway, bucket: str, made: str
) -> None:
    second = f"{made}-2"
    gateway.put_topic(second, topic(second).attributes)
    gateway.put_notification(bucket, Notification("id", made, CREATED))
    gateway.put_notification(bucket, Notification("id", second, CREATED))
    assert {entry.topic for entry in gateway.notifications(bucket)} == {made, second}
    gateway.delete_notification(bucket, "id")
    assert len(gateway.notifications(bucket)) == 1, "one of both goes at a time"
    gateway.delete_notification(bucket, "id")
    assert gateway.notifications(bucket) == ()
    gateway.delete_topic(second)


def test_a_listing_shows_the_use_of_a_topic_or_nothing(
    gateway: RgwGateway, bucket: str, made: str
) -> None:
    gateway.put_notification(bucket, Notification("id", made, CREATED))
    live = gateway.topic(made)
    assert live
    assert gateway.topics()[made] == (0 if live.follows else 1)
    assert bucket in gateway.buckets()


def test_filters_read_back_as_put(gateway: RgwGateway, bucket: str, made: str) -> None:
    chosen = frozenset({("prefix", "a&<é>/"), ("suffix", ".fits")})
    put = Notification("id", made, CREATED, chosen)
    gateway.put_notification(bucket, put)
    (live,) = gateway.notifications(bucket)
    assert live.filter == chosen
    assert same_notification(put, live)


@pytest.mark.parametrize(
    ("part", "name", "rule"),
    [
        ("S3Key", "regex", "regex"),
        ("S3Metadata", "x-amz-meta-colour", "S3Metadata x-amz-meta-colour"),
        ("S3Tags", "kind", "S3Tags kind"),
    ],
)
def test_a_filter_that_cannot_be_declared_is_seen_and_taken_away(
    site: Site, part: str, name: str, rule: str
) -> None:
    (ours,) = site.ours()
    site.gateway.delete_notification(site.bucket, ours.name)
    entry = f"<Name>{name}</Name><Value>r&amp;d</Value>"
    chosen = f"<Filter><{part}><FilterRule>{entry}</FilterRule></{part}></Filter>"
    whole = written(ours, f"arn:aws:sns:{site.server.region}::{ours.topic}").decode()
    put_raw(site, whole.replace("</TopicConfiguration>", f"{chosen}</TopicConfiguration>"))
    (live,) = site.ours()
    assert live.filter == {(rule, "r&d")}
    assert site.command("audit")["result"] == "changes"
    assert site.apply()["result"] == "changed"
    assert site.ours() == [ours]


@pytest.fixture
def of_a_tenant(ceph: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A site that nobody else has to list."""
    server = dataclasses.replace(ceph, owner=ceph.tenant)
    s3 = server.s3()
    s3.create_bucket(Bucket=name)
    site = Site(server, name, tmp_path)
    try:
        site.add_theirs()
        site.apply()
        yield site
    finally:
        site.close()
        s3.delete_bucket(Bucket=name)
        s3.close()


@pytest.mark.parametrize("unfit", ["\x1b[31mred", "\x00", "\ufffe", "tab\tcr\rlf\n\x7f\x85end"])
def test_a_listing_that_somebody_broke_is_mended_by_an_apply(of_a_tenant: Site, unfit: str) -> None:
    """The gateway puts what a topic was given into its answers, be they XML or not."""
    site = of_a_tenant
    site.attributes["OpaqueData"] = unfit
    fits = "tab" in unfit
    assert "planned" in site.apply(fails=not fits)
    assert listed(site), "refused before anything was written"
    wrong = {**site.attributes, "persistent": "true"}
    site.gateway.put_topic(site.bucket, {key: Secret(str(value)) for key, value in wrong.items()})
    if site.version.startswith("16.") and not fits:
        assert not listed(site), "else this shows nothing"
    site.attributes["OpaqueData"] = "right"
    assert site.apply()["result"] == "changed"
    assert listed(site)
    assert site.apply()["result"] == "unchanged"


def listed(site: Site) -> bool:
    """Whether everybody can read the list of topics."""
    answer = site.gateway._requests.topics("ListTopics", "topics", "list", {})
    try:
        return ElementTree.fromstring(answer) is not None
    except ElementTree.ParseError:
        return False


def put_raw(site: Site, configuration: str) -> None:
    """Put a notification as another hand would, in whatever way the gateway takes."""
    request = AWSRequest(
        "PUT", f"{site.server.endpoint}/{site.bucket}?notification", data=configuration.encode()
    )
    keys = Credentials(site.server.owner["access_key"], site.server.owner["secret_key"])
    S3SigV4Auth(keys, "s3", site.server.region).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    assert answer.status_code == 200, answer.text


def test_a_tenants_topic_notification_and_policy(ceph: Server, name: str) -> None:
    gateway, s3 = ceph.gateway("tenant"), ceph.s3("tenant")
    s3.create_bucket(Bucket=name)
    gateway.put_topic(name, topic(name).attributes)
    gateway.put_notification(name, Notification("id", name, CREATED))
    assert [(entry.name, entry.topic) for entry in gateway.notifications(name)] == [("id", name)]
    # A fresh client knows no ARN from an answer: it makes the one with the tenant.
    live = ceph.gateway("tenant").topic(name)
    assert live
    assert live.follows is ceph.version.startswith("20.")
    assert live.owner == (ceph.tenant["user"] if live.follows else "")
    assert ceph.gateway().topic(name) is None
    owner = ceph.tenant["user"]
    bucket = BucketSpec(
        name,
        owner,
        True,
        (Grant("read", (owner, "else")),),
    )
    wanted = policy.declared(bucket, "test")
    gateway.put_policy(name, wanted)
    assert statements.same(gateway.policy(name), wanted)
    ceph.gateway("tenant").delete_topic(name)
    gateway.delete_notification(name, "id")
    s3.delete_bucket(Bucket=name)
    s3.close()


def test_foreign_statements_are_kept_as_they_are(gateway: RgwGateway, bucket: str) -> None:
    foreign = {**statement(bucket), "Sid": "theirs", "Action": "s3:GetObject"}
    gateway.put_policy(bucket, [foreign, statement(bucket)])
    assert gateway.policy(bucket)[0] == foreign
