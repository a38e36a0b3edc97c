from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.adapters.redis.records import RedisRecords
from embargo_butler.engine import apply
from embargo_butler.model.ports import Rollout
from embargo_butler.secret import Secret
from tests.site.services.support import PASSWORD
from tests.unit.fakes import FakeWorld
from tests.unit.pipeline_site import Output, Site

SITE: dict[str, Any] = {
    "environment": "summit",
    "cluster": "usdf-embargo-dmz",
    "namespace": "summit",
    "fullname": "embargo-butler",
    "vault": {
        "address": "http://198.20.0.1:8200",
        "mount": "secret",
        "auth": {"method": "kubernetes", "mount": "kubernetes", "role": "r", "audience": "vault"},
    },
    "secrets": {
        "redis": {"redis-password": {"path": "site/summit", "field": "redis"}},
        "notification": {"secret": {"path": "site/summit", "field": "notification"}},
    },
    "enqueue": {"service": "embargo-butler-enqueue", "port": 8080, "address": None},
    "hooks": {"deadlineSeconds": 240},
    "bucketConfig": {
        "endpoint": "http://198.20.0.1:7480",
        "region": "default",
        "owners": {"rubin-summit": {"path": "owners/rubin-summit"}},
        "topics": {
            "rubin-summit": {
                "owner": "rubin-summit",
                "attributes": {
                    "push-endpoint": "http://{{ enqueue.address }}:8080/notify",
                    "OpaqueData": "{{ secrets.notification.secret }}",
                    "persistent": True,
                },
            }
        },
        "buckets": {
            "rubin-summit": {
                "owner": "rubin-summit",
                "grants": {"read": ["rubin-summit-users"]},
                "deny": [
                    {
                        "principals": ["people"],
                        "actions": ["s3:PutObject"],
                        "prefix": "LSSTCam/raw/",
                    }
                ],
                "notifications": {
                    "to-http": {"topic": "rubin-summit", "events": ["s3:ObjectCreated:*"]}
                },
            }
        },
    },
}
PIPELINE: dict[str, Any] = {
    "bucket": "embargo@rubin-summit",
    "regexp": r"\.fits$",
    "mode": "webhook",
    "enqueue": {"deployment": "embargo-butler-enqueue", "secret": {"secret": "n", "key": "s"}},
    "redis": {
        "service": "redis",
        "port": 6379,
        "password": {"secret": "redis", "key": "redis-password"},
    },
    "ingest": {"deployment": "embargo-butler-ingest", "env": {}},
    "presence": "embargo-butler-presence",
    "backfill": "auto",
    "maximum": 10000,
}
DOCUMENTS = {
    "site/summit": {"redis": "redis-value", "notification": "notification-value"},
    "owners/rubin-summit": {
        "access_key": "rubin-summit-access",
        "secret_key": "rubin-summit-secret-value",
    },
}
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts while a Secret is written."""
    monkeypatch.setattr(apply, "SEEN_SECONDS", 0.0)


@pytest.fixture
def site() -> dict[str, Any]:
    return copy.deepcopy(SITE)


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld(DOCUMENTS)


@pytest.fixture
def records(redis_port: int, store: object) -> Iterator[RedisRecords]:
    client = RedisRecords("127.0.0.1", redis_port, Secret(PASSWORD))
    yield client
    client.close()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(document: dict[str, Any]) -> Path:
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return file

    return written


@pytest.fixture
def pipeline(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    records: RedisRecords,
    store: Any,
    capsys: Output,
) -> Site:
    world.redis = records
    world.fake_cluster.rollouts["Deployment embargo-butler-ingest"] = Rollout(True, ready=1)
    file = write({**site, "pipeline": PIPELINE})
    return Site(str(file), world, store, capsys, time.time())
