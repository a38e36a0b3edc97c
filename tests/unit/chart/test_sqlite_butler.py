"""The script that makes a SQLite Butler, as rendered: killed anywhere, and on the real `butler`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.chart.helm import PROJECT, render

STAND_IN = PROJECT / "tests/services/ingest"
WATCHED = ("butler", "mkdir", "mv", "rm", "touch")
# Every step is counted, and the script killed before the one it is told to.
STEP = """#!/bin/bash
number=$(($(cat "$STATE/steps") + 1))
echo $number > "$STATE/steps"
if [ "$number" = "$KILL_BEFORE" ]; then kill -KILL $PPID; exit 1; fi
exec "$REAL/$(basename "$0")" "$@"
"""
# It makes what the real one makes: butler.yaml first, which by itself is no repository.
BUTLER = """#!/bin/bash
echo "$1 ${*:3}" >> "$STATE/calls"
if [ "$1" = create ]; then
  mkdir "$2" && echo config > "$2/butler.yaml" && echo "$$" > "$2/gen3.sqlite3"
else
  [ -s "$2/butler.yaml" ] && [ -s "$2/gen3.sqlite3" ]
fi
"""
INSTRUMENT = "register-instrument lsst.obs.lsst.LsstCam"
DATASET_TYPE = (
    "register-dataset-type guider_raw Stamps band instrument day_obs detector group "
    "physical_filter exposure"
)


@pytest.fixture(scope="module")
def script() -> str:
    pod = render("test")["Deployment/embargo-butler-ingest"]["spec"]["template"]["spec"]
    (init,) = pod["initContainers"]
    assert init["command"][:2] == ["bash", "-c"]
    return str(init["command"][2])


class Machine:
    """A machine that the script runs on."""

    def __init__(self, folder: Path, script: str) -> None:
        self.state = folder
        self.repository = folder / "butler"
        self.repository.mkdir()
        self._script = script.replace("repository=/butler", f"repository={self.repository}")
        assert self._script != script
        real, steps = folder / "real", folder / "steps-first"
        for place in (real, steps):
            place.mkdir()
        (folder / "loadLSST.bash").write_text("setup() { :; }\n")
        for name in WATCHED:
            if name != "butler":
                (real / name).symlink_to(str(shutil.which(name)))
            self.program(steps / name, STEP)
        self.program(real / "butler", BUTLER)
        self._path = f"{steps}:{os.environ['PATH']}"

    @staticmethod
    def program(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def run(self, kill_before: int = 0) -> int:
        (self.state / "steps").write_text("0")
        (self.state / "calls").touch()
        done = subprocess.run(
            ["bash", "-c", self._script],
            cwd=self.state,
            env={
                "PATH": self._path,
                "STATE": str(self.state),
                "REAL": str(self.state / "real"),
                "KILL_BEFORE": str(kill_before),
            },
            capture_output=True,
            timeout=300,
            check=False,
        )
        return done.returncode

    @property
    def steps(self) -> int:
        return int((self.state / "steps").read_text())

    @property
    def calls(self) -> list[str]:
        return [line.strip() for line in (self.state / "calls").read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path, script: str) -> Machine:
    return Machine(tmp_path, script)


def test_each_step_is_done_once(machine: Machine) -> None:
    assert machine.run() == 0
    assert machine.calls == ["create", INSTRUMENT, DATASET_TYPE]
    assert machine.run() == 0
    assert machine.calls == ["create", INSTRUMENT, DATASET_TYPE]


def test_killed_between_any_two_steps(tmp_path: Path, script: str) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    first = Machine(whole, script)
    assert first.run() == 0
    assert first.steps >= 9
    for step in range(1, first.steps + 1):
        folder = tmp_path / str(step)
        folder.mkdir()
        machine = Machine(folder, script)
        assert machine.run(kill_before=step) != 0, step
        assert machine.run() == 0, step
        assert (machine.repository / "butler.yaml").read_text() == "config\n", step
        assert (machine.repository / "gen3.sqlite3").read_text(), step
        assert {INSTRUMENT, DATASET_TYPE} <= set(machine.calls), step
        done = len(machine.calls)
        assert machine.run() == 0, step
        assert len(machine.calls) == done, f"killed before step {step}: not marked as done"


def test_killed_within_its_first_step(machine: Machine) -> None:
    aside = machine.repository / "being-made"
    aside.mkdir()
    (aside / "butler.yaml").write_text("half\n")
    assert machine.run() == 0
    assert (machine.repository / "butler.yaml").read_text() == "config\n"
    assert not aside.exists()


def test_an_existing_repository_is_kept(machine: Machine) -> None:
    for name in ("butler.yaml", "gen3.sqlite3"):
        (machine.repository / name).write_text("of years\n")
    assert machine.run() == 0
    assert machine.calls == [INSTRUMENT, DATASET_TYPE]
    for name in ("butler.yaml", "gen3.sqlite3"):
        assert (machine.repository / name).read_text() == "of years\n"


def test_a_failed_step_stops_it(machine: Machine) -> None:
    failing = 'case "$1" in register-instrument) exit 3;; esac\n'
    machine.program(machine.state / "real/butler", BUTLER.replace("echo", failing + "echo", 1))
    assert machine.run() == 3
    assert machine.calls == ["create"]


def test_with_the_real_butler(machine: Machine) -> None:
    """The instrument is the stand-in's; the rest is real."""
    command = Path(sys.executable).with_name("butler")
    assert command.exists(), "no butler beside this Python: install the requirements of the rig"
    machine.program(machine.state / "real/butler", f'#!/bin/bash\nexec {command} "$@"\n')
    shutil.copy(STAND_IN / "loadLSST.bash", machine.state)
    (machine.state / "ingest").symlink_to(STAND_IN)
    assert machine.run() == 0
    assert {path.name for path in machine.repository.iterdir()} == {
        ".done",
        "butler.yaml",
        "gen3.sqlite3",
    }
    with closing(sqlite3.connect(machine.repository / "gen3.sqlite3")) as database:
        names = database.execute("SELECT name FROM dataset_type").fetchall()
        cameras = database.execute("SELECT class_name FROM instrument").fetchall()
    assert names == [("guider_raw",)]
    assert cameras == [("lsst.obs.lsst.LsstCam",)]
