"""What can be declared about buckets, and what becomes of it."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from embargo_butler.buckets import policy
from embargo_butler.buckets.inventory import Ledger
from embargo_butler.cli.job.command import main
from embargo_butler.config.buckets import Grant
from embargo_butler.config.config import load
from embargo_butler.errors import ConfigError, HooksError, Problems
from embargo_butler.jobs.clean_up import without_ours
from embargo_butler.model import statements
from embargo_butler.model.resources import KubernetesSecret, Notification, Topic
from embargo_butler.secret import Secret
from tests.unit.conftest import DOCUMENTS, PIPELINE, Write
from tests.unit.fakes import FakeWorld
from tests.unit.jobs.test_buckets import BUCKET, EVENTS, THEIR_STATEMENT, Site


@pytest.fixture
def at(site: dict[str, Any], write: Write, world: FakeWorld) -> Site:
    return Site(site, write, world)


def test_every_mistake_is_told_at_once_with_its_place(site: dict[str, Any], write: Write) -> None:
    config = site["bucketConfig"]
    config["owners"][BUCKET]["pat"] = "x"
    config["owners"][BUCKET]["acces"] = "x"
    config["topics"][BUCKET]["attributes"] |= {"persistent": "yes", "amqp-exchange": "x"}
    bucket = config["buckets"][BUCKET]
    bucket["grants"]["admin"] = ["x"]
    bucket["deny"] += [{"principals": ["x"]}, {"principals": "x", "actions": [1]}]
    wrong = {"topic": "x", "events": ["s3:Nothing"], "filter": {"regex": "x"}, "takeOver": 1}
    bucket["notifications"]["to-http"] |= wrong
    with pytest.raises(Problems) as caught:
        load(write(site))
    places = [str(found).split(": ")[1] for found in caught.value.found]
    here = f"bucketConfig.buckets.{BUCKET}"
    assert places == [
        f"bucketConfig.owners.{BUCKET}.pat",
        f"bucketConfig.owners.{BUCKET}.acces",
        f"bucketConfig.topics.{BUCKET}.attributes.persistent",
        f"bucketConfig.topics.{BUCKET}.attributes.amqp-exchange",
        f"{here}.grants.admin",
        f"{here}.deny[1].actions",
        f"{here}.deny[2].principals",
        f"{here}.deny[2].actions[0]",
        f"{here}.notifications.to-http.topic",
        f"{here}.notifications.to-http.events",
        f"{here}.notifications.to-http.filter.regex",
        f"{here}.notifications.to-http.takeOver",
    ]
    assert all(str(found).split(":")[0].endswith("config.yaml") for found in caught.value.found)


def test_what_is_no_list_hides_no_other_mistake(site: dict[str, Any], write: Write) -> None:
    config = site["bucketConfig"]
    config["topics"][BUCKET] |= {"shared": "x", "drainSeconds": -1, "takeOver": 1}
    bucket = config["buckets"][BUCKET]
    bucket |= {"deny": {}, "foreign": "x", "takeOver": 1, "unconfirmed": 1}
    bucket["retired"] = {"notifications": "x", "topics": {}}
    with pytest.raises(Problems) as caught:
        load(write(site))
    assert [str(found).split(": ")[1].split(".", 3)[-1] for found in caught.value.found] == [
        *("shared", "drainSeconds", "takeOver"),
        *("deny", "foreign", "retired.notifications", "retired.topics"),
        *("takeOver", "unconfirmed"),
    ]


def test_a_grant_below_a_prefix_takes_the_prefix_as_it_stands(
    site: dict[str, Any], write: Write
) -> None:
    bucket = site["bucketConfig"]["buckets"][BUCKET]
    below = {"principals": ["x"], "prefix": "LSSTCam/"}
    bucket["grants"] = {"read": ["y", below], "write": [{**below, "prefix": "LATISS/"}]}
    config = load(write(site)).buckets
    assert config
    assert config.buckets[BUCKET].grants == (
        Grant("read", ("y",)),
        Grant("read", ("x",), "LSSTCam/"),
        Grant("write", ("x",), "LATISS/"),
    )
    bucket["grants"] = {"write": [1, {"principals": ["x"]}, {**below, "prefix": "a*"}]}
    bucket["deny"] = [{**below, "actions": ["s3:GetObject"], "prefix": "${aws:username}/"}]
    with pytest.raises(Problems) as caught:
        load(write(site))
    assert [
        str(found).split(": ")[1].partition(f"{BUCKET}.")[2] for found in caught.value.found
    ] == [
        "grants.write[0]",
        "grants.write[1].prefix",
        "grants.write[2].prefix",
        "deny[0].prefix",
    ]


def test_a_denial_of_the_whole_bucket_is_of_the_bucket_itself_too(at: Site) -> None:
    at.bucket["deny"] = [{"principals": ["x"], "actions": ["s3:*"]}]
    denied = policy.declared(_bucket(at), "summit")[-1]
    assert denied["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]


def test_a_denial_below_a_prefix_is_of_its_objects_and_of_listing_them(at: Site) -> None:
    below = {"principals": ["x"], "prefix": "raw/"}
    at.bucket["deny"] = [{**below, "actions": ["s3:PutObject*", "s3:ListBucket"]}]
    objects, listing = policy.declared(_bucket(at), "summit")[-2:]
    assert objects["Action"] == ["s3:PutObject*"]
    assert objects["Resource"] == [f"arn:aws:s3:::{BUCKET}/raw/*"]
    assert listing["Action"] == ["s3:ListBucket"]
    assert listing["Resource"] == [f"arn:aws:s3:::{BUCKET}"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["raw/*"]}}
    at.bucket["deny"] = [{**below, "actions": ["s3:GetObject", "s3:DeleteBucket", "s3:Get*"]}]
    with pytest.raises(Problems) as caught:
        at.plan()
    assert [str(found).partition("deny")[2][:14] for found in caught.value.found] == [
        "[0].actions[1]",
        "[0].actions[2]",
    ]


LOCKED_OUT = "only an administrator of the object store could mend that; take rubin-summit out of"
REFUSED = (
    "images could be refused when they are PUT, or read; take rubin-summit out of `principals`"
)


@pytest.mark.parametrize(
    ("actions", "prefix", "ingested", "told"),
    [
        (["s3:*"], "", "else", LOCKED_OUT),
        (["s3:PutObject"], "", "else", LOCKED_OUT),
        (["s3:PutBucketPolicy"], "", "else", LOCKED_OUT),
        (["s3:DeleteBucketPolicy"], "", "else", LOCKED_OUT),
        (["s3:GetBucket*"], "", "else", LOCKED_OUT),
        (["s3:PUTBUCKETPOLICY"], "", "else", LOCKED_OUT),
        (["s3:ListBucket"], "raw/", "else", LOCKED_OUT),
        (["s3:PutObject", "s3:LISTBUCKETVERSIONS"], "raw/", "else", LOCKED_OUT),
        (["s3:*"], "raw/", "else", "cannot be denied below a prefix"),
        (["S3:*"], "raw/", "else", "expected an action"),
        (["s3:Put*"], "raw/", "else", "cannot be denied below a prefix"),
        (["s3:PutBucketPolicy"], "raw/", "else", "cannot be denied below a prefix"),
        (["s3:PutObject"], "LSSTCam/", "rubin-summit", REFUSED),
        (["s3:GetObject*"], "LSST", "embargo@rubin-summit", REFUSED),
        (["s3:PutObject"], "LSSTCam/raw/", "tenant:rubin-summit", REFUSED),
        (["s3:PutObject", "s3:DELETEOBJECT", "s3:Get*Object*"], "LSSTCam/raw/", "else", ""),
    ],
)
def test_a_denial_that_hits_the_buckets_owner(
    at: Site,
    capsys: pytest.CaptureFixture[str],
    actions: list[str],
    prefix: str,
    ingested: str,
    told: str,
) -> None:
    at.document["pipeline"] = {**PIPELINE, "bucket": ingested}
    denial = {"principals": ["people", "rubin-summit"], "actions": actions, "prefix": prefix}
    at.bucket["deny"].append(denial)
    code = main(["buckets", "--dry-run", "--config", str(at.write(at.document))], at.world)
    said = "".join(capsys.readouterr())
    if not told:
        assert code == 2, said
        return
    assert code == 1
    assert f"bucketConfig.buckets.{BUCKET}.deny[1]" in said
    assert told in said
    assert at.store.calls == [], "nothing is even read"


@pytest.mark.parametrize(
    ("owner", "principal", "told"),
    [
        ("rubin$rubin-summit", "rubin$rubin-summit", "take rubin$rubin-summit out of"),
        ("rubin$rubin-summit", "rubin-summit", ""),  # whom Ceph takes for another
        *(
            ("rubin$rubin-summit", each, "expected a user")
            for each in (
                *("*", "rubin$*", "rubin$", "arn:aws:iam:::user/rubin-summit"),
                *("arn:aws:iam::rubin:user/rubin-summit", "arn:aws:iam::rubin:root"),
            )
        ),
        ("rubin$rubin-summit", "rubin", ""),  # a user of that name, not the tenant
    ],
)
def test_the_owner_is_denied_by_one_name_only(
    at: Site, owner: str, principal: str, told: str
) -> None:
    config = at.document["bucketConfig"]
    config["owners"][owner] = config["owners"].pop(BUCKET)
    config["topics"][BUCKET]["owner"] = at.bucket["owner"] = owner
    at.bucket["deny"] = [{"principals": [principal], "actions": ["s3:*"]}]
    if told:
        with pytest.raises(HooksError, match=re.escape(told)):
            load(at.write(at.document))
        return
    [statement] = policy.declared(_bucket(at), "summit")[-1:]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam:::user/{principal}"]}


def test_all_attributes_that_ceph_documents(at: Site) -> None:
    del at.document["bucketConfig"]["topics"][BUCKET]["attributes"]["OpaqueData"]
    at.attributes |= {
        "push-endpoint": "kafka://u:{{ secrets.notification.secret }}@broker:9093",
        **{"use-ssl": True, "verify-ssl": None, "mechanism": "SCRAM-SHA-512"},
        **{"ca-location": "/ca.pem", "kafka-ack-level": "broker", "kafka-brokers": "a:1,b:2"},
        **{"user-name": "u", "password": "{{ secrets.notification.secret }}"},
        **{"time_to_live": 60, "max_retries": 3, "retry_sleep_duration": 10},
        "Policy": json.dumps({"Statement": []}),
    }
    del at.attributes["verify-ssl"]
    at.run()
    made = at.store.topics[BUCKET].attributes
    assert made["push-endpoint"].text() == "kafka://u:notification-value@broker:9093"
    assert made["use-ssl"].text() == "true"
    assert made["retry_sleep_duration"].text() == "10"
    assert "notification-value" not in at.said.getvalue() + at.inventory
    at.attributes["Policy"] = '{ "Statement":[] }'
    assert at.run() == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("buckets.{b}.notifications.to-http.filter.regex", "a{2"),
        ("buckets.{b}.notifications.to-http.filter.metadata", {"x-amz-meta-a": "b"}),
        ("buckets.{b}.notifications.to-http.filter.tags", {"a": "b"}),
        ("buckets.{b}.statements", []),
        ("topics.{b}.attributes.push-endpoint", "amqp://mq:5672"),
        ("topics.{b}.attributes.push-endpoint", "amqps://mq:5671"),
        ("topics.{b}.attributes.amqp-exchange", "images"),
        ("topics.{b}.attributes.amqp-ack-level", "broker"),
        ("topics.{b}.attributes.cloudevents", True),
    ],
)
def test_what_kills_a_gateway_or_enqueue_understands_not_is_no_part_of_it(
    at: Site, place: str, value: object
) -> None:
    *parents, last = place.format(b=BUCKET).split(".")
    node = at.document["bucketConfig"]
    for name in parents:
        node = node.setdefault(name, {})
    node[last] = value
    with pytest.raises(ConfigError, match=f"bucketConfig.{place.format(b=BUCKET)}: "):
        at.plan()
    assert at.store.calls == []


COLOUR = "\x1b[31mhunter2"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("topics.{b}.attributes.OpaqueData", COLOUR),
        (
            "topics.{b}.attributes.OpaqueData",
            "{{ secrets.notification.secret ~ '\\x1b[31mhunter2' }}",
        ),
        ("topics.{b}.attributes.OpaqueData", "hunter2\x00"),
        (
            "topics.{b}.attributes.OpaqueData",
            "hunter2{{ secrets.notification.secret ~ '\\ud83d' }}",
        ),
        ("topics.{b}.attributes.OpaqueData", "hunter2\ufffe"),
        ("topics.{b}.attributes.push-endpoint", f"http://h/{COLOUR}"),
        ("topics.{b}.attributes.Policy", f'{{"Id": "{COLOUR}"}}'),
        ("topics.{b}.attributes.ca-location", COLOUR),
        ("topics.{b}.shared", ["x", COLOUR]),
        ("buckets.{b}.foreign", [COLOUR]),
        ("buckets.{b}.retired", {"topics": [COLOUR]}),
        ("buckets.{b}.notifications.to-http.filter", {"prefix": COLOUR}),
        ("buckets.{b}.grants.read", [{"principals": ["x"], "prefix": COLOUR}]),
        ("buckets.{b}.deny", [{"principals": ["x"], "actions": ["s3:*"], "prefix": COLOUR}]),
        ("buckets.{b}.notifications", {COLOUR: {}}),
    ],
)
def test_text_that_a_gateways_answer_cannot_carry_is_refused(
    at: Site, capsys: pytest.CaptureFixture[str], place: str, value: object
) -> None:
    *parents, last = place.format(b=BUCKET).split(".")
    node = at.document["bucketConfig"]
    for name in parents:
        node = node[name] if name in node else node.setdefault(name, {})
    node[last] = value
    assert main(["buckets", "--config", str(at.write(at.document))], at.world) == 1
    told = "".join(capsys.readouterr())
    assert re.search(
        rf"bucketConfig\.{place.format(b=BUCKET)}\S*: (one of its keys: )?character \d+ is U\+",
        told,
    )
    assert "hunter2" not in told
    assert "\x1b" not in told
    assert at.store.writes == at.world.fake_cluster.writes == []


@pytest.mark.parametrize(
    ("verb", "by_topic"), [("secrets", True), ("buckets", True), ("secrets", False)]
)
def test_a_secret_that_a_gateways_answer_cannot_carry_is_refused_before_any_write(
    at: Site, capsys: pytest.CaptureFixture[str], verb: str, by_topic: bool
) -> None:
    told = f"bucketConfig.topics.{BUCKET}.attributes.OpaqueData: Secret notification, key secret: "
    if not by_topic:  # as where somebody keeps the buckets by hand
        del at.document["bucketConfig"]
        held = {"secret": "notification", "key": "secret"}
        enqueue = {"deployment": "embargo-butler-enqueue", "secret": held}
        at.document["pipeline"] = {**PIPELINE, "enqueue": enqueue}
        told = "Secret notification, key secret, which notifications carry: "
    documents = {**DOCUMENTS, "site/summit": {"redis": "x", "notification": f"abc{COLOUR}"}}
    world = FakeWorld(documents)
    live = {"secret": Secret(f"abc{COLOUR}")}
    world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", live)
    assert main([verb, "--config", str(at.write(at.document))], world) == 1
    said = "".join(capsys.readouterr())
    assert f"{told}character 4 is U+001B, a control character, which no answer of the" in said
    assert "hunter2" not in said
    assert world.store.writes == world.fake_cluster.writes == []


def test_what_a_template_makes_fit_is_taken(at: Site) -> None:
    documents = {**DOCUMENTS, "site/summit": {"redis": "x", "notification": COLOUR}}
    at.world = FakeWorld(documents)
    at.attributes["OpaqueData"] = "{{ secrets.notification.secret | b64encode }}"
    file = str(at.write(at.document))
    assert main(["secrets", "--config", file], at.world) == 0
    assert main(["buckets", "--config", file], at.world) == 0


def test_filters_are_part_of_a_notification(at: Site) -> None:
    entry = at.bucket["notifications"]["to-http"]
    entry["filter"] = {"suffix": ".fits", "prefix": "a/"}
    at.run()
    (made,) = at.store.notifications[BUCKET]
    assert made.filter == {("prefix", "a/"), ("suffix", ".fits")}
    assert at.run() == []
    entry["filter"]["suffix"] = ".json"
    assert at.run() == ["put notification to-http of bucket rubin-summit"]


@pytest.mark.parametrize("rule", ["regex", "S3Metadata x-amz-meta-a", "S3Tags a"])
def test_a_live_filter_that_cannot_be_declared_is_a_difference(
    at: Site, capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    at.bucket["notifications"]["to-http"]["filter"] = {"prefix": "a/"}
    at.run()
    (made,) = at.store.notifications[BUCKET]
    restricted = dataclasses.replace(made, filter=made.filter | {(rule, "x")})
    at.store.notifications[BUCKET] = [restricted]
    found = imported(at, capsys)["buckets"][BUCKET]["notifications"]["to-http"]
    assert found["filter"] == {"prefix": "a/"}
    assert found["unconfirmed"] == f"its filter of {rule}: cannot be declared as it is"
    assert at.run() == ["put notification to-http of bucket rubin-summit"]
    assert at.store.notifications[BUCKET] == [made]


@pytest.mark.parametrize(
    ("live", "why"),
    [
        ({"cloudevents": "true"}, "changed cloudevents true -> unset"),
        ({"amqp-exchange": "images"}, "changed amqp-exchange images -> unset"),
        ({"push-endpoint": "amqp://u:hunter2@mq"}, "new generation: endpoint amqp://***@mq -> "),
    ],
)
def test_a_live_attribute_that_cannot_be_declared_is_a_difference(
    at: Site, live: dict[str, str], why: str
) -> None:
    at.run()
    made = at.store.topics[BUCKET]
    wrong = {key: Secret(value) for key, value in live.items()}
    at.store.topics[BUCKET] = dataclasses.replace(made, attributes={**made.attributes, **wrong})
    assert any(why in str(change) for change in at.plan().changes)
    at.run()
    assert made.attributes in [each.attributes for each in at.store.topics.values()]


@pytest.mark.parametrize("environment", ["summit-new", "test"])
def test_a_policy_that_is_handed_over_stays(at: Site, environment: str) -> None:
    at.run()
    before = at.store.policies[BUCKET]
    other = FakeWorld(at.world.fake_vault.documents)  # another namespace, the same store
    other.store = at.store
    document = copy.deepcopy(at.document) | {"environment": environment}
    then = Site(document, at.write, other)
    then.document["bucketConfig"]["topics"] = then.bucket["notifications"] = {}
    then.run()
    mine, theirs = at.store.policies[BUCKET][:2], at.store.policies[BUCKET][2:]
    assert mine == before
    assert [statements.own_name(each) for each in theirs] == ["Read", "Deny1"]
    assert then.run() == []
    del at.bucket["grants"], at.bucket["deny"]
    at.run()
    assert at.store.policies[BUCKET] == theirs
    assert then.run() == []


def test_statements_that_name_no_environment_are_given_ours(at: Site) -> None:
    at.run()
    named = at.store.policies[BUCKET]
    at.store.policies[BUCKET] = [
        {**each, "Sid": each["Sid"].removesuffix("OfSummit")} for each in named
    ]
    assert at.run() == ["put policy of bucket rubin-summit"]
    assert at.store.policies[BUCKET] == named


@pytest.mark.parametrize("left", [{}, {"grants": {}, "deny": []}])
def test_what_is_taken_over_is_replaced_by_ours_and_not_by_nothing(
    at: Site, left: dict[str, Any]
) -> None:
    at.bucket["takeOver"] = True
    at.run()
    at.store.policies[BUCKET].append(THEIR_STATEMENT)
    del at.bucket["grants"], at.bucket["deny"]
    at.bucket |= left
    at.run()
    assert at.store.policies[BUCKET] == [THEIR_STATEMENT]


@pytest.mark.parametrize("key", ["Principal", "NotPrincipal"])
def test_principals_are_compared_kind_by_kind(key: str) -> None:
    def said(principal: object) -> list[dict[str, object]]:
        return [{"Effect": "Deny", key: principal, "Action": "s3:*", "Resource": "*"}]

    someone = "arn:aws:iam:::user/someone"
    assert statements.same(said("*"), said({"AWS": ["*"]}))
    assert not statements.same(said({"AWS": "someone"}), said({"AWS": someone}))
    assert not statements.same(said({"AWS": someone}), said({"CanonicalUser": someone}))
    assert not statements.same(said({"AWS": someone}), said({"AWS": someone, "Federated": "x"}))


def test_a_bare_name_in_a_live_policy_is_a_tenant(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    read, deny = policy.declared(_bucket(at), "summit")
    at.store.policies[BUCKET] = [{**read, "Principal": {"AWS": ["rubin-summit-users"]}}, deny]
    assert "put policy of bucket rubin-summit" in at.run(), "it lets in no user"
    tenant = {**read, "Principal": {"AWS": "rubin"}}
    at.store.policies[BUCKET] = [tenant, deny]
    at.document["bucketConfig"] = imported(at, capsys)
    assert at.run() == []


def test_what_somebody_elses_statement_says_already_is_not_said_twice(at: Site) -> None:
    read, deny = policy.declared(_bucket(at), "summit")
    theirs = {**read, "Sid": "made-by-hand"}
    at.store.policies[BUCKET] = [theirs]
    at.run()
    assert at.store.policies[BUCKET] == [theirs, deny]
    at.bucket["takeOver"] = True
    assert "1 of others taken over" in str(at.plan().changes[0])
    at.run()
    assert at.store.policies[BUCKET] == [read, deny]
    assert at.run() == []


def test_what_is_unconfirmed_is_shown_and_never_written(at: Site) -> None:
    at.document["bucketConfig"]["topics"][BUCKET]["unconfirmed"] = "nobody knows the endpoint"
    at.world.fake_cluster.states = []
    at.run()
    assert at.store.writes == ["put policy rubin-summit"]
    assert at.last.unconfirmed == (
        "topic rubin-summit: nobody knows the endpoint",
        "notification to-http of bucket rubin-summit: its topic rubin-summit is unconfirmed",
    )
    at.bucket["unconfirmed"] = "nobody knows the bucket"
    at.bucket["grants"] = {}
    assert at.run() == []
    assert at.store.calls == [], "not even its keys are needed"


def test_what_was_made_and_then_is_unconfirmed_is_left_alone(at: Site) -> None:
    at.run()
    at.bucket["notifications"]["to-http"]["unconfirmed"] = "the Id is doubted"
    at.moves("198.19.200.2")
    assert at.run() == []
    del at.bucket["notifications"]["to-http"]["unconfirmed"]
    assert at.run()[1].startswith("put topic rubin-summit-")


def test_of_an_unconfirmed_bucket_nothing_is_taken_away(at: Site) -> None:
    config = at.document["bucketConfig"]
    config["topics"]["second"] = {"owner": BUCKET, "attributes": {"push-endpoint": "http://h/n"}}
    second: dict[str, Any] = {
        "owner": BUCKET,
        "grants": {"read": ["somebody"]},
        "notifications": {
            name: {"topic": "second", "events": sorted(EVENTS)} for name in ("one", "two")
        },
    }
    config["buckets"]["second"] = second
    at.run()
    before = at.inventory
    second["unconfirmed"] = "nobody knows the bucket"
    del second["grants"], second["notifications"]["one"]
    assert at.run() == []
    assert at.inventory == before
    del second["unconfirmed"]
    assert at.run() == [
        "put policy of bucket second",
        "delete notification one of bucket second",
        "write ConfigMap embargo-butler-inventory",
    ]


def test_an_uninstall_leaves_an_unconfirmed_bucket_alone(at: Site) -> None:
    at.run()
    at.bucket["unconfirmed"] = "nobody knows the bucket"
    at.bucket["notifications"] = {}
    config = load(at.write(at.document)).buckets
    assert config
    inventory = Ledger(at.inventory, "inventory").of(config.endpoint)
    assert without_ours(config, inventory).buckets == {}


def test_a_shared_topic_is_nobodys_to_take_away(at: Site) -> None:
    topics = at.document["bucketConfig"]["topics"]
    topics["second"] = {
        "owner": BUCKET,
        "shared": ["others"],
        "attributes": {"push-endpoint": "kafka://198.20.0.1:9094"},
    }
    at.bucket["notifications"]["second"] = {"topic": "second", "events": sorted(EVENTS)}
    at.run()
    del topics["second"], at.bucket["notifications"]["second"]
    for _ in range(2):
        assert at.run() == []
        assert at.last.warnings == (
            "notification second of bucket rubin-summit stays, though no longer declared: others "
            "hear by it too; to take it away, name it under "
            "bucketConfig.buckets.rubin-summit.retired.notifications",
            "topic second stays, though no longer declared: it is shared with others",
        )
    at.bucket["retired"] = {"notifications": ["second"], "topics": ["second"]}
    assert at.run()[0] == "delete notification second of bucket rubin-summit"
    assert "second" in at.store.topics


def test_a_topic_of_another_user_is_not_changed(at: Site) -> None:
    at.store.topics[BUCKET] = Topic(BUCKET, {"push-endpoint": Secret("http://x/")}, True, "them")
    at.document["bucketConfig"]["topics"][BUCKET]["takeOver"] = True
    with pytest.raises(Problems, match=r"topic rubin-summit: belongs to them, .*\.owner"):
        at.run()
    assert at.store.writes == []


def test_an_entry_of_an_id_that_stands_there_twice_is_noticed(at: Site) -> None:
    at.run()
    at.store.notifications[BUCKET].append(Notification("to-http", "their-topic", EVENTS))
    at.run()
    assert [name for name, _ in at.ids()].count("to-http") == 0
    assert len(at.ids()) == 1
    assert at.run() == []


def _bucket(at: Site) -> Any:
    config = load(at.write(at.document)).buckets
    assert config
    return config.buckets[BUCKET]


def import_text(at: Site, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["import", "--config", str(at.write(at.document))], at.world) == 0
    return capsys.readouterr().out


def imported(at: Site, capsys: pytest.CaptureFixture[str]) -> Any:
    return yaml.safe_load(import_text(at, capsys))["bucketConfig"]


def test_import_reads_buckets_of_which_nothing_is_confirmed(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.run()
    at.document["bucketConfig"]["topics"] = {}
    at.document["bucketConfig"]["buckets"][BUCKET] = {"owner": BUCKET}
    found = imported(at, capsys)
    assert list(found["buckets"][BUCKET]["notifications"]) == ["to-http"]


def test_a_topic_may_use_a_secret_that_somebody_else_makes(at: Site) -> None:
    at.document["secrets"].pop("notification")
    at.document["existingSecrets"] = ["notification"]
    data = {"secret": Secret("theirs"), "binary": Secret(b"\xff\xfe")}
    at.world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", data)
    at.run()
    assert at.store.topics["rubin-summit"].attributes["OpaqueData"].text() == "theirs"


@pytest.mark.parametrize(
    "endpoint",
    [
        *("http://", "http://h:0", "http://h:99999", "http://h:abc", "https://[::1", "ftp://h"),
        *("https://u:hunter2@h", "https://u:hunt/er2@h", "https://h/path", "https://h?x=hunter2"),
        *("https://h#hunter2", "https://a hunter2", "h:7480"),
    ],
)
def test_the_object_store_is_a_scheme_a_host_and_a_port(
    site: dict[str, Any], write: Write, endpoint: str
) -> None:
    site["bucketConfig"]["endpoint"] = endpoint
    with pytest.raises(ConfigError, match=r"bucketConfig\.endpoint: expected a URL") as caught:
        load(write(site))
    assert "hunt" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["https://h/", "http://198.20.0.1:7480", "http://[::1]:80"])
def test_an_object_store_with_and_without_a_port(
    site: dict[str, Any], write: Write, endpoint: str
) -> None:
    site["bucketConfig"]["endpoint"] = endpoint
    config = load(write(site)).buckets
    assert config
    assert config.endpoint == endpoint.rstrip("/")


@pytest.mark.parametrize(
    "secret", ["hunt/er2", "hunt?er2", "hunt#er2", "hunt@er2", "hunt[er2", " "]
)
def test_a_secret_that_would_break_an_endpoint_has_to_be_encoded(at: Site, secret: str) -> None:
    at.secret(secret)
    at.attributes["push-endpoint"] = "http://u:{{ secrets.notification.secret }}@h:1/notify"
    told = rf"bucketConfig\.topics\.{BUCKET}\.attributes\.push-endpoint: .*`\| urlencode`"
    with pytest.raises(Problems, match=told) as caught:
        at.run()
    assert "hunt" not in str(caught.value)
    at.attributes["push-endpoint"] = at.attributes["push-endpoint"].replace(
        " }}", " | urlencode }}"
    )
    at.run()
    assert "hunt" not in at.said.getvalue() + at.inventory


@pytest.mark.parametrize("endpoint", ["http://{{ '' }}/notify", "http://h:99999/notify"])
def test_an_endpoint_that_comes_out_as_no_url(at: Site, endpoint: str) -> None:
    at.attributes["push-endpoint"] = endpoint
    with pytest.raises(Problems, match=rf"topics\.{BUCKET}\.attributes\.push-endpoint: filled in"):
        at.run()
    assert at.store.writes == []


def test_a_topic_needs_text_of_a_secret(at: Site) -> None:
    data = {"secret": Secret(b"\xff\xfe")}
    at.world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", data)
    told = "Secret notification of namespace summit: its key secret is no UTF-8 text"
    with pytest.raises(Problems, match=told):
        at.run()


def test_what_is_foreign_cannot_be_retired(site: dict[str, Any], write: Write) -> None:
    bucket = site["bucketConfig"]["buckets"][BUCKET]
    bucket |= {"foreign": ["theirs"], "retired": {"notifications": ["theirs"]}}
    place = rf"buckets\.{BUCKET}\.retired\.notifications: 'theirs' is also named as foreign"
    with pytest.raises(ConfigError, match=place):
        load(write(site))


def test_import_leaves_out_what_may_be_a_credential(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.run()
    urls = {
        "password": "http://u:hunt/er2@h:1/notify",
        "token": "https://h/notify?token=hunter2",
        "odd": "http://[hunter2/",
    }
    for name, url in urls.items():
        at.store.topics[name] = Topic(name, {"push-endpoint": Secret(url)})
        at.store.notifications[BUCKET].append(Notification(name, name, EVENTS))
    text = import_text(at, capsys)
    assert "hunt" not in text
    found = yaml.safe_load(text)["bucketConfig"]
    for name, seen in (("password", "http://h:1/notify"), ("token", "https://h/notify")):
        assert found["topics"][name]["attributes"]["push-endpoint"] == seen
        assert "userinfo or query of its push-endpoint" in found["topics"][name]["unconfirmed"]
    assert found["buckets"][BUCKET]["foreign"] == ["odd"]
    at.document["bucketConfig"] = found
    assert at.run() == []


def test_import_tells_of_an_id_that_stands_there_twice(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.run()
    at.store.topics["other"] = Topic("other", {"push-endpoint": Secret("http://h/")})
    at.store.notifications[BUCKET].append(Notification("to-http", "other", EVENTS))
    found = imported(at, capsys)
    entry = found["buckets"][BUCKET]["notifications"]["to-http"]
    assert entry["topic"] == BUCKET
    assert entry["unconfirmed"] == (
        "its Id stands there twice, to topic other too: a plan would leave but one"
    )
    at.document["bucketConfig"] = found
    assert at.run() == []


def test_import_keeps_what_no_gateway_knows_of(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site = at.document["bucketConfig"]
    site["onUninstall"] = "keep"
    site["owners"][BUCKET]["profile"] = "wsummit"
    site["topics"]["rubin-summit"]["shared"] = ["Prompt Processing"]
    at.run()
    found = imported(at, capsys)
    assert found["onUninstall"] == "keep"
    assert found["owners"][BUCKET]["profile"] == "wsummit"
    assert found["topics"]["rubin-summit"]["shared"] == ["Prompt Processing"]


def test_import_knows_what_a_generation_is_declared_as(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.run()
    at.run(renew=(BUCKET,))
    found = imported(at, capsys)
    assert list(found["topics"]) == [BUCKET]
    assert found["buckets"][BUCKET]["notifications"]["to-http"]["topic"] == BUCKET
    at.document["bucketConfig"] = found
    assert at.run() == []


def test_import_keeps_who_shares_a_topic_that_is_unconfirmed(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.run()
    topic = at.document["bucketConfig"]["topics"][BUCKET]
    topic |= {"shared": ["Prompt Processing"], "unconfirmed": "not known yet"}
    found = imported(at, capsys)
    assert found["topics"][BUCKET]["shared"] == ["Prompt Processing"]


def test_import_knows_a_secret_that_somebody_else_makes(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.document["secrets"].pop("notification")
    at.document["existingSecrets"] = ["notification"]
    at.run()
    found = imported(at, capsys)
    attributes = found["topics"][BUCKET]["attributes"]
    assert attributes["OpaqueData"] == "{{ secrets.notification.secret }}"


@pytest.mark.parametrize(
    "live",
    [
        {"push-endpoint": "kafka://b:9092", "verify-ssl": "true"},
        {"push-endpoint": "http://h/", "kafka-ack-level": "broker"},
        {"push-endpoint": "http://h/", "verify-ssl": "1"},
        {"push-endpoint": "kafka://b:9092", "kafka-ack-level": "leader"},
    ],
)
def test_import_leaves_out_what_cannot_be_declared(
    at: Site, capsys: pytest.CaptureFixture[str], live: dict[str, str]
) -> None:
    at.run()
    at.store.topics["odd"] = Topic("odd", {key: Secret(value) for key, value in live.items()})
    at.store.notifications[BUCKET].append(Notification("odd", "odd", EVENTS))
    found = imported(at, capsys)
    [odd] = live.keys() - {"push-endpoint"}
    assert found["topics"]["odd"]["unconfirmed"] == f"its {odd}: cannot be declared as it is"
    at.document["bucketConfig"] = found
    assert at.run() == []


def test_import_writes_what_is_live_and_its_plan_is_empty(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site = at.document["bucketConfig"]
    at.bucket["notifications"]["to-http"]["filter"] = {"prefix": "a/", "suffix": ".fits"}
    at.bucket["grants"]["read"].append({"principals": ["else"], "prefix": "LSSTCam/"})
    at.bucket["deny"].append({"principals": ["a", "b"], "actions": ["s3:*"]})
    granted, denied = copy.deepcopy([at.bucket["grants"], at.bucket["deny"]])
    at.run()
    # As people made it by hand: under other names, and written down nowhere.
    at.world.fake_cluster.config_maps.clear()
    by_hand: list[Mapping[str, Any]] = [
        {**each, "Sid": f"s-{each['Sid'][-5:]}"} for each in at.store.policies[BUCKET]
    ]
    at.store.policies[BUCKET] = by_hand
    at.store.topics["other"] = Topic(
        "other", {"push-endpoint": Secret("http://u:hunter2@h/"), "OpaqueData": Secret("hunter3")}
    )
    at.store.notifications[BUCKET] += [
        Notification("other", "other", EVENTS),
        Notification("theirs", "their-topic", EVENTS),
    ]
    site["topics"] = {}
    site["buckets"][BUCKET] = {"owner": BUCKET, "foreign": ["theirs"]}
    text = import_text(at, capsys)
    assert "hunter" not in text
    assert "notification-value" not in text
    found = yaml.safe_load(text)["bucketConfig"]
    assert found["topics"]["rubin-summit"]["attributes"] == {
        "push-endpoint": "http://{{ enqueue.address }}:8080/notify",
        "OpaqueData": "{{ secrets.notification.secret }}",
        "persistent": True,
    }
    assert found["buckets"][BUCKET]["grants"] == granted
    assert found["buckets"][BUCKET]["deny"] == denied
    assert found["buckets"][BUCKET]["notifications"]["to-http"]["filter"] == {
        "prefix": "a/",
        "suffix": ".fits",
    }
    assert "OpaqueData" in found["topics"]["other"]["unconfirmed"]
    at.document["bucketConfig"] = found
    assert at.run() == []


def test_import_marks_a_policy_that_cannot_be_declared(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.run()
    at.store.policies[BUCKET].append(THEIR_STATEMENT)
    policies = copy.deepcopy(at.store.policies)
    found = at.document["bucketConfig"] = imported(at, capsys)
    bucket = found["buckets"][BUCKET]
    assert bucket["grants"] == {"read": ["rubin-summit-users"]}
    assert bucket["unconfirmed"] == "its statement x: cannot be declared as it is"
    assert at.run() == []
    del bucket["unconfirmed"]
    assert at.run() == [], "what is not ours stays"
    assert at.store.policies == policies


def test_renew_on_the_command_line(at: Site, capsys: pytest.CaptureFixture[str]) -> None:
    at.run()
    arguments = ["--output", "json", "--config", str(at.write(at.document))]
    assert main(["renew", BUCKET, *arguments], at.world) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["action"] for each in document["done"]] == [
        *("write", "put", "put", "delete", "write"),
    ]
    assert document["done"][1]["reason"] == "new generation: renewed"
    (lookup,) = document["backfill"]
    assert lookup["bucket"] == BUCKET
    assert lookup["until"].startswith("20")
    assert main(["buckets", "--dry-run", *arguments], at.world) == 0


def test_a_plan_is_one_line_each_and_the_same_each_time(
    at: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    at.document["bucketConfig"]["topics"]["doubted"] = {
        **at.document["bucketConfig"]["topics"][BUCKET],
        "unconfirmed": "nobody knows",
    }
    arguments = ["--config", str(at.write(at.document))]
    texts = []
    for _ in range(2):
        assert main(["buckets", "--dry-run", *arguments], at.world) == 2
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].splitlines()[-8:] == [
        "plan: write ConfigMap embargo-butler-inventory: what is about to be made",
        "plan: put topic rubin-summit: new, at http://198.19.200.1:8080/notify",
        "plan: put notification to-http of bucket rubin-summit: new, to topic rubin-summit",
        "plan: put policy of bucket rubin-summit: 2 statements of ours, 0 of others kept",
        "plan: write ConfigMap embargo-butler-inventory: what is there now",
        "unconfirmed, not written: topic doubted: nobody knows",
        "`make import ENV=summit CONFIRM=1` confirms of it what the object store has",
        "buckets plan: summit: 5 changes to be made",
    ]


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_plan_with_changes_writes_nothing_and_shows_no_secret(
    at: Site, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    at.attributes["push-endpoint"] = "http://u:{{ secrets.notification.secret }}@h:1/notify"
    arguments = ["--output", output, "--config", str(at.write(at.document))]
    assert main(["buckets", "--dry-run", *arguments], at.world) == 2
    assert at.store.writes == []
    assert at.world.fake_cluster.writes == []
    out, err = capsys.readouterr()
    assert "notification-value" not in out + err
    if output == "json":
        document = json.loads(out)
        assert [change["action"] for change in document["planned"]] == [
            *("write", "put", "put", "put", "write"),
        ]
        assert document["planned"][1]["reason"] == "new, at http://***@h:1/notify"


def test_an_id_that_is_used_twice(site: dict[str, Any], write: Write) -> None:
    file = write(site)
    line = "      to-http: {topic: rubin-summit, events: ['s3:ObjectCreated:*']}\n"
    text = file.read_text().replace("      notifications:\n", f"      notifications:\n  {line}")
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml, line \d+: the key 'to-http' is given tw"):
        load(file)
