"""What the rig's values may change of an environment: where things are, and how big they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.site import PROJECT
from tests.unit.chart.facts import FACTS
from tests.unit.chart.helm import CHART, files, helm, load

FOLDER = PROJECT / "tests/rig/values"
OVERLAYS = sorted(FOLDER.glob("*.yaml"))
ALLOWED = re.compile(
    # Endpoints and addresses.
    r"vault\.address|bucketConfig\.endpoint|bucketConfig\.topics\.[^.]+\.attributes\.push-endpoint"
    r"|enqueue\.kafka\.cluster|(redis|enqueue|presence)\.service\.address"
    r"|ingest\.env\.(S3_ENDPOINT_URL|WEBHOOK_URI)"
    r"|cluster"
    # Sizes.
    r"|ingest\.replicas|[a-z]+\.resources\.(requests|limits)\.(cpu|memory)"
    # The clock that is held still, and the audit.
    r"|hooks\.reconcile\.schedule|hooks\.audit\.enabled"
)


def leaves(tree: Any, above: str = "") -> Iterator[str]:
    if not isinstance(tree, dict):
        yield above
        return
    for key, value in tree.items():
        yield from leaves(value, f"{above}.{key}" if above else str(key))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda each: each.stem)
def test_nothing_but_addresses_and_sizes_differs(overlay: Path) -> None:
    found = list(leaves(yaml.safe_load(overlay.read_text())))
    assert [each for each in found if not ALLOWED.fullmatch(each)] == []


def test_each_environment_has_one() -> None:
    assert {each.stem for each in OVERLAYS} == {*FACTS, "small"}


@pytest.mark.parametrize("environment", FACTS)
def test_it_renders(environment: str) -> None:
    namespace = FACTS[environment].namespace
    more = ("--values", str(FOLDER / f"{environment}.yaml"))
    text = helm("template", environment, str(CHART), "-n", namespace, *files(environment), *more)
    # Rucio is not asked by the stand-in; a reason may tell of addresses.
    text = re.sub(r"rubin-rucio\S*|sdfdtn\S*|unconfirmed: .*", "", text)
    assert "slac.stanford.edu" not in text
    assert "172.24." not in text
    assert load(FOLDER / f"{environment}.yaml")["hooks"]["audit"]["enabled"] is True
