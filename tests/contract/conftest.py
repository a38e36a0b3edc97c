"""The gateways that the contract suite runs against.

moto is always there. Real ones are named in a JSON file, whose path is in RGW_GATEWAYS:

    {"16.2.15": {"endpoint": "http://…", "region": "default",
                 "owner": {"user": "…", "access_key": "…", "secret_key": "…"},
                 "other": {"user": "…", "access_key": "…", "secret_key": "…"},
                 "tenant": {"user": "tenant$user", "access_key": "…", "secret_key": "…"}}}

`owner` and `other` are two users of the gateway who may make buckets, and so is `tenant`, of a
tenant. The gateway pushes events to 127.0.0.1, so it runs on the machine of the tests.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from embargo_hooks.adapters.rgw import RgwGateway
from embargo_hooks.secret import Secret

_KEYS = {"user": "testing", "access_key": "testing", "secret_key": "testing"}
GATEWAYS: dict[str, Any] = (
    json.loads(Path(os.environ["RGW_GATEWAYS"]).read_text()) if "RGW_GATEWAYS" in os.environ else {}
)


# What only Ceph can show is not collected where there is none; the header says so.
_OF_CEPH = [
    f"test_{each}.py"
    for each in ("ceph", "changes", "errors", "events", "grants", "kills", "ownership")
]
collect_ignore = [] if GATEWAYS else _OF_CEPH


def pytest_report_header() -> str:
    return f"gateways of the contract: {', '.join(['moto', *GATEWAYS])}" + (
        "" if GATEWAYS else f" (without RGW_GATEWAYS, {', '.join(_OF_CEPH)} are left out)"
    )


@dataclass(frozen=True)
class Server:
    """A gateway under test."""

    version: str
    endpoint: str
    region: str
    owner: Mapping[str, str]
    other: Mapping[str, str]
    tenant: Mapping[str, str]

    def gateway(self, who: str = "owner", endpoint: str = "") -> RgwGateway:
        keys = getattr(self, who)
        access, secret = Secret(keys["access_key"]), Secret(keys["secret_key"])
        return RgwGateway(endpoint or self.endpoint, self.region, keys["user"], access, secret)

    def s3(self, who: str = "owner") -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=getattr(self, who)["access_key"],
            aws_secret_access_key=getattr(self, who)["secret_key"],
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


@pytest.fixture(scope="session", params=["moto", *GATEWAYS])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param != "moto":
        yield Server(request.param, **GATEWAYS[request.param])
        return
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield Server("moto", f"http://{host}:{port}", "us-east-1", _KEYS, _KEYS, _KEYS)
    moto.stop()


@pytest.fixture(scope="session", params=list(GATEWAYS))
def ceph(request: pytest.FixtureRequest) -> Server:
    return Server(request.param, **GATEWAYS[request.param])


@pytest.fixture
def gateway(server: Server) -> RgwGateway:
    return server.gateway()


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return f"contract-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def bucket(request: pytest.FixtureRequest, name: str) -> Iterator[str]:
    used = "ceph" if "ceph" in request.fixturenames else "server"
    s3 = request.getfixturevalue(used).s3()
    s3.create_bucket(Bucket=name)
    yield name
    s3.delete_bucket(Bucket=name)
    s3.close()


@dataclass(frozen=True)
class Rows:
    """What was counted, for the table at the end."""

    lines: list[tuple[str, ...]]

    def add(self, *cells: object) -> None:
        self.lines.append(tuple(map(str, cells)))


_ROWS: pytest.StashKey[Rows] = pytest.StashKey()
_HEAD = ("change", "gateway", "PUTs", "lost", "named", "twice", "theirs lost")


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> Rows:
    return pytestconfig.stash.setdefault(_ROWS, Rows([_HEAD]))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table."""
    if not (found := config.stash.get(_ROWS, None)):
        return
    widths = [max(map(len, column)) for column in zip(*found.lines, strict=True)]
    for line in found.lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        terminalreporter.write_line("  ".join(cells).rstrip())
