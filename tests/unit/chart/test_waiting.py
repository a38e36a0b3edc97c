"""What bash reads before the command of ingest's image: only ingest itself runs by our script."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.chart.helm import CHART

SCRIPT = CHART / "files/wait.sh"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder as an image has it, in which Python tells what it is asked to run."""
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "python $*"\n')
    python.chmod(0o755)
    (tmp_path / "loadLSST.bash").write_text("setup() { echo setup $1; }\n")
    return tmp_path


def run(image: Path, command: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=image,
        env={"PATH": f"{image / 'bin'}:/usr/bin:/bin", "BASH_ENV": str(SCRIPT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("product", ["lsst_obs", "obs_lsst"])
def test_the_image_s_own_command_runs_ingest_by_the_script(image: Path, product: str) -> None:
    said = run(image, f"source loadLSST.bash; setup {product}; python ingest/ingest.py")
    assert said == [f"setup {product}", "python /wait/wait.py ingest/ingest.py"]


def test_ingest_takes_the_place_of_its_shell(image: Path) -> None:
    # So that it is told to stop, and not a shell that waits for it.
    assert run(image, "python ingest/ingest.py; echo still here")[-1] != "still here"


def test_what_else_is_run_in_the_pod_stays(image: Path) -> None:
    assert run(image, "python - a 'b c'; echo and more") == ["python - a b c", "and more"]
