"""What the demonstration leaves: its closing lines, each run as it is printed."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from tests.rig import cluster, demo
from tests.rig.progress import Display
from tests.rig.release import SUMMIT
from tests.rig.site import CACHE, PROJECT
from tests.support.namespace import FULLNAME


@dataclass(frozen=True)
class Case:
    """What one closing line has to do.

    Attributes:
        line: How it is printed, a regular expression.
        says: What it prints, another one.
        code: Its exit status; make's own is 2 for whatever failed.
        answer: What the operator types when it asks.
    """

    line: str
    says: str
    code: int = 0
    answer: str = ""


ACTIVATED = r"cd \S+ && \. /\S+"
CASES = (
    Case(ACTIVATED, r"\A\Z"),
    Case("make status ENV=summit", r"^status: summit: well$"),
    Case("make plan ENV=summit", r"^summit in cluster rig: 0 of \d+ objects would change$"),
    Case("kubectl .* get pods,services,jobs", r"^pod/redis-0 +1/1 +Running"),
    Case("vault kv list .*", r"^summit$"),
    Case(r"make trace ENV=summit EXPOSURE=\w+", "all 205 files have arrived"),
    Case(r"\(sleep .*\) & make expose", r'^pod ".*-ingest-.*" deleted[\s\S]*^Every queue is empty'),
    Case("helm upgrade summit .*=9.9.9", r"^STATUS: deployed$"),
    Case("make status ENV=summit", r"0 of 1 pods are ready: (ErrImagePull|ImagePullBackOff)", 2),
    Case("make rollback ENV=summit", r"^all is well$", answer="summit\n"),
)
"""In their order; what begins with a hash only tells."""


@pytest.fixture(scope="module")
def lines(release: None) -> Iterator[list[str]]:
    """The closing lines that are there to be copied, from what the demonstration prints."""
    text = io.StringIO()
    assert demo.run(Display(Console(file=text, width=200))) == 0
    _, begin, closing = text.getvalue().partition("The site stays up.")
    assert begin, text.getvalue()
    copied = [line.strip() for line in closing.splitlines() if line.startswith("    ")]
    try:
        yield [line for line in copied if not line.startswith("#")]
    finally:
        ingest = f"deployment/{FULLNAME}-ingest"
        image = ("-o", "jsonpath={.spec.template.spec.containers[0].image}")
        if cluster.kubectl("get", "-n", SUMMIT.namespace, ingest, *image).endswith(":9.9.9"):
            SUMMIT.deploy(print)


def typed(lines: list[str], line: str, home: Path, answer: str = "") -> tuple[int, str]:
    """Type a line in a shell that knows nothing but what the first closing line gives it."""
    done = subprocess.run(
        ["bash", "-c", f"{lines[0]}\n{line}"],
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            # Where this project's own Python is; by default that is below the home.
            "EMBARGO_BUTLER_CACHE": str(CACHE),
        },
        input=answer,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def test_each_closing_line_is_looked_at(lines: list[str]) -> None:
    assert len(lines) == len(CASES), lines
    for line, case in zip(lines, CASES, strict=True):
        assert re.fullmatch(case.line, line), line


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda at: CASES[at].line)
def test_a_closing_line_does_as_printed(lines: list[str], number: int, tmp_path: Path) -> None:
    case = CASES[number]
    code, said = typed(lines, lines[number] if number else "", tmp_path, case.answer)
    assert code == case.code, said
    assert re.search(case.says, said, re.MULTILINE), said


def test_only_root_may_read_what_the_shell_sources(lines: list[str]) -> None:
    assert demo.ACTIVATE.stat().st_mode & 0o777 == 0o600
    assert str(PROJECT) in lines[0]
