"""Every command of the documents is run by a test, or it is said why not."""

from __future__ import annotations

import re

import pytest

from embargo_butler.release.targets import TARGETS
from tests.e2e.test_documented import ELSEWHERE, MENTIONED, REFUSED, RUN
from tests.rig.site import PROJECT
from tests.support import documented

DOCUMENTED = {each.command: each.place for each in documented.commands()}
KNOWN = {**RUN, **ELSEWHERE, **MENTIONED, **REFUSED}


@pytest.mark.parametrize("command", DOCUMENTED)
def test_a_command_is_run_by_a_test_or_refused(command: str) -> None:
    assert command in KNOWN, f"{DOCUMENTED[command]}: no test runs {command!r}"


def test_what_the_tests_run_is_documented() -> None:
    assert set(KNOWN) - set(DOCUMENTED) == set()
    assert len(KNOWN) == len(RUN) + len(ELSEWHERE) + len(MENTIONED) + len(REFUSED)
    assert set(MENTIONED.values()) <= set(RUN) | set(REFUSED)


@pytest.mark.parametrize("test", ELSEWHERE.values())
def test_the_test_that_runs_it_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}(" in (PROJECT / file).read_text()


def test_every_variable_of_make_is_one_that_its_target_reads() -> None:
    for command, place in DOCUMENTED.items():
        if made := re.match(r"make (?:-s )?([a-z-]+) .*=", command):
            target = TARGETS[made[1]]
            read = {"VALUES", "OUTPUT", target.environment, target.names, *target.variables()}
            assert set(re.findall(r" ([A-Z_]+)=", command)) <= read, place


def test_every_target_that_is_named_is_there() -> None:
    made = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", made, re.MULTILINE))
    assert documented.targets() <= targets
    assert {command.split()[1] for command in DOCUMENTED if command.startswith("make ")} - {
        "-s"
    } <= targets


@pytest.mark.parametrize(("file", "path"), sorted(set(documented.paths())))
def test_a_path_that_is_named_is_there(file: str, path: str) -> None:
    assert (PROJECT / path).exists(), f"{file} names {path}"
