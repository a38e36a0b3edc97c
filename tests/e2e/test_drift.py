"""An audit tells what another hand changed; an uninstall takes away what is ours, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig import ceph, environment
from tests.rig.release import Release
from tests.support.foreign import FOREIGN
from tests.support.gateway import Gateway
from tests.support.namespace import FULLNAME, Namespace

RELEASE = Release("drift")
NAMESPACE = Namespace(RELEASE.namespace)
BUCKET = RELEASE.bucket
CRON_JOB = f"{FULLNAME}-audit"


@pytest.fixture(scope="module")
def gateway(site: None) -> Iterator[Gateway]:
    """The release's own, deployed; the gateway with its owner's keys."""
    environment.make(RELEASE)
    RELEASE.deploy(print)
    yield Gateway(BUCKET)
    environment.remove(RELEASE)


def audit(name: str) -> tuple[bool, str]:
    """Run the CronJob's job now; whether it succeeded, and its log."""
    succeeded = NAMESPACE.run_now(CRON_JOB, name)
    return succeeded, NAMESPACE.kubectl("logs", f"job/{name}")


def events() -> list[str]:
    """Return what the audits left at the CronJob."""
    about = f"involvedObject.kind=CronJob,involvedObject.name={CRON_JOB},reason=Drifted"
    items = NAMESPACE.get("events", f"--field-selector={about}")["items"]
    return [str(item["message"]) for item in items]


def ours(gateway: Gateway) -> list[Any]:
    return [entry for entry in gateway.notifications(BUCKET) if entry.id != FOREIGN]


def test_what_was_just_deployed_has_not_drifted(gateway: Gateway) -> None:
    succeeded, log = audit("right")
    assert succeeded, log
    assert log.splitlines()[-1] == f"audit: {RELEASE.name}: all is as declared"
    assert events() == []


def test_another_hand_is_found_out(gateway: Gateway) -> None:
    [notification] = ours(gateway)
    name = notification.topic.rpartition(":")[2]
    gateway.unsubscribe(BUCKET, notification)
    sns, s3 = ceph.client("sns", BUCKET), ceph.client("s3", BUCKET)
    elsewhere = {"push-endpoint": "http://127.0.0.1:9/elsewhere", "persistent": "true"}
    sns.create_topic(Name=name, Attributes=elsewhere)
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    policy["Statement"][0]["Action"] = "s3:*"
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    succeeded, log = audit("changed")
    assert not succeeded
    [event] = events()
    for told in (
        f"put notification {notification.id} of bucket {BUCKET}: new",
        "endpoint http://127.0.0.1:9/*** -> ",
        f"put policy of bucket {BUCKET}: ",
    ):
        assert told in log
        assert told in event
    RELEASE.run_helm(*RELEASE.full_command[1:])
    succeeded, log = audit("mended")
    assert succeeded, log


def test_an_endpoint_that_does_not_answer_is_found_out(gateway: Gateway) -> None:
    before = len(events())
    enqueue = f"deployment/{FULLNAME}-enqueue"
    NAMESPACE.kubectl("scale", enqueue, "--replicas=0")
    NAMESPACE.kubectl("delete", "pod", "-l", "app=enqueue", "--force", "--grace-period=0")
    succeeded, log = audit("silent")
    NAMESPACE.kubectl("scale", enqueue, "--replicas=1")
    assert not succeeded
    assert "without a ready endpoint" in log
    assert "does not answer" in log, "what stands in the way of a plan hides no drift"
    assert len(events()) == before + 1


def test_an_uninstall_leaves_what_is_not_ours(gateway: Gateway) -> None:
    topics = {entry.topic for entry in ours(gateway)}
    assert topics
    foreign = gateway.notification_xml(BUCKET, FOREIGN)
    policy = ceph.client("s3", BUCKET).get_bucket_policy(Bucket=BUCKET)["Policy"]
    NAMESPACE.kubectl("create", "secret", "generic", "theirs", "--from-literal=a=b")
    RELEASE.run_helm("uninstall", RELEASE.name, "-n", RELEASE.namespace, "--wait")
    assert ours(gateway) == []
    pages = ceph.client("sns", BUCKET).get_paginator("list_topics").paginate()
    left = {entry["TopicArn"] for page in pages for entry in page["Topics"]}
    assert topics.isdisjoint(left)
    assert gateway.notification_xml(BUCKET, FOREIGN) == foreign
    assert ceph.client("s3", BUCKET).get_bucket_policy(Bucket=BUCKET)["Policy"] == policy
    names = {item["metadata"]["name"] for item in NAMESPACE.get("secrets")["items"]}
    assert names == {"theirs"}
    claims = {item["metadata"]["name"] for item in NAMESPACE.get("pvc")["items"]}
    assert "data-redis-0" in claims
    made = NAMESPACE.kubectl("get", "jobs,serviceaccounts,roles,configmaps", "-o", "name").split()
    assert not [name for name in made if name.endswith(("-clean-up", "-hooks", "-audit"))]
