"""A release of each worker's own, and nights in which something happens while the camera works."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.rig import environment
from tests.rig.release import Release
from tests.support import faults
from tests.support.count import Ledger, write_down
from tests.support.load import Load

Night = Callable[[], AbstractContextManager[Load]]


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """A release beside all others, so that workers do not see each other; the site has to be up.

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
    def take() -> Iterator[Load]:
        try:
            faults.wait_until_ready(release, timeout=20)
        except Exception:  # what an earlier test has left is no reason to fail
            release.deploy(print)
        ledger = Ledger(release)
        with Load(release) as load:
            load.wait_for_more()
            yield load
            load.wait_for_more(20)
        count = ledger.settle(load)
        write_down(request.node.name, release.helm_version(), load, count)
        assert count.problems() == {}, count

    return take
