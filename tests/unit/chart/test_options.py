"""Every option is tried: a test of helm-unittest sets it and looks at what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import yaml

from tests.unit.chart.helm import CHART, load, paths


def leaves(tree: Any) -> set[str]:
    """Return the paths of a tree's leaves; a map that names of others fill is one."""
    return {
        ".".join(path) for path, value in paths(tree) if not isinstance(value, dict) or not value
    }


def tried() -> Iterator[str]:
    """Yield the paths that tests set, each with all above it."""
    for file in CHART.glob("tests/*_test.yaml"):
        for suite in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            for case in (suite, *suite["tests"]):
                files = [load(CHART / "tests" / name) for name in case.get("values", ())]
                for path, _ in chain.from_iterable(map(paths, (case.get("set", {}), *files))):
                    # Keys may be paths themselves.
                    words = ".".join(path).split(".")
                    yield from (".".join(words[: end + 1]) for end in range(len(words)))


def test_every_option_is_tried() -> None:
    options = leaves(load(CHART / "values.yaml"))
    assert len(options) > 200
    assert options - set(tried()) == set()
