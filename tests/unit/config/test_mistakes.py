"""All mistakes in a configuration that anybody thought of, and what is said of each.

`mistakes.txt` has them: what is changed in a good configuration (that of the tests of the jobs),
and below it the sentences. `EMBARGO_BUTLER_MISTAKES=write` writes the sentences again; then read
the diff.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from embargo_butler.config.config import parse
from embargo_butler.errors import HooksError, Problems
from tests.unit.conftest import PIPELINE, SITE

FILE = Path(__file__).with_name("mistakes.txt")
GOOD = {**SITE, "pipeline": PIPELINE}
ABSENT = "!absent"
SAID = "    -> "


def changed(changes: dict[str, Any]) -> Any:
    """Return the good configuration with other values at some places (`a.b.c`), or without one."""
    document: Any = {"": copy.deepcopy(GOOD)}
    for place, value in changes.items():
        node, last = document, ""
        for step in place.split(".") if place else ():
            node, last = node.setdefault(last, {}), step
        if value == ABSENT:
            del node[last]
        else:
            node[last] = value
    return document[""]


def sentences(document: Any) -> list[str]:
    """Return what is said of a configuration."""
    try:
        parse(document, "FILE")
    except Problems as problems:
        return [str(each) for each in problems.found]
    except HooksError as error:
        return [str(error)]
    return ["nothing: it is taken"]


def again(text: str) -> Iterator[str]:
    """Yield the file's paragraphs with what is said now."""
    for paragraph in text.rstrip("\n").split("\n\n"):
        lines = [line for line in paragraph.splitlines() if not line.startswith(SAID)]
        changes = yaml.safe_load("\n".join(lines))
        said = sentences(changed(changes)) if changes else []
        yield "\n".join([*lines, *(SAID + each.removeprefix("FILE: ") for each in said)])


def test_what_is_said_of_each_mistake() -> None:
    text = FILE.read_text()
    now = "\n\n".join(again(text)) + "\n"
    if os.environ.get("EMBARGO_BUTLER_MISTAKES") == "write":
        FILE.write_text(now)
        text = now
    assert now.splitlines() == text.splitlines()
    said = [line for line in now.splitlines() if line.startswith(SAID)]
    assert not any("hunt" in line for line in said), "a value that may be a secret is shown"
    assert not any("nothing: it is taken" in line for line in said)
    assert all(line.isprintable() for line in said)
