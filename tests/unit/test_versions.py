"""Chart, hooks' image and package are released together, under one version."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import embargo_butler
from tests.unit.chart.helm import CHART, PROJECT, load

SEMVER = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?"
WORKFLOWS = PROJECT / ".github/workflows"


def test_one_version_everywhere() -> None:
    chart = load(CHART / "Chart.yaml")
    found = {chart["version"], chart["appVersion"], embargo_butler.__version__}
    [version] = found
    assert re.fullmatch(SEMVER, version)
    headings = re.findall(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == version


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yaml")), ids=lambda path: path.stem)
def test_workflows_run_what_is_there(path: Any) -> None:
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}, "more only where a job needs it"
    for job in workflow["jobs"].values():
        if local := job.get("uses"):
            assert (PROJECT / local).is_file()
        for step in job.get("steps", []):
            assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"run: make (\S+)", text)) <= targets
    for named in re.findall(r"(?:hooks/|charts/)[\w/-]+(?:\.yaml)?", text):
        assert (PROJECT / named).exists(), named
