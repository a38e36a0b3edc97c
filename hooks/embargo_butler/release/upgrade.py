"""Helm's long work, install, upgrade and rollback, with a line for all that becomes of the pods."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from embargo_butler.adapters.programs import ProgramError, Programs
from embargo_butler.health.pods import Pod
from embargo_butler.release import targets
from embargo_butler.release.environments import CHART

Say = Callable[[str], None]
_LIMIT = ("--timeout", "10m")
_WAIT = ("--wait", *_LIMIT)
_LOOK_SECONDS = 3
_END_SECONDS = 60


def upgrade_words(values: Sequence[str], project: str, take_over: bool, major: int) -> list[str]:
    """Return Helm's words that install or upgrade, but for the release's name.

    Args:
        values: The arguments that name the values files.
        project: The folder of the project.
        take_over: Whether objects and fields of others become the release's.
        major: Helm's major version.
    """
    taking = ["--take-ownership"] if take_over else []
    words = [f"{project}/{CHART}", "--create-namespace", *values, *_WAIT, *taking]
    return [*words, *_forced(take_over, major)]


def take_over_words(values: Sequence[str], project: str, major: int) -> list[str]:
    """Return Helm's words that install over what is there, and wait for no pods.

    These are held, and Helm 4 would wait for them.
    """
    words = [f"{project}/{CHART}", *values, *_LIMIT, "--take-ownership"]
    return [*words, *_forced(True, major)]


def rollback_words(revision: int, take_over: bool, major: int) -> list[str]:
    """Return Helm's words that roll back, but for the release's name."""
    return [str(revision), *_WAIT, *_forced(take_over, major)]


def _forced(take_over: bool, major: int) -> list[str]:
    # Helm 3 forces always. Helm 4 knows conflicts only where it applies on the server's side,
    # which it does not by itself over a release that Helm 3 has made.
    return ["--server-side=true", "--force-conflicts"] if take_over and major > 3 else []


def run(programs: Programs, words: Sequence[str], say: Say, out: TextIO) -> None:
    """Run Helm to its end and tell meanwhile what becomes of the pods.

    Args:
        programs: helm and kubectl.
        words: Helm's words.
        say: Is told each change.
        out: Where Helm's own output goes.

    Raises:
        ProgramError: Helm failed.
    """
    command = programs.helm_words(*words)
    say(" ".join(command))
    began, told = time.monotonic(), dict[str, str]()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        while (status := _ended(process)) is None:
            for line in _news(programs, told):
                say(f"{time.monotonic() - began:4.0f} s  {line}")
    except KeyboardInterrupt:
        # Helm was interrupted with us. It writes down that it failed, which must not be cut off.
        process.wait(_END_SECONDS)
        raise ProgramError("interrupted; Helm has noted the revision as failed") from None
    if status:
        shown = targets.make(programs.release, "status")
        raise ProgramError(f"helm {words[0]} failed, see above; `{shown}` shows what there is")


def _ended(process: subprocess.Popen[Any]) -> int | None:
    try:
        return process.wait(_LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _news(programs: Programs, told: dict[str, str]) -> list[str]:
    """Return a line for each pod that is new, or whose state has changed."""
    try:
        pods = [Pod.of(each) for each in programs.objects("pods")]
    except ProgramError:
        return []  # Helm itself will say so, if it stays so.
    news = [each for each in pods if told.get(each.name) != each.state]
    told.update({each.name: each.state for each in news})
    return [f"pod {each.name}: {each.state}" for each in news]
