"""What every gateway does, moto's included."""

from __future__ import annotations

import pytest

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.errors import GatewayError
from embargo_butler.model import statements
from embargo_butler.model.resources import Notification, same_notification
from tests.contract.server import CREATED, ENDPOINT, Server


@pytest.fixture
def gateway(server: Server) -> RgwGateway:
    return server.gateway()


def statement(bucket: str) -> statements.Statement:
    return {
        "Sid": f"{statements.SID}Read",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/somebody"]},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }


def test_a_topic_is_listed_from_when_it_is_made_until_it_is_deleted(
    gateway: RgwGateway, name: str
) -> None:
    assert name not in gateway.topics()
    assert gateway.topic(name) is None
    gateway.put_topic(name, ENDPOINT)
    assert gateway.topics()[name] == 0
    assert gateway.topic(name) is not None
    gateway.delete_topic(name)
    assert name not in gateway.topics()
    gateway.delete_topic(name)


def test_a_notification_reads_back_as_put(gateway: RgwGateway, bucket: str, name: str) -> None:
    gateway.put_topic(name, ENDPOINT)
    put = Notification("to-http", name, CREATED)
    gateway.put_notification(bucket, put)
    (live,) = gateway.notifications(bucket)
    assert live.name == "to-http"
    assert same_notification(put, live)
    changed = Notification("to-http", name, frozenset({"s3:ObjectRemoved:*"}))
    gateway.put_notification(bucket, changed)
    (live,) = gateway.notifications(bucket)
    assert same_notification(changed, live)


def test_a_policy_comes_and_goes(gateway: RgwGateway, bucket: str) -> None:
    assert gateway.policy(bucket) == []
    gateway.put_policy(bucket, [statement(bucket)])
    assert statements.same(gateway.policy(bucket), [statement(bucket)])
    gateway.put_policy(bucket, [])
    assert gateway.policy(bucket) == []


def test_a_bucket_that_is_not_there_is_named(gateway: RgwGateway, name: str) -> None:
    with pytest.raises(GatewayError, match=f"bucket {name}: cannot read .*NoSuchBucket"):
        gateway.policy(name)
    with pytest.raises(GatewayError, match=f"bucket {name}: cannot read .*NoSuchBucket"):
        gateway.notifications(name)
