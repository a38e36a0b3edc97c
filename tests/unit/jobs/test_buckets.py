from __future__ import annotations

import copy
import io
import json
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.config.config import load
from embargo_butler.engine.apply import apply
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import GatewayError, KubernetesError, Problems, VaultError
from embargo_butler.jobs import buckets as buckets_job
from embargo_butler.model.plan import INVENTORY, Plan
from embargo_butler.model.ports import ServiceState
from embargo_butler.model.resources import KubernetesSecret, Notification, Topic, shown
from embargo_butler.secret import Secret
from tests.unit.conftest import Write
from tests.unit.fakes import FakeCluster, FakeGateway, FakeWorld

BUCKET = "rubin-summit"
EVENTS = frozenset({"s3:ObjectCreated:*"})
FOREIGN = Notification("theirs", "their-topic", EVENTS)
THEIR_STATEMENT = {"Sid": "x", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}


class Site:
    """The declared site, and runs of the job on it."""

    def __init__(self, site: dict[str, Any], write: Write, world: FakeWorld) -> None:
        self.document = site
        self.write = write
        self.world = world
        self.store = world.store
        self.said = io.StringIO()
        self.now = datetime(2026, 11, 23, 19, 44, tzinfo=UTC)
        self.last = Plan()
        self.bucket = site["bucketConfig"]["buckets"][BUCKET]
        self.attributes = site["bucketConfig"]["topics"][BUCKET]["attributes"]
        self.secret("notification-value")

    def secret(self, value: str) -> None:
        data = {"secret": Secret(value)}
        self.world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", data)

    def job(self, until: float = 0, *renew: str) -> Job:
        report = Report("", self.said, self.said, False)
        config = load(self.write(self.document))
        return buckets_job.plan(config, self.world, report, until, renew, now=self.now)

    def plan(self) -> Plan:
        return self.job().plan

    def run(self, until: float = 0, renew: tuple[str, ...] = ()) -> list[str]:
        self.store.calls.clear()
        job = self.job(until, *renew)
        report = Report("", self.said, self.said, False)
        apply(job.plan, job.cluster, job.gateways, report)
        self.last = job.plan
        self.now += timedelta(seconds=1)
        return [str(change).split(":")[0] for change in job.plan.changes]

    def wait(self, seconds: int = 3600) -> None:
        self.now += timedelta(seconds=seconds)

    def moves(self, address: str) -> None:
        self.world.fake_cluster.states = [ServiceState(address, True)]

    def ids(self) -> list[tuple[str, str]]:
        return [(n.name, n.topic) for n in self.store.notifications.get(BUCKET, [])]

    @property
    def inventory(self) -> str:
        return self.world.fake_cluster.config_maps["embargo-butler-inventory"][INVENTORY]


@pytest.fixture
def at(site: dict[str, Any], write: Write, world: FakeWorld) -> Site:
    return Site(site, write, world)


@pytest.fixture
def made(at: Site) -> Site:
    at.run()
    return at


def stamped(name: str, real: str) -> bool:
    return real.startswith(f"{name}-20") and real != name


def test_fresh_then_nothing_to_do(at: Site) -> None:
    at.store.notifications[BUCKET] = [FOREIGN]
    at.store.policies[BUCKET] = [THEIR_STATEMENT]
    assert at.run() == [
        "write ConfigMap embargo-butler-inventory",
        "put topic rubin-summit",
        "put notification to-http of bucket rubin-summit",
        "put policy of bucket rubin-summit",
        "write ConfigMap embargo-butler-inventory",
    ]
    assert at.ids() == [("theirs", "their-topic"), ("to-http", "rubin-summit")]
    topic = at.store.topics["rubin-summit"].attributes
    assert topic["push-endpoint"].text() == "http://198.19.200.1:8080/notify"
    assert topic["OpaqueData"].text() == "notification-value"
    theirs, read, deny = at.store.policies[BUCKET]
    assert theirs == THEIR_STATEMENT
    assert read["Principal"] == {"AWS": ["arn:aws:iam:::user/rubin-summit-users"]}
    assert read["Resource"] == ["arn:aws:s3:::rubin-summit", "arn:aws:s3:::rubin-summit/*"]
    assert deny["Resource"] == ["arn:aws:s3:::rubin-summit/LSSTCam/raw/*"]
    assert at.run() == []
    assert sorted(at.store.calls) == [
        "get notifications rubin-summit",
        "get policy rubin-summit",
        "get topic rubin-summit",
        "list topics",
    ]
    assert "notification-value" not in at.said.getvalue() + at.inventory
    assert "secret-value" not in at.said.getvalue() + at.inventory


def test_a_new_secret_goes_in_place_and_the_notification_is_put_again(made: Site) -> None:
    made.secret("new")
    assert made.run() == [
        "write ConfigMap embargo-butler-inventory",
        "put topic rubin-summit",
        "put notification to-http of bucket rubin-summit",
        "write ConfigMap embargo-butler-inventory",
    ]
    assert made.ids() == [("to-http", "rubin-summit")]
    assert made.run() == []


def test_a_notification_that_was_not_put_again_is_by_the_next_run(
    made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.secret("new")

    def broken(*_: Any) -> None:
        raise GatewayError("the gateway is away")

    with monkeypatch.context() as patch:
        patch.setattr(FakeGateway, "put_notification", broken)
        with pytest.raises(GatewayError):
            made.run()
    assert made.store.copies[BUCKET, "to-http"]["OpaqueData"].text() == "notification-value"
    made.run()
    assert made.store.copies[BUCKET, "to-http"]["OpaqueData"].text() == "new"
    # What was dropped meanwhile is looked for to the end of this run, not of the one before.
    assert [lookup.until for lookup in made.last.lookups] == [""]
    assert made.run() == []


def test_where_notifications_follow_their_topic_they_are_left_alone(at: Site) -> None:
    at.store.follows = True
    at.run()
    at.world.fake_cluster.states = [ServiceState("198.19.200.2", True)]
    assert at.run() == ["put topic rubin-summit"]


def test_another_endpoint_is_another_generation(made: Site) -> None:
    made.moves("198.19.200.2")
    made.run()
    ((name, topic),) = made.ids()
    assert stamped("to-http", name)
    assert stamped("rubin-summit", topic)
    assert made.store.writes == [
        f"put topic {topic}",
        f"put notification rubin-summit/{name}",
        "delete notification rubin-summit/to-http",
    ]
    assert made.run() == []


def test_what_waits_in_a_replaced_topic_has_time_to_be_delivered(made: Site) -> None:
    made.moves("198.19.200.2")
    made.run()
    (warning,) = made.last.warnings
    assert warning == (
        "topic rubin-summit (replaced) drains to http://198.19.200.1:8080/notify until "
        "2026-11-23T20:44:01Z; the first run after that takes it away"
    )
    (lookup,) = made.last.lookups
    assert str(lookup).startswith(
        "bucket rubin-summit, objects PUT from 2026-11-23T19:44:00Z until the end of this run: "
        "what waits for "
        "http://198.19.200.1:8080/notify goes with topic rubin-summit"
    )
    made.wait(3590)
    assert made.run() == []
    assert made.last.warnings == (warning,)
    assert not made.last.lookups
    made.wait(10)
    assert made.run() == [
        "delete topic rubin-summit",
        "write ConfigMap embargo-butler-inventory",
    ]
    (lookup,) = made.last.lookups
    assert lookup.until == "2026-11-23T19:44:01Z"
    assert made.run() == []
    assert len(made.store.topics) == 1


def test_a_dead_endpoint_is_not_waited_for(made: Site) -> None:
    made.document["bucketConfig"]["topics"][BUCKET]["drainSeconds"] = 0
    made.moves("198.19.200.2")
    assert made.run()[-2:] == [
        "delete topic rubin-summit",
        "write ConfigMap embargo-butler-inventory",
    ]
    assert made.run() == []


def test_a_topic_that_is_no_longer_declared_drains_too(made: Site) -> None:
    topics = made.document["bucketConfig"]["topics"]
    topics["renamed"] = topics.pop(BUCKET)
    made.bucket["notifications"]["to-http"]["topic"] = "renamed"
    made.run()
    assert sorted(made.store.topics) == ["renamed", "rubin-summit"]
    # Renamed back before it is gone: the old one is used again, and is not taken away after all.
    topics[BUCKET] = topics.pop("renamed")
    made.bucket["notifications"]["to-http"]["topic"] = BUCKET
    made.run()
    assert [topic for _, topic in made.ids()] == [BUCKET]
    made.wait()
    assert made.run()[0] == "delete topic renamed"
    made.wait()
    assert made.run() == []
    assert list(made.store.topics) == [BUCKET]


def test_a_topic_without_a_queue_goes_at_once(made: Site) -> None:
    made.attributes["persistent"] = False
    made.run()
    made.wait()
    made.run()
    (topic,) = made.store.topics
    assert stamped("rubin-summit", topic)
    made.moves("198.19.200.2")
    assert made.run()[1:-1] == [
        f"put topic {topic}",
        f"put notification {made.ids()[0][0]} of bucket rubin-summit",
    ]
    topics = made.document["bucketConfig"]["topics"]
    topics["renamed"] = topics.pop(BUCKET)
    made.bucket["notifications"]["to-http"]["topic"] = "renamed"
    assert f"delete topic {topic}" in made.run()


def test_a_topic_is_renewed_though_nothing_changed(made: Site) -> None:
    made.run(renew=("rubin-summit",))
    ((name, topic),) = made.ids()
    assert stamped("to-http", name)
    assert stamped("rubin-summit", topic)
    assert made.run() == []
    with pytest.raises(Problems, match="no topic 'other' is declared and confirmed"):
        made.run(renew=("other",))


def test_an_in_place_change_says_what_still_carries_the_old_secret(made: Site) -> None:
    made.secret("new")
    made.run()
    assert "what topic rubin-summit sent with its old OpaqueData" in str(made.last.lookups[0])
    made.attributes["verify-ssl"] = False
    made.run()
    assert made.last.lookups == ()


def test_a_topic_that_was_taken_away_comes_back_under_a_new_name(made: Site) -> None:
    made.store.topics.clear()
    made.run()
    ((name, topic),) = made.ids()
    assert stamped("to-http", name)
    assert stamped("rubin-summit", topic)
    assert made.run() == []


def test_a_kafka_endpoint_is_refused_instead(at: Site) -> None:
    at.attributes |= {"push-endpoint": "kafka://198.20.0.1:9094", "OpaqueData": ""}
    at.run()
    at.attributes["push-endpoint"] = "kafka://u:{{ secrets.notification.secret }}@198.20.0.2:9094"
    with pytest.raises(Problems, match=r"kafka://\*\*\*@198\.20\.0\.2:9094.*move the consumers"):
        at.run()
    assert at.store.writes == []


def test_what_others_made_under_our_name_is_not_overwritten(at: Site) -> None:
    endpoint = Secret("http://198.19.200.1:8080/notify")
    at.store.topics["rubin-summit"] = Topic(
        "rubin-summit", {"push-endpoint": endpoint, "OpaqueData": Secret("theirs")}
    )
    with pytest.raises(Problems, match=r"topic rubin-summit: .*takeOver: true"):
        at.run()
    assert at.store.writes == []
    at.document["bucketConfig"]["topics"][BUCKET]["takeOver"] = True
    at.store.notifications[BUCKET] = [Notification("to-http", "rubin-summit", frozenset({"x"}))]
    with pytest.raises(Problems, match=r"notification to-http .*takeOver: true"):
        at.run()
    at.bucket["notifications"]["to-http"]["takeOver"] = True
    at.run()
    assert [name for name, _ in at.ids()] == ["to-http"]
    assert at.run() == []


def test_what_is_no_longer_declared_goes_and_the_foreign_stays(made: Site) -> None:
    topics = made.document["bucketConfig"]["topics"]
    topics["second"] = {"owner": BUCKET, "attributes": {"push-endpoint": "http://h/notify"}}
    made.bucket["notifications"]["second"] = {"topic": "second", "events": sorted(EVENTS)}
    made.run()
    made.store.notifications[BUCKET].append(FOREIGN)
    del topics["second"], made.bucket["notifications"]["second"]
    assert made.run() == [
        "delete notification second of bucket rubin-summit",
        "delete topic second",
        "write ConfigMap embargo-butler-inventory",
    ]
    assert made.ids() == [("to-http", "rubin-summit"), ("theirs", "their-topic")]


def test_a_name_that_is_gone_is_not_used_again(made: Site) -> None:
    """Events may be left under it, behind which all others stand still."""
    topics = made.document["bucketConfig"]["topics"]
    for before, after in ((BUCKET, "renamed"), ("renamed", BUCKET)):
        topics[after] = topics.pop(before)
        made.bucket["notifications"]["to-http"]["topic"] = after
        made.run()
        made.wait()
        assert f"delete topic {before}" in made.run()
    ((_, topic),) = made.ids()
    assert stamped(BUCKET, topic)
    assert made.run() == []


def test_nor_is_it_after_two_runs_that_were_killed_before_their_last_write(
    made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one after it had made the topic, the other after it had taken it away."""
    made.attributes["persistent"] = False
    topics = made.document["bucketConfig"]["topics"]
    write = FakeCluster.apply_config_map

    def killed(cluster: FakeCluster, name: str, data: dict[str, str]) -> None:
        if "put topic" in " ".join(made.store.calls):
            raise KubernetesError("killed")
        write(cluster, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(FakeCluster, "apply_config_map", killed)
        for before, after in ((BUCKET, "second"), ("second", BUCKET)):
            topics[after] = topics.pop(before)
            made.bucket["notifications"]["to-http"]["topic"] = after
            with pytest.raises(KubernetesError):
                made.run()
    assert "second" not in made.store.topics
    topics["second"] = topics.pop(BUCKET)
    made.bucket["notifications"]["to-http"]["topic"] = "second"
    made.run()
    ((_, topic),) = made.ids()
    assert stamped("second", topic)


def test_two_moves_within_a_second_are_two_generations(made: Site) -> None:
    before = made.now
    for address in ("198.19.200.2", "198.19.200.3"):
        made.now = before
        made.moves(address)
        made.run()
    ((_, topic),) = made.ids()
    assert topic == f"rubin-summit-{before + timedelta(seconds=1):%Y%m%dt%H%M%S}"
    assert made.run() == []


def a_generation(made: Site) -> tuple[str, str]:
    """Have notification and topic replaced and drained; their real names."""
    made.store.notifications[BUCKET].append(FOREIGN)
    made.moves("198.19.200.2")
    made.run()
    made.wait()
    made.run()
    [(name, topic)] = (each for each in made.ids() if each[0] != FOREIGN.name)
    return name, topic


def test_a_generation_that_is_declared_by_its_real_name_stays(made: Site) -> None:
    """As where what is live was written down."""
    name, topic = a_generation(made)
    topics = made.document["bucketConfig"]["topics"]
    topics[topic] = topics.pop(BUCKET)
    made.bucket["notifications"] = {name: {"topic": topic, "events": sorted(EVENTS)}}
    assert made.run() == ["write ConfigMap embargo-butler-inventory"]
    made.secret("new")
    made.run()
    made.wait()
    assert made.run() == []
    assert (name, topic) in made.ids()
    assert topic in made.store.topics


def test_it_stays_and_nothing_is_refused_where_it_is_unconfirmed_too(made: Site) -> None:
    """As where import did not find its secret."""
    name, topic = a_generation(made)
    topics = made.document["bucketConfig"]["topics"]
    topics[topic] = {**topics.pop(BUCKET), "unconfirmed": "its OpaqueData: in no Secret"}
    made.bucket["notifications"] = {name: {"topic": topic, "events": sorted(EVENTS)}}
    made.run()
    assert made.store.writes == []
    assert (name, topic) in made.ids()


def test_the_last_of_ours_goes_only_by_name_though_others_stay(made: Site) -> None:
    made.store.notifications[BUCKET].append(FOREIGN)
    made.bucket["foreign"] = [FOREIGN.name]
    made.bucket["notifications"] = {}
    with pytest.raises(Problems, match="without any notification of ours"):
        made.run()


def test_one_topic_is_not_declared_twice(made: Site) -> None:
    _, topic = a_generation(made)
    topics = made.document["bucketConfig"]["topics"]
    topics[topic] = topics[BUCKET]
    with pytest.raises(Problems, match="is what another declared topic is called now"):
        made.run()


def test_one_notification_is_not_declared_twice(made: Site) -> None:
    name, _ = a_generation(made)
    made.document["bucketConfig"]["topics"]["second"] = {
        "owner": BUCKET,
        "attributes": dict(made.attributes),
    }
    made.bucket["notifications"][name] = {"topic": "second", "events": sorted(EVENTS)}
    with pytest.raises(Problems, match=f"notifications.{name}: is what another declared notific"):
        made.run()
    assert made.store.writes == []


def test_a_notification_in_use_is_not_retired(made: Site) -> None:
    name, _ = a_generation(made)
    made.bucket["retired"] = {"notifications": [name]}
    with pytest.raises(Problems, match=f"retired.notifications: {name} is what the declared"):
        made.run()


@pytest.mark.parametrize("lost", ["inventory", "endpoint"])
def test_a_generation_that_no_inventory_knows_of_is_adopted_by_name(made: Site, lost: str) -> None:
    name, topic = a_generation(made)
    if lost == "inventory":
        made.world.fake_cluster.config_maps.clear()
    else:
        made.document["bucketConfig"]["endpoint"] = "https://alias.example"
    with pytest.raises(Problems, match=rf"topics.{BUCKET}: {topic} is there, which once replaced"):
        made.run()
    made.document["bucketConfig"]["topics"][BUCKET]["takeOver"] = True
    with pytest.raises(Problems, match=rf"notifications.to-http: {name} is there"):
        made.run()
    made.bucket["notifications"]["to-http"]["takeOver"] = True
    made.run()
    assert made.store.writes == []
    assert (name, topic) in made.ids()
    told = "bucketConfig.endpoint no longer names: they stay"
    assert any(told in warning for warning in made.last.warnings) is (lost == "endpoint")
    made.moves("198.19.200.3")
    made.run()
    made.wait()
    made.run()
    assert topic not in made.store.topics
    assert made.run() == []


def test_who_made_it_once_is_not_needed_for_ever(made: Site) -> None:
    config = made.document["bucketConfig"]
    made.world.fake_vault.documents["second"] = {"access_key": "second-access", "secret_key": "x"}
    config["owners"]["second"] = {"path": "second"}
    config["topics"][BUCKET]["owner"] = made.bucket["owner"] = "second"
    made.run()
    made.run(renew=(BUCKET,))
    made.wait()
    made.run()
    del config["owners"][BUCKET]
    assert made.run() == []


@pytest.mark.parametrize("what", ["moved", "renamed", "all gone"])
def test_what_a_withdrawn_notification_missed_is_looked_for(made: Site, what: str) -> None:
    made.store.notifications.clear()
    made.wait(7200)
    topics = made.document["bucketConfig"]["topics"]
    if what == "moved":
        made.moves("198.19.200.2")
    elif what == "renamed":
        topics["renamed"] = topics.pop(BUCKET)
        made.bucket["notifications"]["to-http"]["topic"] = "renamed"
    else:
        made.store.topics.clear()
    made.run()
    [lookup] = (each for each in made.last.lookups if "was not there" in each.why)
    # Which topic it was on is not remembered where it is on another by now.
    assert lookup.since == ("" if what == "renamed" else "2026-11-23T19:44:00Z")


def test_a_topic_of_20_that_another_bucket_uses_stays(at: Site) -> None:
    """Its listing does not tell, so the owner's buckets do."""
    made, at.store.follows = at, True
    made.run()
    made.run(renew=(BUCKET,))
    made.store.notifications["another"] = [Notification("x", BUCKET, EVENTS)]
    made.wait()
    made.run()
    assert BUCKET in made.store.topics
    assert made.last.warnings[-1] == (
        f"topic {BUCKET} stays: used by notifications 1 in other buckets"
    )
    read = [call for call in made.store.calls if call.startswith("get notifications")]
    assert sorted(read) == ["get notifications another", f"get notifications {BUCKET}"]
    made.store.notifications["another"] = []
    made.run()
    made.wait()
    assert f"delete topic {BUCKET}" in made.run()
    assert "list buckets" in made.store.calls
    made.run()
    assert "list buckets" not in made.store.calls


def test_a_topic_of_20_that_another_bucket_uses_is_not_renewed_away_either(at: Site) -> None:
    made, at.store.follows = at, True
    made.document["bucketConfig"]["topics"][BUCKET]["drainSeconds"] = 0
    made.run()
    made.store.notifications["another"] = [Notification("x", BUCKET, EVENTS)]
    made.run(renew=(BUCKET,))
    assert BUCKET in made.store.topics


def test_the_users_of_a_topic_of_20_are_looked_for_in_the_buckets_of_all_owners(at: Site) -> None:
    made, at.store.follows = at, True
    made.attributes["persistent"] = False
    config = made.document["bucketConfig"]
    config["owners"]["second"] = {**config["owners"][BUCKET], "path": "owners/second"}
    made.world.fake_vault.documents["owners/second"] = {"access_key": "second-access"} | {
        "secret_key": "s"
    }
    config["buckets"]["others"] = {"owner": "second", "grants": {"read": ["people"]}}
    made.store.owners = {BUCKET: BUCKET, "others": "second", "another": "second"}
    made.run()
    made.store.notifications["another"] = [Notification("x", BUCKET, EVENTS)]
    config["topics"]["renamed"] = config["topics"].pop(BUCKET)
    made.bucket["notifications"]["to-http"]["topic"] = "renamed"
    made.run()
    assert BUCKET in made.store.topics


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("follows", [True, False])
def test_a_topic_of_20_stays_while_buckets_of_an_owner_without_keys_may_use_it(
    at: Site, follows: bool, declared: bool
) -> None:
    at.store.follows = follows
    config, documents = at.document["bucketConfig"], at.world.fake_vault.documents
    config["owners"]["second"] = {"path": "owners/second"}
    documents["owners/second"] = {"access_key": "second-access", "secret_key": "s"}
    old = {"owner": BUCKET, "attributes": {**at.attributes, "persistent": False}}
    config["topics"]["old"] = old
    notification = {"other": {"topic": "old", "events": sorted(EVENTS)}}
    config["buckets"]["others"] = {"owner": "second", "notifications": notification}
    at.store.owners = {BUCKET: BUCKET, "others": "second"}
    at.run()
    keys = documents.pop("owners/second")
    del config["topics"]["old"], config["buckets"]["others"]
    if declared:
        config["buckets"]["others"] = {"owner": "second", "grants": {"read": ["people"]}}
    at.run()
    assert "old" in at.store.topics
    assert '"old"' in at.inventory
    [warning] = (each for each in at.last.warnings if each.startswith("topic old stays: "))
    seen = "1 in other buckets"
    unseen = "it may be used by notifications of owner second, whose buckets cannot be read"
    assert (unseen if follows else seen) in warning
    documents["owners/second"] = keys
    if not declared:
        config["buckets"]["others"] = {"owner": "second"}
    config["buckets"]["others"]["retired"] = {"notifications": ["other"]}
    assert "delete topic old" in at.run()


def test_what_replaced_a_shared_topic_leaves_it_to_the_others(made: Site) -> None:
    topics = made.document["bucketConfig"]["topics"]
    topics[BUCKET]["shared"] = ["consumers"]
    made.run(renew=(BUCKET,))
    made.wait()
    assert made.run() == []
    assert f"take bucketConfig.topics.{BUCKET}.shared away" in made.last.warnings[0]
    del topics[BUCKET]["shared"]
    made.run()
    made.wait()
    assert f"delete topic {BUCKET}" in made.run()


def test_a_topic_that_is_used_elsewhere_stays(made: Site) -> None:
    topics = made.document["bucketConfig"]["topics"]
    topics["second"] = {"owner": BUCKET, "attributes": {"push-endpoint": "http://h/notify"}}
    made.run()
    made.store.notifications["another"] = [Notification("x", "second", EVENTS)]
    del topics["second"]
    plan = made.plan()
    assert plan.changes == ()
    assert plan.warnings == ("topic second stays: used by notifications 1 in other buckets",)
    made.run()
    assert "second" in made.inventory


def test_the_last_notification_goes_only_by_name(made: Site) -> None:
    made.bucket["notifications"] = {}
    with pytest.raises(Problems, match=r"without any notification.*retired\.notifications"):
        made.run()
    assert made.store.writes == []
    made.bucket["retired"] = {"notifications": ["to-http"]}
    made.run()
    assert made.ids() == []


def test_policy_equality_is_semantic_and_removal_minds_others(made: Site) -> None:
    read, deny = made.store.policies[BUCKET]
    read = {**read, "Principal": {"AWS": read["Principal"]["AWS"][0]}}
    read["Action"] = sorted((action.upper() for action in read["Action"]), reverse=True)
    made.store.policies[BUCKET] = [deny, THEIR_STATEMENT, read]
    assert made.run() == []
    del made.bucket["grants"], made.bucket["deny"]
    assert made.run()[0] == "put policy of bucket rubin-summit"
    assert made.store.policies[BUCKET] == [THEIR_STATEMENT]


def test_every_problem_at_once(at: Site) -> None:
    at.world.fake_vault.documents["owners/rubin-summit"] = VaultError("broken", "server-error")
    at.world.fake_cluster.secrets.clear()
    at.world.fake_cluster.states = [ServiceState(None, False)]
    with pytest.raises(Problems) as caught:
        at.run(until=time.monotonic() + 3600)
    first, second, third = map(str, caught.value.found)
    assert first == "broken"
    assert "without a load-balancer address and without a ready endpoint" in second
    assert third.startswith("Secret notification of namespace summit: is not there")


@pytest.mark.parametrize("named", [True, False])
def test_where_vault_has_no_keys_a_persons_aws_profile_does(at: Site, named: bool) -> None:
    owner = at.document["bucketConfig"]["owners"][BUCKET]
    owner["profile"] = "wsummit"
    del at.world.fake_vault.documents[owner["path"]]
    if not named:
        del owner["path"]
    at.world.by_hand = False
    assert at.run() == []
    [told] = at.last.misfortunes
    assert told.about == "owner rubin-summit"
    at.world.by_hand = True
    at.run()
    assert at.world.profiles == ["wsummit"]
    assert BUCKET in at.store.topics


@pytest.mark.parametrize(
    ("instead", "code"),
    [("nothing", 0), ("no profile", 1), ("not by hand", 1), ("another owner without", 1)],
)
@pytest.mark.parametrize("words", [["buckets", "--dry-run"], ["buckets"], ["import"]])
def test_a_person_with_the_owners_profiles_needs_no_login_to_vault(
    at: Site,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    instead: str,
    code: int,
) -> None:
    config = at.document["bucketConfig"]
    config["owners"][BUCKET]["profile"] = "wsummit"
    at.world.fake_vault.refuses = VaultError("Vault login: no token", "no-login")
    at.world.by_hand = instead != "not by hand"
    if instead == "no profile":

        def lacking(self: FakeWorld, name: str) -> Any:
            raise GatewayError(f"AWS profile {name}: is not there")

        monkeypatch.setattr(FakeWorld, "profile", lacking)
    if instead == "another owner without":
        config["owners"]["other"] = {"path": "owners/other"}
        config["buckets"]["others"] = {"owner": "other", "grants": {"read": ["people"]}}
    done = main([*words, "--config", str(at.write(at.document))], at.world)
    said = "".join(capsys.readouterr())
    assert done == (2 if "--dry-run" in words and not code else code)
    passed_over = (
        "warning: Vault is passed over, since you have the keys of all that is needed as AWS "
        "profiles (wsummit): Vault login: no token"
    )
    assert (passed_over in said) == (not code)
    assert "Vault login: no token" in said
    assert (BUCKET in at.store.topics) == (words == ["buckets"] and not code)


def test_keys_in_vault_go_before_a_persons_aws_profile(at: Site) -> None:
    at.document["bucketConfig"]["owners"][BUCKET]["profile"] = "wsummit"
    at.run()
    assert at.world.profiles == []


@pytest.mark.parametrize(
    ("held", "told", "remedy"),
    [
        (None, "there is nothing", "vault kv put secret/owners/rubin-summit access_key=ACCESS_KEY"),
        (
            VaultError("may not be read", "forbidden"),
            "may not be read",
            "vault kv put -cas=0 secret/owners/rubin-summit access_key=ACCESS_KEY",
        ),
        (
            {"access_key": "rubin-summit-access"},
            "has no field 'secret_key'",
            "vault kv patch secret/owners/rubin-summit access_key=ACCESS_KEY",
        ),
        (
            {"access_key": "rubin-summit-access", "secret_key": ""},
            "'secret_key' of Vault path owners/rubin-summit is empty",
            "vault kv patch secret/owners/rubin-summit access_key=ACCESS_KEY",
        ),
    ],
)
def test_without_an_owners_keys_all_that_is_the_owners_stays_as_it_is(
    made: Site, held: Any, told: str, remedy: str
) -> None:
    config, documents = made.document["bucketConfig"], made.world.fake_vault.documents
    config["owners"]["second"] = {"path": "owners/second"}
    documents["owners/second"] = {"access_key": "second-access", "secret_key": "s"}
    config["buckets"]["others"] = {"owner": "second", "grants": {"read": ["people"]}}
    documents["owners/rubin-summit"] = held
    if held is None:
        del documents["owners/rubin-summit"]
    made.store.notifications[BUCKET] = []
    made.moves("198.19.200.2")
    inventory = made.inventory
    assert made.run()[1] == "put policy of bucket others", "the other owner's bucket goes on"
    [misfortune] = made.last.misfortunes
    assert str(misfortune).startswith("owner rubin-summit: its keys are not there, so bucket rubin")
    assert "topic rubin-summit stays as it is" in str(misfortune)
    assert told in str(misfortune)
    assert remedy in str(misfortune)
    assert made.last.unconfirmed == ()
    assert not [call for call in made.store.writes if BUCKET in call]
    assert json.loads(inventory)["stores"].items() != json.loads(made.inventory)["stores"].items()
    for part in ("topics", "notifications"):
        [before], [after] = (
            [each[part] for each in json.loads(text)["stores"].values()]
            for text in (inventory, made.inventory)
        )
        assert after == before, "what was made stays known"
    documents["owners/rubin-summit"] = {"access_key": "rubin-summit-access", "secret_key": "s"}
    assert "put notification to-http of bucket rubin-summit" in made.run()


def test_without_an_owners_keys_what_is_declared_no_longer_is_named_too(made: Site) -> None:
    config, documents = made.document["bucketConfig"], made.world.fake_vault.documents
    config["owners"]["second"] = {"path": "owners/second"}
    documents["owners/second"] = {"access_key": "second-access", "secret_key": "s"}
    config["topics"]["old"] = {"owner": "second", "attributes": {**made.attributes}}
    config["buckets"]["others"] = {
        "owner": "second",
        "grants": {"read": ["people"]},
        "notifications": {"other": {"topic": "old", "events": sorted(EVENTS)}},
    }
    made.run()
    del documents["owners/second"], config["topics"]["old"], config["buckets"]["others"]
    assert made.run() == []
    [misfortune] = made.last.misfortunes
    assert misfortune.text.startswith(
        "its keys are not there, so notification other of bucket others, policy of bucket others, "
        "topic old stays as it is: owners/second: there is nothing"
    )


def test_keys_that_are_said_to_be_nowhere_are_told_with_where_to_say_it(made: Site) -> None:
    del made.document["bucketConfig"]["owners"][BUCKET]["path"]
    assert made.run() == []
    [misfortune] = made.last.misfortunes
    assert "set vault.ownersPath" in str(misfortune)
    made.document["vault"]["ownersPath"] = "owners"
    assert made.run() == []
    assert made.last.misfortunes == ()


def test_a_tenants_user_has_a_folder(at: Site) -> None:
    at.document["vault"]["ownersPath"] = "owners"
    at.document["bucketConfig"]["owners"]["rubin$lfa"] = {}
    config = load(at.write(at.document)).buckets
    assert config
    assert config.owners["rubin$lfa"].path == "owners/rubin/lfa"


def test_the_notification_secret_waits_for_keys_that_its_topic_needs(made: Site) -> None:
    made.document["hooks"] = {"restart": {"mode": "apply", "workloads": []}}
    made.document["enqueue"]["secret"] = {"secret": "notification", "key": "secret"}
    documents = made.world.fake_vault.documents
    documents["site/summit"] = {"redis": "redis-value", "notification": "another"}
    del documents["owners/rubin-summit"]
    assert made.run() == []
    told = [each.about for each in made.last.misfortunes]
    assert told == ["owner rubin-summit", "Secret notification"]


def test_a_topic_cannot_be_renewed_without_its_owners_keys(made: Site) -> None:
    del made.world.fake_vault.documents["owners/rubin-summit"]
    with pytest.raises(Problems, match="topic rubin-summit cannot be renewed: owner rubin-summit"):
        made.run(renew=(BUCKET,))


def test_ours_is_put_back_though_a_foreign_notification_is_missing(made: Site) -> None:
    made.bucket["foreign"] = ["theirs"]
    made.store.notifications[BUCKET] = []
    assert "put notification to-http of bucket rubin-summit" in made.run()
    [misfortune] = made.last.misfortunes
    assert misfortune.about == "bucket rubin-summit"
    assert "foreign notification theirs is not there" in misfortune.text
    assert made.run() == [], "which is told again"
    assert made.last.misfortunes == (misfortune,)


def test_a_declared_bucket_that_is_not_there_stops_no_other(made: Site) -> None:
    config = made.document["bucketConfig"]
    config["buckets"]["others"] = {"owner": BUCKET, "grants": {"read": ["people"]}}
    made.store.gone.add(BUCKET)
    made.store.notifications[BUCKET] = []
    topic = made.store.topics[BUCKET]
    assert made.run() == [
        "write ConfigMap embargo-butler-inventory",
        "put policy of bucket others",
    ]
    [misfortune] = made.last.misfortunes
    assert str(misfortune) == (
        "bucket rubin-summit: there is no such bucket, as its owner rubin-summit is told at "
        "http://198.20.0.1:7480, and what was made in it is dropped from the inventory: "
        "correct its `owner`, which may be of a tenant (`tenant$user`), make it, or take it out of "
        "bucketConfig.buckets.rubin-summit"
    )
    assert made.last.warnings == ()
    assert made.store.topics == {BUCKET: topic}, "its topic waits with it"
    assert made.run() == []
    assert "dropped" not in str(made.last.misfortunes[0])
    made.store.gone.clear()
    made.store.policies[BUCKET] = []
    assert made.run() == [
        "write ConfigMap embargo-butler-inventory",
        "put notification to-http of bucket rubin-summit",
        "put policy of bucket rubin-summit",
    ]


def test_a_topic_of_another_bucket_does_not_wait_for_one_that_is_not_there(made: Site) -> None:
    config = made.document["bucketConfig"]
    config["buckets"]["others"] = {
        "owner": BUCKET,
        "notifications": {"other": {"topic": BUCKET, "events": ["s3:ObjectCreated:*"]}},
    }
    made.store.gone.add("others")
    made.attributes["OpaqueData"] = "{{ secrets.notification.secret }}, other"
    assert "put notification to-http of bucket rubin-summit" in made.run()
    assert [each.about for each in made.last.misfortunes] == ["bucket others"]


def elsewhere(made: Site) -> dict[str, Any]:
    """Give the site a second bucket that announces, and return what is declared of buckets."""
    config: dict[str, Any] = made.document["bucketConfig"]
    config["topics"]["others"] = {"owner": BUCKET, "attributes": {**made.attributes}}
    config["buckets"]["others"] = {
        "owner": BUCKET,
        "grants": {"read": ["people"]},
        "notifications": {"other": {"topic": "others", "events": sorted(EVENTS)}},
    }
    made.run()
    return config


@pytest.mark.parametrize("theirs", [True, False])
def test_a_typo_in_the_name_of_a_bucket_takes_nothing_away(made: Site, theirs: bool) -> None:
    config = elsewhere(made)
    if theirs:
        made.bucket["foreign"] = ["theirs"]
        made.store.notifications[BUCKET].append(FOREIGN)
    config["buckets"]["rubin-sumit"] = config["buckets"].pop(BUCKET)
    made.store.gone.add("rubin-sumit")
    there, policies = made.ids(), copy.deepcopy(made.store.policies)
    config["buckets"]["others"]["grants"]["read"] = ["all"]
    inventory = made.inventory
    assert made.run() == ["put policy of bucket others"], "what is right goes on"
    assert made.ids() == there
    assert made.inventory == inventory
    assert made.store.policies[BUCKET] == policies[BUCKET]
    assert sorted(made.store.topics) == ["others", BUCKET]
    [misfortune] = made.last.misfortunes
    assert str(misfortune) == (
        "bucket rubin-sumit: there is no such bucket, as its owner rubin-summit is told at "
        "http://198.20.0.1:7480: correct its `owner`, which may be of a tenant (`tenant$user`), "
        "make it, or take it out of bucketConfig.buckets.rubin-sumit "
        "(is it rubin-summit?); until then these stay, though they are declared no longer: "
        "notification to-http of bucket rubin-summit, policy of bucket rubin-summit"
    )
    config["buckets"][BUCKET] = config["buckets"].pop("rubin-sumit")
    assert made.run() == []
    assert made.last.misfortunes == ()


def test_the_notification_secret_waits_while_a_typo_keeps_its_topic_as_it_is(made: Site) -> None:
    config = elsewhere(made)
    made.document["hooks"] = {"restart": {"mode": "apply", "workloads": []}}
    made.document["enqueue"]["secret"] = {"secret": "notification", "key": "secret"}
    documents = made.world.fake_vault.documents
    documents["site/summit"] = {"redis": "redis-value", "notification": "another"}
    config["buckets"]["rubin-sumit"] = config["buckets"].pop(BUCKET)
    made.store.gone.add("rubin-sumit")
    assert made.run() == []
    told = [each.about for each in made.last.misfortunes]
    assert told == ["bucket rubin-sumit", "Secret notification"]
    config["buckets"][BUCKET] = config["buckets"].pop("rubin-sumit")
    plan = made.plan()
    assert plan.misfortunes == ()
    assert "apply Secret notification" in str(plan.changes[0])


def test_beside_a_typo_what_is_retired_by_name_goes_all_the_same(made: Site) -> None:
    config = elsewhere(made)
    config["buckets"]["typo"] = {"owner": BUCKET, "grants": {"read": ["people"]}}
    made.store.gone.add("typo")
    config["buckets"]["others"]["notifications"] = {}
    del config["topics"]["others"]
    config["buckets"]["others"]["retired"] = {"notifications": ["other"], "topics": ["others"]}
    made.run()
    assert made.store.notifications["others"] == []
    assert list(made.store.topics) == [BUCKET]
    inventory = made.inventory
    assert "is it" not in str(made.last.misfortunes)
    assert '"other"' not in inventory


def test_of_a_bucket_that_is_declared_no_longer_the_last_of_ours_goes_only_by_name(
    made: Site,
) -> None:
    config = elsewhere(made)
    made.store.notifications[BUCKET].append(FOREIGN)
    del config["buckets"][BUCKET], config["topics"][BUCKET]
    with pytest.raises(Problems, match="bucket rubin-summit: would be left without any notif"):
        made.run()
    assert (BUCKET, "to-http") in {(BUCKET, name) for name, _ in made.ids()}


def test_a_bucket_that_was_ours_and_is_gone_is_one_line(made: Site) -> None:
    config = made.document["bucketConfig"]
    config["buckets"]["others"] = {
        "owner": BUCKET,
        "grants": {"read": ["people"]},
        "notifications": {"other": {"topic": BUCKET, "events": ["s3:ObjectCreated:*"]}},
    }
    made.run()
    del config["buckets"]["others"]
    made.store.gone.add("others")
    made.store.notifications.pop("others")
    assert made.run() == ["write ConfigMap embargo-butler-inventory"]
    assert made.last.misfortunes == ()
    [line] = made.last.warnings
    assert line.startswith("bucket others: there is no such bucket, as its owner rubin-summit is")
    assert "others" not in made.inventory
    assert made.run() == []
    assert made.last.warnings == ()


def test_a_bucket_of_that_name_in_another_tenant_is_another_one(made: Site) -> None:
    config, documents = made.document["bucketConfig"], made.world.fake_vault.documents
    config["owners"]["t$new"] = {"path": "owners/new"}
    documents["owners/new"] = {"access_key": "t$new-access", "secret_key": "s"}
    made.bucket["owner"] = "t$new"
    config["topics"][BUCKET]["owner"] = "t$new"
    made.store.gone.add(BUCKET)
    before = made.inventory
    made.run()
    assert json.loads(made.inventory)["stores"] == json.loads(before)["stores"]


def test_the_address_is_waited_for(at: Site) -> None:
    cluster = at.world.fake_cluster
    cluster.states = [
        ServiceState(None, True),
        ServiceState("198.19.200.3", False),
        ServiceState("198.19.200.3", True),
    ]
    at.run(until=time.monotonic() + 60)
    endpoint = at.store.topics["rubin-summit"].attributes["push-endpoint"].text()
    assert endpoint == "http://198.19.200.3:8080/notify"


def test_without_an_address_nothing_is_planned(at: Site) -> None:
    at.world.fake_cluster.states = [ServiceState(None, True)]
    with pytest.raises(Problems, match="without a load-balancer address;"):
        at.run()


def test_an_address_with_nothing_ready_behind_it_stands_beside_the_plan(made: Site) -> None:
    made.world.fake_cluster.states = [ServiceState("198.19.200.1", False)]
    made.store.policies[BUCKET] = []
    job = made.job()
    [problem] = job.problems
    assert "without a ready endpoint (its address is 198.19.200.1)" in str(problem)
    [change] = job.plan.changes
    assert str(change).startswith("put policy of bucket rubin-summit"), "and no drift is hidden"


def test_what_stands_beside_the_plan_is_told_where_there_is_none(made: Site) -> None:
    made.world.fake_cluster.states = [ServiceState("198.19.200.1", False)]
    made.bucket["notifications"] = {}
    made.bucket["foreign"] = ["theirs"]
    with pytest.raises(Problems) as caught:
        made.run()
    told = "; ".join(map(str, caught.value.found))
    assert "without any notification" in told
    assert "without a ready endpoint" in told


def test_another_address_than_declared_is_an_error(at: Site) -> None:
    at.document["enqueue"]["address"] = "198.19.200.9"
    with pytest.raises(Problems, match=r"has .*198\.19\.200\.1, but enqueue\.address says"):
        at.run()


def test_a_declared_address_that_has_just_changed_is_waited_for(at: Site) -> None:
    at.document["enqueue"]["address"] = "198.19.200.9"
    at.world.fake_cluster.states = [
        ServiceState("198.19.200.1", True),
        ServiceState("198.19.200.9", True),
    ]
    at.run(until=time.monotonic() + 60)
    endpoint = at.store.topics[BUCKET].attributes["push-endpoint"].text()
    assert endpoint == "http://198.19.200.9:8080/notify"


def test_no_address_is_asked_for_where_none_is_used(at: Site) -> None:
    at.attributes["push-endpoint"] = "http://198.20.0.1:8090/notify"
    at.world.fake_cluster.states = []
    at.run()
    assert at.ids() == [("to-http", "rubin-summit")]


def test_a_write_that_did_not_take_is_noticed(at: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.fakes.FakeGateway.put_notification", lambda *_: None)
    with pytest.raises(GatewayError, match="read back after the change, it is not there"):
        at.run()


def test_an_id_that_stands_several_times_goes_as_often(at: Site) -> None:
    """An Id that was put with another topic stands a second time."""
    for name in ("old", "older"):
        at.store.topics[name] = Topic(name, {})
        at.store.notifications.setdefault(BUCKET, []).append(Notification("to-http", name, EVENTS))
    at.bucket["notifications"]["to-http"]["takeOver"] = True
    at.run()
    assert [topic for _, topic in at.ids()] == [BUCKET]
    assert at.run() == []


def test_a_notification_that_does_not_go_is_told(
    made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(FakeGateway, "delete_notification", lambda *asked: tried.append(asked))
    made.bucket["notifications"] = {}
    made.bucket["retired"] = {"notifications": ["to-http"]}
    with pytest.raises(GatewayError, match="read back after the change, it is still there"):
        made.run()
    assert len(tried) == 2


_OWNED = {"owner": BUCKET, "names": [BUCKET]}


@pytest.mark.parametrize(
    "store",
    [
        {},
        {"policies": ["abc"]},
        {"topics": {BUCKET: {**_OWNED, "names": BUCKET}}},
        {"topics": {BUCKET: {**_OWNED, "left": {"before": "soon"}}}},
        {"topics": {BUCKET: {**_OWNED, "made": {BUCKET: 1764000000}}}},
    ],
)
def test_an_unreadable_inventory_is_not_taken_for_an_empty_one(at: Site, store: Any) -> None:
    stores = {at.document["bucketConfig"]["endpoint"]: store}
    text = json.dumps({"version": 1, "stores": stores} if store else {})
    at.world.fake_cluster.config_maps["embargo-butler-inventory"] = {INVENTORY: text}
    with pytest.raises(KubernetesError, match="cannot be read as an inventory"):
        at.run()


def test_many_buckets_are_read_at_once_and_each_but_twice(
    at: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets = at.document["bucketConfig"]["buckets"]
    buckets |= {f"more-{number}": {**at.bucket, "notifications": {}} for number in range(20)}
    at.run()
    together = threading.Barrier(8)
    read = FakeGateway.policy

    def waiting(gateway: FakeGateway, bucket: str) -> Any:
        if bucket in list(buckets)[:8]:
            together.wait(timeout=10)  # Breaks unless all eight are under way at once.
        return read(gateway, bucket)

    monkeypatch.setattr(FakeGateway, "policy", waiting)
    assert at.run() == []
    calls = Counter(call.rpartition(" ")[0] for call in at.store.calls)
    assert calls == {"list": 1, "get topic": 1, "get notifications": 21, "get policy": 21}


def test_each_owner_lists_the_topics_once(at: Site) -> None:
    config = at.document["bucketConfig"]
    config["owners"]["second"] = {**config["owners"][BUCKET], "path": "owners/second"}
    at.world.fake_vault.documents["owners/second"] = {
        "access_key": "second-access",
        "secret_key": "s",
    }
    config["buckets"]["second"] = {**at.bucket, "owner": "second", "notifications": {}}
    at.run()
    assert at.run() == []
    assert at.store.calls.count("list topics") == 2


def test_one_unreadable_bucket_does_not_hide_another(
    at: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.document["bucketConfig"]["buckets"]["second"] = {**at.bucket, "notifications": {}}

    def broken(gateway: FakeGateway, bucket: str) -> Any:
        raise GatewayError(f"bucket {bucket}: gone")

    monkeypatch.setattr(FakeGateway, "notifications", broken)
    with pytest.raises(Problems) as caught:
        at.run()
    told = [str(found) for found in caught.value.found]
    assert told == ["bucket rubin-summit: gone", "bucket second: gone"]
    assert at.store.writes == []


def test_a_queue_that_nothing_empties_is_warned_of(made: Site) -> None:
    live = made.store.topics[BUCKET]
    made.store.topics[BUCKET] = replace(live, follows=True)
    [warning] = made.plan().warnings
    assert f"bucketConfig.topics.{BUCKET}.attributes.time_to_live" in warning
    assert "503" in warning
    made.attributes["time_to_live"] = 86400
    assert made.plan().warnings == ()


def test_limits_that_the_gateway_does_not_heed_are_warned_of(made: Site) -> None:
    made.attributes |= {"time_to_live": 60, "max_retries": 3}
    [warning] = made.plan().warnings
    assert f"max_retries, time_to_live of bucketConfig.topics.{BUCKET}.attributes" in warning
    live = made.store.topics[BUCKET]
    made.store.topics[BUCKET] = replace(live, follows=True)
    assert made.plan().warnings == ()


def test_more_than_stays_goes_only_by_name(made: Site) -> None:
    config = made.document["bucketConfig"]
    for name in ("second", "third"):
        config["topics"][name] = {"owner": BUCKET, "attributes": dict(made.attributes)}
        made.bucket["notifications"][name] = {"topic": name, "events": sorted(EVENTS)}
    made.run()
    for name in ("second", "third"):
        del config["topics"][name], made.bucket["notifications"][name]
    with pytest.raises(Problems) as caught:
        made.run()
    told = [str(problem) for problem in caught.value.found]
    assert [text.partition(";")[0] for text in told] == [
        "would take away more than stays (1): topic second, topic third",
        "would take away more than stays (1): "
        "notification second of bucket rubin-summit, notification third of bucket rubin-summit",
    ]
    made.bucket["retired"] = {"notifications": ["second", "third"], "topics": ["second"]}
    made.run()
    assert {name for name, _ in made.ids()} == {"to-http"}


def test_what_drains_does_not_count_as_going(made: Site) -> None:
    """A topic may be renamed twice within its drain time."""
    topics = made.document["bucketConfig"]["topics"]
    for before, after in ((BUCKET, "second"), ("second", "third")):
        topics[after] = topics.pop(before)
        made.bucket["notifications"]["to-http"]["topic"] = after
        made.run()
    assert sorted(made.store.topics) == [BUCKET, "second", "third"]
    made.wait()
    made.run()
    assert sorted(made.store.topics) == ["third"]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://[bad:hunter2", "***"),
        ("http://h:hunter2/", "***"),
        ("http://u:hunter2@/notify", "***"),
        ("http://h/a hunter2", "***"),
        ("http://u:hunt/er2@h:1/notify", "http://***@h:1/notify"),
        ("kafka://u:hunt?er2@h:9093", "kafka://***@h:9093"),
        ("kafka://u:hunt#er2@h:9093", "kafka://***@h:9093"),
        ("kafka://u:hunt@er2@h:9093", "kafka://***@h:9093"),
        ("https://h/notify?token=hunter2", "https://h/notify"),
        ("https://h/notify#hunter2", "https://h/notify"),
        ("https://h:1/hooks/hunter2", "https://h:1/***"),
        ("https://h/notify/hunter2", "https://h/***"),
        ("https://h/", "https://h/"),
    ],
)
def test_what_may_be_a_credential_in_an_endpoint_is_not_shown(url: str, seen: str) -> None:
    assert shown("push-endpoint", Secret(url)) == seen
