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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from embargo_butler.adapters.rgw.client import RgwGateway
from tests.contract.server import ENDPOINT, Server
from tests.contract.site import Site

_KEYS = {"user": "testing", "access_key": "testing", "secret_key": "testing"}
GATEWAYS: dict[str, Any] = (
    json.loads(Path(os.environ["RGW_GATEWAYS"]).read_text()) if "RGW_GATEWAYS" in os.environ else {}
)


# What only Ceph can show is not collected where there is none; the header says so.
_OF_CEPH = [
    f"test_{each}.py"
    for each in ("ceph", "changes", "errors", "events", "grants", "kills", "migrating", "ownership")
]
collect_ignore = [] if GATEWAYS else _OF_CEPH


def pytest_report_header() -> str:
    return f"gateways of the contract: {', '.join(['moto', *GATEWAYS])}" + (
        "" if GATEWAYS else f" (without RGW_GATEWAYS, {', '.join(_OF_CEPH)} are left out)"
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
def gateway(ceph: Server) -> RgwGateway:
    return ceph.gateway()


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


@pytest.fixture
def made(gateway: RgwGateway, name: str) -> Iterator[str]:
    """A topic's name."""
    gateway.put_topic(name, ENDPOINT)
    yield name
    gateway.delete_topic(name)


@pytest.fixture
def endpoint(ceph: Server) -> str:
    """Where the site's gateway is asked."""
    return ceph.endpoint


@pytest.fixture
def declared(ceph: Server, bucket: str, tmp_path: Path, endpoint: str) -> Iterator[Site]:
    """A declared bucket; nothing is made but what is the other team's."""
    made = Site(ceph, bucket, tmp_path, endpoint)
    try:
        made.add_theirs()
        yield made
    finally:
        made.close()


@pytest.fixture
def site(declared: Site) -> Site:
    """The same, made as declared."""
    declared.apply()
    return declared


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
