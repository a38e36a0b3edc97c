from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from tests.e2e.test_demonstration import CASES, copied
from tests.rig import demo, site
from tests.rig.errors import RigError
from tests.rig.progress import Display
from tests.support import connect
from tests.support.exposure import Exposure


def display() -> Display:
    return Display(Console(file=io.StringIO(), width=200))


def test_each_closing_line_is_run_by_a_test() -> None:
    lines = copied(demo.closing(Exposure("20261130", 7), "http://presence"))
    assert len(lines) == len(CASES), lines
    assert [
        line for line, case in zip(lines, CASES, strict=True) if not re.fullmatch(case.line, line)
    ] == []


def test_an_exposure_without_a_site_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "KUBECONFIG", tmp_path / "kubeconfig")
    with pytest.raises(RigError, match="is not up") as none:
        demo.expose(display())
    (tmp_path / "kubeconfig").touch()

    def away(_: object) -> None:
        raise ConnectionRefusedError("Connection refused")

    monkeypatch.setattr(connect, "camera", away)
    with pytest.raises(RigError, match="not whole: ConnectionRefusedError: Conn") as half:
        demo.expose(display())
    assert [each.value.hint.rpartition(": ")[2] for each in (none, half)] == ["make demo"] * 2
