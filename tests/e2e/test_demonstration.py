"""What the demonstration leaves: its closing lines, run as they are printed, and README's picture.

`make readme` writes into README what two verbs print on the site now.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from tests.rig import cluster, demo
from tests.rig.progress import Display
from tests.rig.release import SUMMIT
from tests.rig.site import CACHE, PROJECT
from tests.support.namespace import FULLNAME

README = PROJECT / "README.md"
SHOWN = re.compile(r"(<!-- by make readme -->\n```\n)(.*?)(```\n<!-- till here -->)", re.DOTALL)
SECTIONS = ("release", "pods", "newest", "topics")
"""Those of status that README shows, by the first word of their titles."""
CHANGE = {
    "ingest": {"replicas": 2},
    "bucketConfig": {
        "buckets": {
            "rubin-summit": {
                "grants": {
                    "read": ["rubin-summit-users", "prompt-processing-dev", "rubin-rubintv-data-ro"]
                }
            }
        }
    },
}
"""What somebody wants to change where README shows a plan."""
VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "NOW"),
    (r":[0-9a-f]{64}\b", ":HASH"),  # of the configuration of the jobs
    (r"-\d{8}t\d{6}\b", ""),  # a topic's generation
    (r"MC_O_\d{8}_\d{6}", "EXPOSURE"),
    (r"\d+(?:\.\d+)? (?:d|h|min|s)\b(?: \d+ (?:h|min|s)\b)*", "A WHILE"),
    (r"\b(?:Install|Upgrade) complete", "DONE"),
    (r"(?<![\w.:/-])\d+(?![\w.:/-])", "N"),
    (r" +", " "),
)


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


def copied(closing: str) -> list[str]:
    """Return the closing lines that are there to be typed."""
    lines = [line.strip() for line in closing.splitlines() if line.startswith("    ")]
    return [line for line in lines if not line.startswith("#")]


@pytest.fixture(scope="module")
def lines(release: None) -> Iterator[list[str]]:
    """The closing lines that are there to be copied, from what the demonstration prints."""
    text = io.StringIO()
    assert demo.run(Display(Console(file=text, width=200))) == 0
    _, begin, closing = text.getvalue().partition("The site stays up.")
    assert begin, text.getvalue()
    try:
        yield copied(closing)
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


def test_readme_shows_what_plan_and_status_print(lines: list[str], tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    change.write_text(yaml.safe_dump(CHANGE))
    changed, plan = typed(lines, f'make plan ENV=summit VALUES="$VALUES {change}"', tmp_path)
    _, status = typed(lines, "make status ENV=summit", tmp_path)
    assert changed == 0, plan
    told = ["$ make plan ENV=summit", *_of_the_plan(plan), "", "$ make status ENV=summit"]
    shown = "\n".join([*told, *_of_the_status(status)]) + "\n"
    print(shown)
    found = SHOWN.search(README.read_text())
    assert found, "README has lost its markers"
    if os.environ.get("EMBARGO_BUTLER_README") == "write":
        README.write_text(SHOWN.sub(lambda it: it[1] + shown + it[3], README.read_text()))
    else:
        assert _steady(shown) == _steady(found[2]), "`make readme` writes README's anew"


def _of_the_plan(said: str) -> list[str]:
    """Leave out what a plan reads, what it finds as it should be, and what surrounds a change."""
    told = r"(\w+ \S+: (new|changed|removed)|  [+-]|.* objects would change|plan: |\w+ plan: )"
    return [line for line in said.splitlines() if re.match(told, line)]


def _of_the_status(said: str) -> list[str]:
    """Leave out some of the sections, and the lines between them."""
    head, *sections, last = said.strip().split("\n\n")
    kept = [each for each in sections if each.startswith(SECTIONS)]
    return [line for each in (head, *kept, last) for line in each.splitlines()]


def _steady(text: str) -> str:
    """Take out what differs from run to run: times, counts, generations, the exposure."""
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda at: CASES[at].line)
def test_a_closing_line_does_as_printed(lines: list[str], number: int, tmp_path: Path) -> None:
    case = CASES[number]
    code, said = typed(lines, lines[number] if number else "", tmp_path, case.answer)
    assert code == case.code, said
    assert re.search(case.says, said, re.MULTILINE), said


def test_only_root_may_read_what_the_shell_sources(lines: list[str]) -> None:
    assert demo.ACTIVATE.stat().st_mode & 0o777 == 0o600
    assert str(PROJECT) in lines[0]
