"""What all environments declare about the object stores, beside each other."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.buckets import policy
from embargo_butler.config.buckets import BucketConfig, Denial, tenant_of
from embargo_butler.config.config import parse

ROOT = Path(__file__).parents[3]
ALL = ("summit", "summit-new", "bts", "tts", "sts", "lfa", "pp-dev", "test")
ENVIRONMENTS = ALL[:-1]
"""Those that keep something in an object store."""


def values(environment: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "values" / f"{environment}.yaml").read_text()))


@cache
def declared(environment: str) -> BucketConfig:
    file = ROOT / "bucket-config" / f"{environment}.yaml"
    given = values(environment)
    document = {
        **dict.fromkeys(("cluster", "namespace", "fullname"), "x"),
        "environment": environment,
        "vault": {"address": "", "mount": "x", "auth": {"method": "token"}},
        "secrets": given["secrets"],
        **yaml.safe_load(file.read_text()),
    }
    document["vault"]["ownersPath"] = given["vault"]["ownersPath"]
    if given["enqueue"].get("mode") != "kafka":
        document["enqueue"] = {"service": "x", "port": 8080}
    return parse(document, file.name).required_buckets


def test_each_environment_has_a_file() -> None:
    assert {path.stem for path in (ROOT / "bucket-config").iterdir()} == set(ALL)


def test_no_id_and_no_topic_is_declared_twice_in_one_place() -> None:
    ids, topics = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for config in map(declared, ENVIRONMENTS):
        aside = config.unconfirmed
        for name, bucket in config.buckets.items():
            ids.update((config.endpoint, name, each) for each in bucket.notifications)
        ids.update((config.endpoint, *key) for key in aside.notifications)
        topics.update((config.endpoint, each) for each in (*config.topics, *aside.topics))
    assert [each for each, number in (ids + topics).items() if number > 1] == []


@pytest.mark.parametrize(
    ("environment", "unconfirmed"),
    [
        ("summit", set()),
        ("summit-new", set()),
        ("bts", {"rubin-bts"}),
        ("tts", {"rubin-tts"}),
        ("sts", {"rubin-sts"}),
        ("lfa", {"rubinobs-lfa-cp"}),
        ("pp-dev", {"prompt-processing-dev", "prompt-processing-dev-20260114"}),
    ],
)
def test_what_no_source_settles_is_not_written(environment: str, unconfirmed: set[str]) -> None:
    config = declared(environment)
    assert set(config.unconfirmed.topics) == unconfirmed
    assert unconfirmed.isdisjoint(config.topics)
    for bucket in config.buckets.values():
        assert unconfirmed.isdisjoint(spec.topic for spec in bucket.notifications.values())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_owners_keys_are_below_one_folder_for_each_store(environment: str) -> None:
    config = declared(environment)
    store = "sdfembs3" if "sdfembs3" in config.endpoint else "s3dfrgw"
    assert {name: owner.path for name, owner in config.owners.items()} == {
        name: f"rubin/embargo/owners/{store}/{name.replace('$', '/')}" for name in config.owners
    }


def test_policies_of_buckets_whose_owner_no_source_tells_are_not_written() -> None:
    aside = {name: set(declared(name).unconfirmed.policies) for name in ENVIRONMENTS}
    assert {name: buckets for name, buckets in aside.items() if buckets} == {
        "summit": {"rubin-summit-dev", "rubin-summit-hdd", "rubin-rubintv-data-summit"},
        "bts": {"rubin-rubintv-data-bts"},
    }


def test_nobody_puts_raw_images_where_they_are_ingested() -> None:
    [denial] = declared("summit").buckets["rubin-summit-users"].deny
    assert denial == Denial(("rubin-summit-users",), ("s3:PutObject",), "LSSTCam/raw/")
    denied = policy.declared(declared("summit").buckets["rubin-summit-users"], "summit")[-1]
    assert denied["Resource"] == ["arn:aws:s3:::rubin-summit-users/LSSTCam/raw/*"]


@pytest.mark.parametrize(
    ("environment", "bucket", "grant", "user"),
    [
        ("summit", "rubin-summit", "read", ":user/rubin-summit-users"),
        ("summit", "rubin-summit", "read", ":user/prompt-processing-dev"),
        ("summit", "rubin-summit-users", "readWrite", ":user/prompt-processing-dev"),
        ("bts", "rubin-bts", "read", ":user/rubin-summit-users"),
        ("bts", "rubin-bts-users", "readWrite", ":user/rubin-summit-users"),
        ("tts", "rubin-tts", "read", "rubin:user/rubin-summit-users"),
        ("tts", "rubin-tts-users", "readWrite", "rubin:user/rubin-summit-users"),
        ("sts", "rubin-sts", "read", "rubin:user/rubin-summit-users"),
    ],
)
def test_who_may_what(environment: str, bucket: str, grant: str, user: str) -> None:
    statements = policy.declared(declared(environment).buckets[bucket], environment)
    (found,) = [each for each in statements if len(each["Action"]) == len(policy.GRANTS[grant])]
    assert f"arn:aws:iam::{user}" in found["Principal"]["AWS"]


def test_the_shared_topic_is_as_it_is_today() -> None:
    config = declared("summit-new")
    topic = config.topics["rubin-summit-notification-8"]
    assert topic.shared == ("prompt-processing", "data-transfer-monitoring")
    assert config.zone_group == "sdfembargo"
    assert topic.attributes == {
        "push-endpoint": f"kafka://{values('summit-new')['enqueue']['kafka']['cluster']}",
        "OpaqueData": "",
        "persistent": "true",
        "max_retries": "3",
        "retry_sleep_duration": "10",
        "time_to_live": "60",
    }


def test_lfa_is_of_the_tenant() -> None:
    (owner,) = declared("lfa").owners
    assert tenant_of(owner) == "rubin"
