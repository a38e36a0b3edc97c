"""The secret of the notifications: Secret, enqueue's pods and topics in one go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.engine import apply
from embargo_butler.model import times
from embargo_butler.model.ports import Pod, Rollout, Use
from tests.unit.conftest import PIPELINE, Write
from tests.unit.engine.test_kill_points import Killed
from tests.unit.fakes import FakeWorld

ENQUEUE = "Deployment embargo-butler-enqueue"
Output = pytest.CaptureFixture[str]


class Place:
    def __init__(self, site: dict[str, Any], write: Write, world: FakeWorld) -> None:
        site["enqueue"]["secret"] = {"secret": "notification", "key": "secret"}
        site["hooks"]["restart"] = {"mode": "apply", "workloads": [ENQUEUE]}
        self.site = {**site, "pipeline": PIPELINE}
        self.write = write
        self.world = world
        self.cluster = world.fake_cluster
        self.cluster.rollouts[ENQUEUE] = Rollout(True)
        self.order: list[str] = []
        assert (self.run("secrets"), self.run("buckets")) == (0, 0)
        self.start()

    def run(self, *words: str) -> int:
        return main([*words, "--config", str(self.write(self.site))], self.world)

    def start(self, owner: str = "", now: datetime | None = None) -> None:
        self.held = self.secret
        began = datetime.now(UTC) + timedelta(seconds=2 if owner else -60)
        use = Use("notification", "secret", began)
        self.cluster.live_pods = [Pod("enqueue", ENQUEUE, (use,))]
        self.order.append("pods")

    @property
    def secret(self) -> str:
        return self.cluster.secrets["notification"].data["secret"].text()

    @property
    def carried(self) -> str:
        (topic,) = self.world.store.topics.values()
        return topic.attributes["OpaqueData"].text()

    def vault(self, value: str) -> None:
        document = {"redis": "redis-value", "notification": value}
        self.world.fake_vault.documents["site/summit"] = document

    @property
    def lookups(self) -> str:
        found = self.cluster.config_maps.get("embargo-butler-lookups", {})
        return found.get("lookups.json", "")


def killed(*_: object) -> None:
    raise Killed


@pytest.fixture
def place(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> Place:
    made = Place(site, write, world)
    monkeypatch.setattr(made.cluster, "restart", made.start)
    monkeypatch.setattr(apply, "_LOOK_SECONDS", 0.0)
    return made


def test_the_secrets_job_leaves_it_as_it_is(place: Place, capsys: Output) -> None:
    place.vault("second")
    place.cluster.writes.clear()
    assert place.run("secrets", "--dry-run") == 0
    assert place.run("secrets") == 0
    assert place.cluster.writes == []
    said = capsys.readouterr().out
    assert "Secret notification, key secret: changed " in said
    assert "changes with enqueue and its topics, in one go, by the buckets job" in said


def test_all_in_one_go_in_this_order_and_looked_up(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    order = place.order
    order.clear()
    applied, noted = place.cluster.apply_secret, place.cluster.apply_config_map

    def apply_secret(*arguments: Any, **more: Any) -> None:
        order.append("secret")
        applied(*arguments, **more)

    def apply_config_map(name: str, data: Any) -> None:
        order.append(name)
        noted(name, data)

    monkeypatch.setattr(place.cluster, "apply_secret", apply_secret)
    monkeypatch.setattr(place.cluster, "apply_config_map", apply_config_map)
    place.vault("second")
    begin = times.text(datetime.now(UTC))
    assert place.run("buckets") == 0
    assert order[:3] == ["embargo-butler-lookups", "secret", "pods"]
    assert (place.secret, place.held, place.carried) == ("second", "second", "second")
    assert begin in place.lookups
    assert "drops it" in place.lookups
    assert f"await {ENQUEUE}" in capsys.readouterr().out
    place.cluster.writes.clear()
    assert (place.run("secrets"), place.run("buckets")) == (0, 0)
    assert place.cluster.writes == []


def test_the_topic_stays_until_all_pods_have_it_and_the_next_run_ends_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    place.site["hooks"]["deadlineSeconds"] = 1
    monkeypatch.setattr(place.cluster, "restart", lambda *_: None)
    place.vault("second")
    assert place.run("buckets") == 1
    assert "its pods are not replaced yet" in capsys.readouterr().out
    assert (place.secret, place.held) == ("second", "notification-value")
    assert place.carried == "notification-value"
    place.site["hooks"]["deadlineSeconds"] = 240
    place.cluster.config_maps.pop("embargo-butler-lookups")
    place.start(ENQUEUE)
    since = times.text(place.cluster.secrets["notification"].since["secret"])
    assert place.run("buckets") == 0
    assert place.carried == "second"
    assert since in place.lookups, "from when the secret changed on"


def test_a_run_killed_before_the_restart_is_completed_by_the_next(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault("second")
    with monkeypatch.context() as patch:
        patch.setattr(place.cluster, "restart", killed)
        with pytest.raises(Killed):
            place.run("buckets")
    assert (place.secret, place.held) == ("second", "notification-value")
    place.site["hooks"]["deadlineSeconds"] = 2
    assert place.run("buckets") == 0
    assert (place.held, place.carried) == ("second", "second")


def test_a_rollout_that_is_under_way_for_it_is_not_begun_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault("second")

    def begun(owner: str, now: datetime) -> None:
        place.cluster.rollouts[owner] = Rollout(False, now)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(place.cluster, "restart", begun)
        with pytest.raises(Killed):
            place.run("buckets")
    place.site["hooks"]["deadlineSeconds"] = 1
    place.order.clear()
    assert place.run("buckets") == 1
    assert place.order == []


def test_where_nothing_may_be_restarted_nothing_changes(place: Place, capsys: Output) -> None:
    place.site["hooks"]["restart"]["mode"] = "report"
    place.vault("second")
    assert place.run("buckets") == 0
    assert "Release once with --set hooks.restart=apply" in capsys.readouterr().out
    assert (place.secret, place.carried) == ("notification-value", "notification-value")


@pytest.mark.parametrize("value", ["", "third"])
def test_a_literal_changes_in_the_same_way(place: Place, value: str) -> None:
    place.site["secrets"]["notification"]["secret"] = {"value": value}
    assert (place.run("secrets"), place.run("buckets")) == (0, 0)
    assert (place.secret, place.held) == (value, value)
