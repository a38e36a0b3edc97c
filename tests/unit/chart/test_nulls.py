"""A key without a value, which is null, is refused by its name, unless its null means something."""

from __future__ import annotations

import re
from itertools import groupby, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig import helms
from tests.tools.defaults import NULLS, meant
from tests.unit.chart.facts import FACTS
from tests.unit.chart.helm import (
    CHART,
    HelmError,
    files,
    helm,
    load,
    merged,
    names,
    nested,
    paths,
    template,
)

DEFAULTS = load(CHART / "values.yaml")
DEFAULT_OF = dict(paths(DEFAULTS))
# What no rule across fields looks at, so that one rendering tells of all of them.
UNRULED = re.compile(
    r"vault\..*|.*\.(tolerations|priorityClassName|maxUnavailable)"
    r"|(enqueue|presence)\.replicas|secrets\.db-env"
    r"|ingest\.env\.(WEBHOOK_URI|S3_ENDPOINT_URL|MAX_INGESTS|RUCIO_DTN|RUCIO_SCOPE)"
)
Key = tuple[str, ...]


def own(environment: str) -> dict[str, Any]:
    """Return what an environment's files say."""
    values: dict[str, Any] = {}
    for file in files(environment)[1::2]:
        values = merged(values, load(Path(file)))
    return values


def keys(environment: str) -> list[Key]:
    return [path for path, _ in paths(merged(DEFAULTS, own(environment)))]


def nulls(chosen: list[Key]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path in chosen:
        values = merged(values, nested(path, None))
    return values


def test_defaults_that_are_null_mean_something() -> None:
    assert [path for path, value in paths(DEFAULTS) if value is None and not meant(path)] == []


def test_each_meaning_is_tried() -> None:
    """By helm-unittest, which looks at what is rendered."""
    tried = set()
    for suite in yaml.safe_load_all((CHART / "tests/nulls_test.yaml").read_text(encoding="utf-8")):
        for case in suite["tests"]:
            for given, value in case["set"].items():
                # Keys may be paths themselves.
                for path, leaf in [((), value), *paths(value)]:
                    tried.add(meant((*given.split("."), *path)) if leaf is None else None)
    assert tried - {None} == set(NULLS)


@pytest.mark.parametrize(
    ("version", "environment"),
    [
        *((helms.OLDEST, environment) for environment in FACTS),
        *product(helms.NEWEST, ("summit", "test")),
    ],
)
def test_without_a_meaning_it_is_refused_by_name(
    version: str, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM", str(helms.program(version, print)))
    refused = sorted((path for path in keys(environment) if not meant(path)), key=len)
    assert len(refused) > 250
    # What is as deep as another is not in it, so all of a depth can be told of at once.
    for _, together in groupby(refused, key=len):
        chosen = list(together)
        with pytest.raises(HelmError) as caught:
            template(environment, nulls(chosen))
        said = str(caught.value)
        assert [path for path in chosen if not names(path, said)] == []


def refusal(environment: str, key: Key) -> str:
    """Return what Helm says of a key that is null, or nothing where it takes it."""
    if not UNRULED.fullmatch(".".join(key)):
        try:
            template(environment, nulls([key]))
        except HelmError as error:
            return str(error)
    return ""


@pytest.mark.parametrize("environment", FACTS)
def test_with_a_meaning_it_is_as_if_it_had_not_been_given(environment: str) -> None:
    said = {key: refusal(environment, key) for key in keys(environment) if meant(key)}
    for key, message in said.items():
        # One of our sentences, about the key or the map that it is missing in.
        about = (f"`{'.'.join(key)}`", f"`{'.'.join(key[:-1])}`")
        assert not message or any(each in message for each in about), message
    taken = [key for key, message in said.items() if not message]
    # What has a default comes to something else than leaving it out: see nulls_test.yaml.
    default = [key for key in taken if DEFAULT_OF.get(key) is not None]
    left_out = own(environment)
    for *above, last in set(taken) - set(default):
        place = left_out
        for word in above:
            place = place.get(word, {})
        place.pop(last, None)
    values = yaml.safe_dump(merged(left_out, nulls(default)))
    command = ("template", environment, str(CHART), "--namespace", FACTS[environment].namespace)
    assert template(environment, nulls(taken)) == helm(*command, "--values", "-", stdin=values)
