"""Where moto is not like Ceph: what passes on it proves nothing about these."""

from __future__ import annotations

import io

import pytest

from embargo_butler.engine.apply import apply
from embargo_butler.engine.report import Report
from embargo_butler.errors import GatewayError
from embargo_butler.model.plan import Change, Plan, PutNotification
from embargo_butler.model.resources import Notification
from tests.contract.server import CREATED, ENDPOINT, Server
from tests.unit.fakes import FakeCluster


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_a_put_replaces_all_and_that_is_noticed(server: Server, bucket: str, name: str) -> None:
    gateway = server.gateway()
    gateway.put_topic(name, ENDPOINT)
    gateway.put_notification(bucket, Notification("theirs", name, CREATED))
    put = PutNotification("owner", bucket, Notification("ours", name, CREATED))
    report = Report("", io.StringIO(), io.StringIO(), False)
    with pytest.raises(GatewayError, match="it took others away: theirs; put them back"):
        apply(Plan((Change(put, "new"),)), FakeCluster(), {"owner": gateway}, report)
