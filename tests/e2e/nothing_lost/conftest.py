"""A release of each worker's own, and nights in which something happens while the camera works."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import pytest

from tests.rig import environment, helms
from tests.rig.release import Release
from tests.support import faults, mends
from tests.support.changing import Changing
from tests.support.count import Ledger, write_down
from tests.support.load import Load

Mend = Callable[[Ledger, Load], str]
"""Brings what did not come at once, as the README's table allows, and says how."""

THREE, FOUR = helms.NEWEST


def in_each_test(helm: str) -> pytest.MarkDecorator:
    """Run a test with one Helm in `make test`, and with the others in `make soak` alone."""
    cases = [
        pytest.param(each, marks=[] if each == helm else pytest.mark.soak) for each in helms.NEWEST
    ]
    return pytest.mark.parametrize("helm", cases, indirect=True, scope="session")


class Night(Protocol):
    """A night: the camera works as long as the context lasts, then every object is counted."""

    def __call__(
        self, mend: Mend = mends.by_itself, timeout: float = 300
    ) -> AbstractContextManager[Load]:
        """Begin it.

        Args:
            mend: How what did not come at once may get into the Butler.
            timeout: Seconds until all that was taken has to be everywhere.
        """


@pytest.fixture(scope="session")
def release(site: None) -> Iterator[Release]:
    """A release beside all others, so that workers do not see each other.

    Its name was never used before: Ceph 16 delivers nothing, or again and again, for a topic that
    was deleted and made again under one name.
    """
    made = Release(f"night-{secrets.token_hex(3)}")
    environment.make(made)
    made.deploy(print)
    yield made
    environment.remove(made)


@pytest.fixture
def night(release: Release, request: pytest.FixtureRequest) -> Night:
    """The camera works as long as the context lasts; then every acknowledged object is counted."""

    @contextmanager
    def take(mend: Mend = mends.by_itself, timeout: float = 300) -> Iterator[Load]:
        try:
            faults.wait_until_ready(release, timeout=20)
        except Exception:  # what an earlier test has left is no reason to fail
            release.deploy(print)
        with _counted(release, request.node.name, mend, timeout) as load:
            yield load

    return take


@pytest.fixture(scope="session")
def changing(site: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changing]:
    """A release of this Helm, for those that change releases."""
    folder = tmp_path_factory.mktemp("operator")
    made = Changing(Release(f"night-{secrets.token_hex(3)}", helm), folder)
    environment.make(made.release)
    made.make()
    yield made
    environment.remove(made.release)
    made.close()


@pytest.fixture
def changing_night(changing: Changing, request: pytest.FixtureRequest) -> Night:
    """The same for it."""

    @contextmanager
    def take(mend: Mend = mends.by_itself, timeout: float = 900) -> Iterator[Load]:
        try:
            assert changing.as_made()
            faults.wait_until_ready(changing.release, timeout=20)
        except Exception:  # what an earlier test has left is no reason to fail
            changing.make()
        with _counted(changing.release, request.node.name, mend, timeout) as load:
            yield load

    return take


@contextmanager
def _counted(release: Release, name: str, mend: Mend, timeout: float) -> Iterator[Load]:
    ledger = Ledger(release)
    with Load(release) as load:
        load.wait_for_more()
        yield load
        load.wait_for_more(20)
    mended = mend(ledger, load)
    count = ledger.settle(load, timeout)
    write_down(name, release.helm_version(), load, count, backfill=mended)
    assert count.problems() == {}, count
