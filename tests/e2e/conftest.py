"""The site and a fresh release for the end-to-end tests; evidence is kept when one fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rig import evidence, helms, images, lifecycle
from tests.rig.cluster import programs
from tests.rig.progress import Display
from tests.rig.release import SUMMIT
from tests.rig.site import CACHE
from tests.support.foreign import FOREIGN, Foreign
from tests.support.gateway import Gateway, Notification

_EVIDENCE: pytest.StashKey[Path] = pytest.StashKey()


@pytest.fixture(scope="session")
def site() -> Iterator[None]:
    """The whole site, brought up or repaired, and kubectl on PATH as an operator has it.

    With EMBARGO_BUTLER_SITE=as-is it is left as it is, but for the images: so several checkouts can
    be tested beside each other on one site, each with a hooks image of its own (`appVersion`).
    """
    with Display() as display:
        if os.environ.get("EMBARGO_BUTLER_SITE") == "as-is":
            for image in SUMMIT.images():
                with display.step(f"load {image.name}") as say:
                    images.load(image.name, images.archive(image, say), say)
        else:
            lifecycle.up(display, SUMMIT.images(), for_tests=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{programs()}")
        yield


@pytest.fixture(scope="session", params=helms.NEWEST)
def helm(request: pytest.FixtureRequest) -> str:
    """The newest Helm of each major version, one after the other."""
    return str(helms.program(request.param, print))


@pytest.fixture(scope="session")
def owner(site: None) -> Gateway:
    """The object gateway for the raw bucket's owner."""
    return Gateway(SUMMIT.bucket)


@pytest.fixture(scope="session")
def foreign(owner: Gateway) -> Foreign:
    """Prompt Processing's things as they were before the chart was deployed."""
    _remove_release(owner)
    return Foreign.observe(SUMMIT)


@pytest.fixture(scope="session")
def release(foreign: Foreign) -> None:
    """The chart, deployed into a namespace that was not there."""
    SUMMIT.deploy(print)


@pytest.fixture
def ours(release: None, owner: Gateway) -> Notification:
    """The notification that the chart has made."""
    found = _ours(owner)
    assert len(found) == 1, f"one notification beside {FOREIGN} was to be made, found {found}"
    return found[0]


def _ours(owner: Gateway) -> list[Notification]:
    return [entry for entry in owner.notifications(SUMMIT.bucket) if entry.id != FOREIGN]


def _remove_release(owner: Gateway) -> None:
    SUMMIT.remove()
    for notification in _ours(owner):
        owner.forget(SUMMIT.bucket, notification)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the site can tell of the first failure, and name the folder with each failure."""
    report = yield
    if report.failed:
        stash: Any = item.config.stash
        if _EVIDENCE not in stash:
            stash[_EVIDENCE] = _collect()
        report.sections.append(("evidence", f"logs, events, pods: {stash[_EVIDENCE]}"))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the folder once more at the end."""
    if folder := config.stash.get(_EVIDENCE, None):
        terminalreporter.write_line(f"what the site told of the first failure: {folder}")


def _collect() -> Path:
    folder = CACHE / "evidence" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        evidence.collect(folder)
    except Exception as error:  # whatever it is, it must not hide the test's own failure
        (folder / "incomplete.txt").write_text(f"{type(error).__name__}: {error}\n")
    return folder
