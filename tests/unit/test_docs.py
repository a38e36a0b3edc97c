"""What the documentation tells people to type is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from embargo_butler.cli.job.command import main
from tests.unit.chart.helm import PROJECT

PAGES = sorted([PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")])


def typed(page: Path) -> str:
    """Return what stands in code, inline or in blocks."""
    text = page.read_text(encoding="utf-8")
    return "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4}(.*)$", text, re.M)])


def test_every_target_is_there() -> None:
    there = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.M))
    named = {
        name for page in PAGES for name in re.findall(r"\bmake (?:-s )?([a-z-]+)", typed(page))
    }
    assert named >= {"demo", "test", "check"}
    assert named - there == set()


def verbs() -> list[str]:
    found = set()
    for page in PAGES:
        for verb in re.findall(r"\bembargo-butler job ([a-z-]+)", typed(page)):
            found.add(verb)
    return sorted(found)


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_there(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_that_is_named_is_there(page: Path) -> None:
    folders = "docs|tests|charts|values|bucket-config"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (PROJECT / name).exists(), name
