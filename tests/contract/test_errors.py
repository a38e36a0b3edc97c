"""What each gateway answers when something is wrong, told as a sentence that says what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.compat import get_current_datetime

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.errors import GatewayError
from embargo_butler.model.resources import Notification
from embargo_butler.secret import Secret
from tests.contract.server import CREATED, Server
from tests.contract.test_ceph import topic
from tests.contract.test_gateway import statement


def test_a_wrong_clock(gateway: RgwGateway, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda: get_current_datetime() + timedelta(hours=1)
    )
    told = r"RequestTimeTooSkewed \(403\); this machine's clock or the gateway's is wrong"
    with pytest.raises(GatewayError, match=f"topics: .* as .*owner at http.*: {told}"):
        gateway.topics()
    with pytest.raises(GatewayError, match=f"notifications of bucket {bucket}: .*{told}"):
        gateway.notifications(bucket)
    with pytest.raises(GatewayError, match=f"policy of bucket {bucket}: .*{told}"):
        gateway.policy(bucket)


def test_a_wrong_secret_key(ceph: Server, bucket: str) -> None:
    access, wrong = Secret(ceph.owner["access_key"]), Secret("hunter2")
    gateway = RgwGateway(ceph.endpoint, ceph.region, "owner", access, wrong)
    told = r"SignatureDoesNotMatch \(403\); the secret key is not the one of this access key"
    with pytest.raises(GatewayError, match=f"topics: .*{told}"):
        gateway.topics()
    with pytest.raises(GatewayError, match=f"notifications of bucket {bucket}: .*{told}"):
        gateway.notifications(bucket)


def test_secrets_over_plain_http(gateway: RgwGateway, name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        gateway.put_topic(name, {"push-endpoint": Secret("http://user:hunter2@127.0.0.1:9/")})
    assert "over HTTPS only" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert gateway.topic(name) is None


def test_another_users_topic(ceph: Server, gateway: RgwGateway, made: str) -> None:
    """Ceph 16 and 18 let anybody: that is why the inventory says what is ours."""
    other = ceph.gateway("other")
    if not ceph.version.startswith("20."):
        other.put_topic(made, topic(made, OpaqueData="theirs").attributes)
        live = gateway.topic(made)
        assert live
        assert live.attributes["OpaqueData"].text() == "theirs"
        return
    told = rf"topic {made}: .*AuthorizationError \(403\); another user owns it: check `owner`"
    with pytest.raises(GatewayError, match=told):
        other.put_topic(made, topic(made).attributes)
    with pytest.raises(GatewayError, match=told):
        other.delete_topic(made)


def test_another_users_bucket(ceph: Server, bucket: str, made: str) -> None:
    other = ceph.gateway("other")
    told = r"AccessDenied \(403\); these keys may not: "
    put = f"notification id of bucket {bucket} to topic {made}"
    with pytest.raises(GatewayError, match=f"{put}: .*{told}"):
        other.put_notification(bucket, Notification("id", made, CREATED))
    with pytest.raises(GatewayError, match=f"notifications of bucket {bucket}: .*{told}"):
        other.notifications(bucket)
    with pytest.raises(GatewayError, match=f"notification id of bucket {bucket}: .*{told}"):
        other.delete_notification(bucket, "id")
    with pytest.raises(GatewayError, match=f"policy of bucket {bucket}: .*{told}"):
        other.put_policy(bucket, [statement(bucket)])


def test_a_topic_that_is_not_there(gateway: RgwGateway, bucket: str, name: str) -> None:
    told = r"NoSuchKey \(404\); the topic of this notification is not there"
    put = f"notification id of bucket {bucket} to topic {name}-no"
    with pytest.raises(GatewayError, match=f"{put}: .*{told}"):
        gateway.put_notification(bucket, Notification("id", f"{name}-no", CREATED))


def test_keys_that_are_not_this_gateways(ceph: Server) -> None:
    keys = Secret("NOBODY"), Secret("hunter2")
    stranger = RgwGateway(ceph.endpoint, ceph.region, "stranger", *keys)
    told = r"as stranger at .*: InvalidAccessKeyId \(403\); the access key is not of this"
    with pytest.raises(GatewayError, match=told) as caught:
        stranger.topics()
    assert "NOBODY" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_another_zone_group(ceph: Server, made: str) -> None:
    keys = Secret(ceph.owner["access_key"]), Secret(ceph.owner["secret_key"])
    wrong = RgwGateway(ceph.endpoint, ceph.region, "owner", *keys, zone_group="elsewhere")
    with pytest.raises(GatewayError, match=r"zone group \w+, not elsewhere: correct bucketConfig"):
        wrong.topics()


def test_what_the_gateway_does_not_know(gateway: RgwGateway, bucket: str, made: str) -> None:
    with pytest.raises(GatewayError, match=r"InvalidArgument \(400\); an event or a filter"):
        gateway.put_notification(bucket, Notification("id", made, frozenset({"s3:Nonsense:*"})))
    told = r"InvalidArgument \(400\); an action, a resource or a principal that this version"
    for wrong in ({"Action": "s3:Nonsense"}, {"Resource": "nonsense"}):
        with pytest.raises(GatewayError, match=f"policy of bucket {bucket}: .*{told}"):
            gateway.put_policy(bucket, [{**statement(bucket), **wrong}])


def test_a_principal_that_is_none(ceph: Server, gateway: RgwGateway, bucket: str) -> None:
    """Ceph 16 takes it, and lets nobody in by it."""
    wrong = {**statement(bucket), "Principal": {"AWS": ["arn:aws:iam:::nonsense"]}}
    if ceph.version.startswith("16."):
        gateway.put_policy(bucket, [wrong])
        return
    told = r"InvalidArgument \(400\); an action, a resource or a principal that this version"
    with pytest.raises(GatewayError, match=f"policy of bucket {bucket}: .*{told}"):
        gateway.put_policy(bucket, [wrong])


def test_a_call_that_the_gateway_does_not_have(
    ceph: Server, gateway: RgwGateway, made: str
) -> None:
    def change(action: str) -> None:
        fields = {"AttributeName": "OpaqueData", "AttributeValue": "x"}
        arn = f"arn:aws:sns:{ceph.region}::{made}"
        gateway._requests.topics(action, f"topic {made}", "change", {"TopicArn": arn, **fields})

    told = rf"topic {made}: cannot change it as .*\(405\); this gateway has no such call"
    with pytest.raises(GatewayError, match=told):
        change("NoSuchCall")
    if ceph.version.startswith("20."):
        change("SetTopicAttributes")
        return
    with pytest.raises(GatewayError, match=told):
        change("SetTopicAttributes")


def test_another_region(ceph: Server, bucket: str, made: str) -> None:
    """No version looks at what region a request is signed for; the topics' ARNs tell the zone."""
    keys = Secret(ceph.owner["access_key"]), Secret(ceph.owner["secret_key"])
    wrong = RgwGateway(ceph.endpoint, "elsewhere", "owner", *keys)
    assert wrong.notifications(bucket) == ()
    told = r"zone group \w+, not elsewhere: correct bucketConfig.zoneGroup \(or region\)"
    with pytest.raises(GatewayError, match=told):
        wrong.topics()


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [("http://127.0.0.1:9", "Connection refused"), ("https", "TLS: wrong version number")],
)
def test_no_gateway_there(
    ceph: Server, endpoint: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._PAUSE_SECONDS", 0)
    if endpoint == "https":
        endpoint = ceph.endpoint.replace("http:", "https:")
    wrong = ceph.gateway(endpoint=endpoint)
    with pytest.raises(GatewayError, match=f"topics: .* at {endpoint}: .*be reached: {told}"):
        wrong.topics()
