"""Redis' password changes while pods, Redis and the jobs themselves are restarted at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.engine import apply
from embargo_butler.model.ports import Pod, Rollout, Use
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret
from embargo_butler.secrets.redis_password import digest
from tests.unit.conftest import PIPELINE, Write
from tests.unit.fakes import FakeWorld

INGEST = "Deployment embargo-butler-ingest"
ADMITTED = "redis-password.admitted"
Output = pytest.CaptureFixture[str]


class Killed(BaseException):
    """What a kill looks like from inside."""


class Place:
    """Redis and one client, which have a password from when they start."""

    def __init__(self, site: dict[str, Any], write: Write, world: FakeWorld) -> None:
        workloads = ["StatefulSet redis", INGEST]
        site["hooks"]["restart"] = {"mode": "apply", "workloads": workloads}
        del site["bucketConfig"]
        self.site = {**site, "pipeline": PIPELINE}
        self.write = write
        self.world = world
        self.cluster = world.fake_cluster
        self.redis = world.fake_passwords
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        self.client = ""
        self.cluster.rollouts = {each: Rollout(settled=True) for each in workloads}
        assert self.run("secrets") == 0
        self.start_redis()
        self.start_client()

    def run(self, *words: str) -> int:
        return main([*words, "--config", str(self.write(self.site))], self.world)

    def vault(self, password: str) -> None:
        self.world.fake_vault.documents["site/summit"] = {
            "redis": password,
            "notification": "notification-value",
        }

    @property
    def secret(self) -> dict[str, Secret]:
        return dict(self.cluster.secrets["redis"].data)

    def start_redis(self) -> None:
        held = self.secret
        further = held[ADMITTED].text().split() if ADMITTED in held else []
        self.redis.let_in = {digest(held["redis-password"]), *further}
        self._pod("redis-0", "StatefulSet redis")

    def start_client(self) -> None:
        self.client = self.secret["redis-password"].text()
        self._pod("ingest", INGEST)
        assert self.works, "a client that starts is let in"

    def restart(self, owner: str, now: datetime) -> None:
        assert owner == INGEST, "Redis is not restarted for its password"
        self.start_client()

    @property
    def works(self) -> bool:
        return digest(Secret(self.client)) in self.redis.let_in

    def _pod(self, name: str, owner: str) -> None:
        began = datetime.now(UTC)
        use = Use("redis", "redis-password", began)
        others = [pod for pod in self.cluster.live_pods if pod.name != name]
        self.cluster.live_pods = [*others, Pod(name, owner, (use,))]


@pytest.fixture
def place(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> Place:
    made = Place(site, write, world)
    # In whole seconds, what was written in this one is not older than what starts in it.
    monkeypatch.setattr(KubernetesSecret, "dated", _exactly)
    monkeypatch.setattr(world.fake_cluster, "restart", made.restart)
    return made


def _exactly(
    self: KubernetesSecret, live: KubernetesSecret | None, now: datetime, seen: datetime
) -> KubernetesSecret:
    there, since = (live.data, live.since) if live else ({}, {})
    times = {
        key: since[key] if there.get(key) == value and key in since else now
        for key, value in self.data.items()
        if there.get(key) != value or key in since
    }
    return KubernetesSecret(self.name, self.data, self.ours, self.applied, times)


def test_both_are_valid_until_the_clients_have_the_next(place: Place) -> None:
    place.vault("second")
    assert place.run("secrets") == 0
    first, second = digest(Secret("redis-value")), digest(Secret("second"))
    assert place.secret["redis-password"].text() == "second"
    assert place.secret[ADMITTED].text() == first
    assert place.redis.let_in == {first, second}
    assert place.client == "redis-value"
    assert place.run("restart") == 0
    assert place.client == "second"
    assert place.redis.let_in == {second}
    assert set(place.secret) == {"redis-password"}
    place.cluster.writes.clear()
    assert (place.run("secrets"), place.run("restart")) == (0, 0)
    assert place.cluster.writes == []


def test_a_third_password_before_the_second_is_everywhere(place: Place) -> None:
    for password in ("second", "third"):
        place.vault(password)
        assert place.run("secrets") == 0
    place.start_redis()
    assert place.works
    assert place.run("restart") == 0
    assert place.redis.let_in == {digest(Secret("third"))}


def test_and_back(place: Place) -> None:
    for password in ("second", "redis-value"):
        place.vault(password)
        assert place.run("secrets") == 0
    assert place.run("restart") == 0
    assert place.redis.let_in == {digest(Secret("redis-value"))}


def test_a_redis_that_is_down_reads_both_when_it_comes(place: Place) -> None:
    place.redis.runs = False
    place.vault("second")
    assert place.run("secrets") == 0
    place.start_redis()
    place.redis.runs = True
    assert place.works
    assert place.run("restart") == 0
    assert place.redis.let_in == {digest(Secret("second"))}


def test_a_redis_of_another_password_stops_it_before_anything_is_written(
    place: Place, capsys: Output
) -> None:
    place.redis.let_in = {digest(Secret("somebody's"))}
    place.vault("second")
    place.cluster.writes.clear()
    assert place.run("secrets") == 1
    assert "Redis refuses the password" in capsys.readouterr().out
    assert place.cluster.writes == []


def test_only_told_of(place: Place, capsys: Output) -> None:
    place.site["hooks"]["restart"]["mode"] = "report"
    place.vault("second")
    assert (place.run("secrets"), place.run("restart")) == (0, 0)
    said = capsys.readouterr().out
    assert "kubectl rollout restart -n summit deployment/embargo-butler-ingest" in said
    assert (place.client, place.works) == ("redis-value", True)
    assert len(place.redis.let_in) == 2
    place.start_client()
    assert place.run("restart") == 0
    assert len(place.redis.let_in) == 1


WRITES = ("apply_secret", "restart"), ("admit", "dismiss")


def each_write(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[int], None],
    after: Callable[[int], None],
) -> None:
    """Have something called before and after each write, with its number."""
    count = 0

    def around(real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any, **more: Any) -> None:
            nonlocal count
            if more.get("rehearse"):
                real(*arguments, **more)
                return
            count += 1
            number = count
            before(number)
            real(*arguments, **more)
            after(number)

        return call

    for target, names in zip((place.cluster, place.redis), WRITES, strict=True):
        for name in names:
            monkeypatch.setattr(target, name, around(getattr(target, name)))


@pytest.mark.parametrize("restarted", ["redis", "client", "both"])
@pytest.mark.parametrize("number", range(1, 8))
def test_what_restarts_in_the_middle_comes_up(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int, restarted: str
) -> None:
    reached = []

    def restart(now: int) -> None:
        reached.append(now)
        if now == number and restarted in ("redis", "both"):
            place.start_redis()
        if now == number and restarted in ("client", "both"):
            place.start_client()
        assert place.works, f"after write {now}"

    each_write(place, monkeypatch, lambda _: None, restart)
    place.vault("second")
    assert (place.run("secrets"), place.run("restart")) == (0, 0)
    assert place.client == "second"
    assert place.redis.let_in == {digest(Secret("second"))}
    assert number <= max(reached) <= 7, "the moments reach the end"


@pytest.mark.parametrize("restarted", ["redis", "client", "both", "nothing"])
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 8))
def test_killed_anywhere_everybody_comes_up_and_the_next_run_ends_it(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    answered: bool,
    restarted: str,
) -> None:
    stop = number

    def kill(now: int) -> None:
        if now == stop:
            raise Killed

    def nothing(now: int) -> None:
        pass

    each_write(place, monkeypatch, *((nothing, kill) if answered else (kill, nothing)))
    place.vault("second")
    with suppress(Killed):
        place.run("secrets")
        place.run("restart")
    assert place.works
    if restarted in ("redis", "both"):
        place.start_redis()
    assert place.works
    if restarted in ("client", "both"):
        place.start_client()
    stop = 0
    place.cluster.leases.clear()
    assert (place.run("secrets"), place.run("restart")) == (0, 0)
    assert place.client == "second"
    assert place.redis.let_in == {digest(Secret("second"))}
    assert set(place.secret) == {"redis-password"}


def test_a_written_value_is_young_before_anybody_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(apply, "SEEN_SECONDS", 2.0)
    monkeypatch.setattr(time, "sleep", slept.append)
    place.vault("second")
    assert place.run("secrets") == 0
    assert 1.5 < max(slept) <= 2.0
