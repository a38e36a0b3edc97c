from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis
import requests
from lsst.daf.butler import Butler
from moto.server import ThreadedMotoServer

from tests.site.services.ingest_site import IngestSite
from tests.site.services.support import SERVICES
from tests.support.ports import free_port

# The ingest script imports what lies beside it.
sys.path.append(str(SERVICES / "ingest"))


@pytest.fixture
def full(store: redis.Redis) -> Iterator[Callable[[bool], None]]:
    """Makes Redis refuse whatever needs memory, or not."""

    def change(full: bool) -> None:
        store.config_set("maxmemory", int(full))

    yield change
    change(False)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that knows LSSTCam and no image; to be copied."""
    folder = tmp_path_factory.mktemp("repository") / "repo"
    Butler.makeRepo(str(folder))
    with Butler.from_config(str(folder), writeable=True) as butler:
        import_module("lsstcam").register(butler)
    return folder


@pytest.fixture(scope="session")
def s3(s3_endpoint: str) -> Iterator[Any]:
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="access",
        aws_secret_access_key="secret",
    )
    yield client
    client.close()


@pytest.fixture
def make_site(
    s3: Any,
    s3_endpoint: str,
    empty_repository: Path,
    store: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., IngestSite]]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("S3_ENDPOINT_URL", s3_endpoint)
    sites = []

    def make(bucket: str = "rubin-summit", tag: str = "1.5", **environ: str) -> IngestSite:
        s3.create_bucket(Bucket=bucket.rpartition("@")[2])
        repo = tmp_path / "repo"
        shutil.copytree(empty_repository, repo)
        sites.append(IngestSite(s3, store, repo, bucket, environ, tag))
        return sites[-1]

    yield make
    for site in sites:
        site.butler.close()
    with requests.Session() as session:
        session.post(f"{s3_endpoint}/moto-api/reset", timeout=5).raise_for_status()


@pytest.fixture
def site(make_site: Callable[..., IngestSite]) -> IngestSite:
    return make_site()
