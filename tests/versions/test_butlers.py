"""What `trace`, `visits` and `backfill` ask in a pod of ingest, asked of each Butler that is there.

The images of ingest have stacks of w_2023_41 and w_2023_49 (0.99.2), w_2024_40 (1.2.1), w_2025_29
(1.3.3) and newer ones; PyPI has the Butlers of the same weeks. kubectl here runs the program at
once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from embargo_butler.adapters.butler import PodButler
from embargo_butler.adapters.programs import Kubectl
from embargo_butler.errors import KubernetesError
from tests.rig.command import run
from tests.support.pythons import python

HERE = Path(__file__).parent
BUTLERS = ("26.2023.4100", "26.2023.4900", "27.2024.4000", "29.2025.2900", "30.2026.4300")
TOO_OLD = "25.2023.2500"
KUBECTL = """#!/bin/bash
if [ "$1" = config ]; then
    exec echo '{"current-context": "c", "clusters": [{"cluster": {"server": "https://c"}}]}'
fi
while [ "$1" != -- ]; do shift; done
"${@:2}" || { echo "command terminated with exit code $?" >&2; exit 1; }
"""
BUTLER = f"""#!/bin/bash
exec python {HERE / "repository.py"} "$@"
"""

Pod = Callable[[str], PodButler]


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    """Makes the Butler of a pod whose stack has a version, and a repository by that version."""

    def make(version: str) -> PodButler:
        interpreter = python(HERE / f"requirements/butler-{version}.txt")
        programs, repository = tmp_path / "programs", tmp_path / "repository"
        programs.mkdir()
        for name, text in (("kubectl", KUBECTL), ("butler", BUTLER)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        path = f"{programs}:{interpreter.parent}:{os.environ['PATH']}"
        monkeypatch.setenv("PATH", path)
        monkeypatch.setenv("BUTLER_REPO", str(repository))
        monkeypatch.delenv("PYTHONPATH", raising=False)
        run(interpreter, HERE / "repository.py", "make", repository, timeout=120)
        return PodButler(lambda: Kubectl("site"), "ingest")

    return make


@pytest.mark.parametrize("version", BUTLERS)
def test_it_is_asked(pod: Pod, version: str) -> None:
    butler = pod(version)
    exposures = [f"MC_O_20260603_{number:06d}" for number in (258, 259, 260, 261, 999)]
    subjects = [("LSSTCam", "20260603", exposure) for exposure in exposures]
    paths, visits = butler.known([*subjects, ("LATISS", "20260603", ""), ("None", "20260603", "")])
    there = [*exposures[:4], "MC_O_20260603_000001"]
    files = sorted(f"{each}_R22_S1{number}.fits" for each in there for number in (1, 2))
    assert sorted(Path(path).name for path in paths) == files
    assert visits == {exposures[0]: True, exposures[1]: False}
    unvisited = [
        ("LATISS", "MC_O_20260603_000001"),
        ("LSSTCam", "MC_O_20260603_000259"),
        ("LSSTCam", "MC_O_20260604_000001"),
    ]
    days = ("20260603", "20260604")
    assert butler.unvisited(days, 0, 3e9) == unvisited
    butler.define_visits("LSSTCam", ["MC_O_20260603_000259", "MC_O_20260604_000001"])
    assert butler.unvisited(days, 0, 3e9) == unvisited[:1]


def test_one_that_is_too_old_is_named(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    butler = pod(TOO_OLD)
    with pytest.raises(KubernetesError, match=f"in this pod is {TOO_OLD}, older than w_2023_41"):
        butler.unvisited(("20260603",), 0, 3e9)
    monkeypatch.setenv("OBS_LSST_VERSION", "w_2023_25")
    with pytest.raises(KubernetesError, match="in this pod is w_2023_25, older than w_2023_41"):
        butler.known([("LSSTCam", "20260603", "MC_O_20260603_000258")])


def test_what_fails_is_told_in_its_own_words(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    butler = pod(BUTLERS[-1])
    monkeypatch.setenv("BUTLER_REPO", "/nowhere")
    with pytest.raises(KubernetesError) as told:
        butler.unvisited(("20260603",), 0, 3e9)
    told_first = "Deployment ingest of namespace site: a program in its pod ended with 1: "
    assert str(told.value).startswith(f"{told_first}FileNotFoundError: ")
    assert "/nowhere" in str(told.value)
