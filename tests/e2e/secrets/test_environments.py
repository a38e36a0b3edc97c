"""The Secrets of all environments, as their values declare them, out of a real Vault."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
import yaml

from tests.support.secret_place import Place
from tests.unit.chart import helm as chart
from tests.unit.chart.facts import FACTS


def as_kept(text: str) -> str:
    """Return a value that no trimming, re-encoding or re-ordering would leave as it is."""
    return f"{text}: \u00fc\t\"'$\\n%2F\r\n\n"


@pytest.mark.parametrize("environment", sorted(FACTS))
def test_every_secret_of_every_environment_comes_out_right(place: Place, environment: str) -> None:
    facts = FACTS[environment]
    rendered = chart.render(environment)[f"ConfigMap/{facts.prefix}-hooks"]
    declared: dict[str, Any] = yaml.safe_load(rendered["data"]["config.yaml"])["secrets"]
    fields: dict[str, dict[str, str]] = defaultdict(dict)
    expected: dict[str, dict[str, bytes]] = defaultdict(dict)
    for (secret, key), source in facts.secrets.items():
        if isinstance(source, str):
            expected[secret][key] = source.encode()
            continue
        path, field = source
        fields[path][field] = as_kept(f"{path} {field}")
        expected[secret][key] = as_kept(f"{path} {field}").encode()
    for path, values in fields.items():
        place.put(path, **values)
    for source in (source for keys in declared.values() for source in keys.values()):
        if "path" in source:
            source["path"] = f"{place.name}/{source['path']}"
    place.config["secrets"] = declared
    place.permit()
    assert place.run("secrets") == 0
    assert {name: place.secret(name) for name in declared} == dict(expected)
    assert place.run("secrets", "--dry-run") == 0
