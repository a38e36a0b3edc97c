"""What is typed after a target of make reaches the program as it is, and is run by nobody."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from embargo_butler.cli.operator.command import main
from embargo_butler.release import targets
from tests.rig.site import PROJECT
from tests.unit.programs import Fake

EVIL = [
    "LSSTCam/20260603/MC_O_20260603_000258/MC_O_20260603_000258_R22_S11;touch x;.fits",
    "MC_O_20260603_000258_$(shell touch x)",
    "${shell touch x}$(info x)$(error x)$",
    "$(touch x)`touch x`",
    "'; touch x; '\"; touch x; \"",
    "a\ntouch x\n",
    "\n\ttouch x",
    " ahead and behind ",
    "a && touch x || touch x & touch x | touch x > x",
    "#:= x",
    "back\\slash\\",
    "%*?[a-z]{x,y}~!é",
    "$$HOME$HOME$(HOME)",
    "\x1b[31mred\x1b[0m\x07\x9b\x7f\u202e\u2028",
    "--rows",
    "-x",
]
SURE = random.Random(13)
LETTERS = "aZ0_/.;$`'\"\\ \t\n\r#%&|<>(){}[]*?!~=:-\x01\x1b\x7f\x9b\u202eé"
MANY = ["".join(SURE.choices(LETTERS, k=SURE.randint(1, 24))) for _ in range(300)]
Reads = Callable[[str], tuple[list[str], list[str]]]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A checkout, in which the program tells what it was asked instead of doing it."""
    for name in ("Makefile", "hooks", "tests"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "program").write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        "from embargo_butler.release import targets\n"
        "print(json.dumps(targets.read(sys.argv[-1], os.environ)))\n"
    )
    (tmp_path / "program").chmod(0o755)
    (tmp_path / "ready").touch()
    return tmp_path


@pytest.fixture
def reads(desk: Path) -> Reads:
    """Paste a command into a shell, let make read it, and return what the program reads."""

    def read(command: str) -> tuple[list[str], list[str]]:
        # Dash knows nothing but what POSIX has; what is not to be seen is spelled for Bash.
        shell = "bash" if "$'" in command else "sh"
        typed = f"{command} PYTHON=./program READY=ready"
        done = subprocess.run(
            [shell, "-c", typed], cwd=desk, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not (desk / "x").exists(), command
        words, names = json.loads(done.stdout)
        return words, names

    return read


@pytest.mark.parametrize("name", [*EVIL, *MANY[:8]])
def test_a_name_comes_through_the_shell_and_make_as_it_is(name: str, reads: Reads) -> None:
    command = targets.make("summit", "trace", "--", name)
    assert command.isprintable()
    assert reads(command) == (["trace", "summit"], [name])


def test_several_names_do(reads: Reads) -> None:
    options = ("--force", "--through", "$(shell touch x)")
    names = [*EVIL, *MANY]
    command = targets.make("summit", "trigger", *options, "--", *names)
    words = ["trigger", "summit", "--through=$(shell touch x)", "--force"]
    assert reads(command) == (words, names)
    assert reads(targets.make("summit", "buckets", "renew", "--", *names))[1] == names


@pytest.mark.parametrize("variable", ["ENV", "VALUES", "SINCE"])
def test_no_variable_is_run(variable: str, reads: Reads, desk: Path) -> None:
    evil = "$(shell touch x)`touch x`;touch x;$(touch x)"
    words, _ = reads(f"make backfill ENV=summit {variable}='{evil}'")
    assert not (desk / "x").exists()
    known = {
        "ENV": ["backfill", evil],
        "VALUES": ["backfill", "summit", *(f"--values={each}" for each in evil.split())],
        "SINCE": ["backfill", "summit", f"--since={evil}"],
    }
    assert words == known[variable]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("trigger ENV=summit DRYRUN=1", "make trigger does not know DRYRUN: did you mean DRY_RUN?"),
        (
            "backfill ENV=summit SINSE=6h APPLY=1",
            "make backfill does not know SINSE: did you mean SINCE?",
        ),
        (
            "apply ENV=summit DRY_RUN=1",
            "make apply does not know DRY_RUN: it reads ENV, YES, TAKE_OVER",
        ),
        ("status env=summit", "make status does not know env: did you mean ENV?"),
        (
            "status ENV=summit UNKNOWN='$(shell touch x)`touch x`'",
            "make status does not know UNKNOWN",
        ),
    ],
)
def test_what_a_target_does_not_know_is_refused(typed: str, said: str, desk: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"make {typed} PYTHON=./program READY=ready HELM=helm"],
        cwd=desk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert not (desk / "x").exists()


def test_a_variable_of_the_environment_is_no_different(reads: Reads) -> None:
    words, names = reads("ENV=summit EXPOSURE='$(shell touch x)' make trace")
    assert (words, names) == (["trace", "summit"], ["$(shell touch x)"])


@pytest.mark.parametrize("name", ["--rows", "-x", "--output=json"])
def test_a_name_is_never_an_option(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Sequence[str]] = []
    monkeypatch.setenv("ENV", "summit")
    monkeypatch.setenv("EXPOSURE", name)

    def run(verb: str, words: Sequence[str], *_: object) -> int:
        asked.append(words)
        return 0

    monkeypatch.setattr("embargo_butler.cli.operator.pipeline_verbs.run", run)
    monkeypatch.chdir(PROJECT)
    assert main(["make", "trace"], Fake().programs) == 0, capsys.readouterr().err
    assert asked == [["--", name]]


@pytest.mark.parametrize(
    ("target", "code", "ended"),
    [("backfill", 2, 0), ("backfill", 1, 1), ("audit", 2, 2), ("status", 1, 1)],
)
def test_changes_are_no_failure_of_what_shows_them(
    target: str, code: int, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embargo_butler.cli.operator.command._run", lambda *_: code)
    assert main(["make", target]) == ended


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("APPLY", "0", "APPLY=0: APPLY=1 says yes, no APPLY at all says no"),
        ("VALUES", "'a", "VALUES=''\"'\"'a': no closing quotation"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    variable: str,
    value: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ENV", "summit")
    monkeypatch.setenv(variable, value)
    fake = Fake()
    assert main(["make", "backfill"], fake.programs) == 1
    assert capsys.readouterr().err == f"backfill: {said}\n"
    assert fake.asked == []


def test_the_makefile_has_each_target_and_tells_of_no_variable_that_it_does_not_read() -> None:
    made = (PROJECT / "Makefile").read_text()
    (listed,) = re.findall(r"^VERBS := ((?:.*\\\n)*.*)", made, re.M)
    assert listed.replace("\\\n", " ").split() == list(targets.TARGETS)
    for name, target in targets.TARGETS.items():
        (help_,) = re.findall(rf"^{name}: ## (.*)", made, re.M)
        told = set(re.findall(r"([A-Z_]+)=", help_.partition("]:")[0]))
        assert told <= {*target.variables(), target.names, target.environment}, name
