from __future__ import annotations

import io
import os
import threading

import pytest
from rich.console import Console

from tests.rig import lifecycle
from tests.rig.errors import RigError
from tests.rig.lifecycle import Step
from tests.rig.progress import Display, Say
from tests.rig.release import SUMMIT


def display() -> Display:
    return Display(Console(file=io.StringIO(), width=200))


def printed(shown: Display) -> str:
    assert isinstance(shown.console.file, io.StringIO)
    return shown.console.file.getvalue()


def test_every_step_waits_for_steps_that_exist() -> None:
    steps = lifecycle.steps(SUMMIT.images(), [], for_tests=True)
    assert {name for step in steps.values() for name in step.after} <= set(steps)


def test_steps_run_after_what_they_need() -> None:
    done: list[str] = []

    def record(name: str) -> Step:
        return Step(
            name, lambda say: done.append(name), {"c": ("a", "b"), "b": ("a",)}.get(name, ())
        )

    lifecycle._run_all(display(), {name: record(name) for name in "cba"})
    assert done == ["a", "b", "c"]


def test_a_failure_lets_running_steps_end_and_starts_no_others() -> None:
    failed = threading.Event()
    ended: list[str] = []

    def fail(say: Say) -> None:
        failed.set()
        raise RigError("broken on purpose")

    def last(say: Say) -> None:
        assert failed.wait(10)
        ended.append("slow")

    steps = {
        "bad": Step("bad", fail),
        "slow": Step("slow", last),
        "after": Step("after", lambda say: ended.append("after"), ("bad", "slow")),
    }
    shown = display()
    with pytest.raises(RigError, match="broken on purpose"):
        lifecycle._run_all(shown, steps)
    assert ended == ["slow"]
    assert "✗ bad" in printed(shown)
    assert "✓ slow" in printed(shown)


def test_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_LOCK", f"\0rig-test-{os.getpid()}")
    with lifecycle._alone():
        second = lifecycle._alone()
        with pytest.raises(RigError, match="works on this machine's site now"):
            second.__enter__()
    with lifecycle._alone():
        pass
