"""The README's own command deploys every environment, from the files as they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.rig import helms
from tests.unit.chart.facts import FACTS
from tests.unit.chart.helm import PROJECT, helm, lint, parsed

COMMAND = re.compile(r"^ {4}(helm upgrade --install (?:.*\\\n)*.*)$", re.M)


def words(environment: str) -> list[str]:
    """Return the README's command for an environment, word by word."""
    [said] = COMMAND.findall((PROJECT / "README.md").read_text())
    program, upgrade, install, *rest = shlex.split(said.replace("\\\n", ""))
    assert (program, upgrade, install) == ("helm", "upgrade", "--install")
    chart, options = rest[1], rest[2:]
    at = options.index("-n")
    options[at + 1] = FACTS[environment].namespace
    here = [word.replace("summit.yaml", f"{environment}.yaml") for word in options]
    return [environment, chart, *here]


@pytest.fixture(params=(helms.OLDEST, *helms.NEWEST))
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Helm, one after the other."""
    monkeypatch.setenv("HELM", str(helms.program(request.param, print)))
    monkeypatch.chdir(PROJECT)


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("environment", FACTS)
def test_it_renders(environment: str) -> None:
    found = parsed(helm("template", *words(environment)))
    assert "StatefulSet/redis" in found
    assert f"Job/{FACTS[environment].prefix}-buckets" in found


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("environment", FACTS)
def test_lint(environment: str) -> None:
    lint(environment, FACTS[environment].namespace)


def test_the_command_is_that_of_a_documented_environment() -> None:
    assert words("summit") == [
        *("summit", "charts/embargo-butler", "-n", "summit", "--create-namespace"),
        *("-f", "values/summit.yaml", "-f", "bucket-config/summit.yaml"),
    ]


@pytest.mark.parametrize("environment", FACTS)
def test_the_one_setting_of_day_one_goes_where_it_is_said(environment: str, tmp_path: Path) -> None:
    page = (PROJECT / "docs/getting-started.md").read_text()
    [setting] = re.findall(
        r"what stands there for `vault`:\n\n    (.*)\n", page.replace("\nentry", " entry")
    )
    file = PROJECT / "values" / f"{environment}.yaml"
    changed, entries = re.subn(
        r"^(vault: \{.*)\}", rf"\1, {setting}}}", file.read_text(), flags=re.M
    )
    assert entries == 1
    (tmp_path / file.name).write_text(changed)
    given = [
        word.replace(f"values/{file.name}", str(tmp_path / file.name))
        for word in words(environment)
    ]
    config = parsed(helm("template", *given))[f"ConfigMap/{FACTS[environment].prefix}-config"]
    vault = yaml.safe_load(config["data"]["config.yaml"])["vault"]
    assert vault["auth"]["method"] == "wrapped"
    assert vault["ownersPath"].startswith("rubin/embargo/owners/")
