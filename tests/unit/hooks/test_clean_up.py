from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from embargo_hooks.cli import main
from embargo_hooks.ports import Right
from embargo_hooks.resources import KubernetesSecret, Notification, Topic
from embargo_hooks.secret import Secret
from tests.unit.hooks.conftest import Write
from tests.unit.hooks.fakes import FakeWorld

BUCKET = "rubin-summit"
THEIRS = Notification("theirs", "their-topic", frozenset({"s3:ObjectCreated:*"}))
Output = pytest.CaptureFixture[str]


def installed(site: dict[str, Any], write: Write, world: FakeWorld) -> Path:
    world.store.topics["their-topic"] = Topic("their-topic", {})
    world.store.notifications[BUCKET] = [THEIRS]
    file = write(site)
    for area in ("secrets", "buckets"):
        assert main([area, "apply", "--config", str(file)], world) == 0
    world.store.calls.clear()
    world.fake_cluster.writes.clear()
    return file


def test_notifications_go_then_topics_then_secrets(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    file = installed(site, write, world)
    policy = copy.deepcopy(world.store.policies)
    secrets = world.fake_cluster.secrets
    secrets["redis"] = KubernetesSecret("redis", secrets["redis"].data, ours=False)
    capsys.readouterr()
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.store.writes == [
        "delete notification rubin-summit/to-http",
        "delete topic rubin-summit",
    ]
    assert world.store.notifications[BUCKET] == [THEIRS]
    assert world.store.policies == policy, "people go on reading"
    assert list(secrets) == ["redis"], "what somebody else made stays"
    assert "Secret redis stays" in capsys.readouterr().out
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "clean-up: summit: nothing to do"


def test_an_interrupted_one_is_finished_by_the_next(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    file = installed(site, write, world)
    world.store.notifications[BUCKET] = [THEIRS]
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert list(world.store.topics) == ["their-topic"]


@pytest.mark.parametrize("what", ["topic", "notification", "bucket"])
def test_what_is_unconfirmed_by_now_stays(
    site: dict[str, Any], write: Write, world: FakeWorld, what: str
) -> None:
    installed(site, write, world)
    bucket = site["bucketConfig"]["buckets"][BUCKET]
    declared = {
        "topic": site["bucketConfig"]["topics"][BUCKET],
        "notification": bucket["notifications"]["to-http"],
        "bucket": bucket,
    }
    declared[what]["unconfirmed"] = "nobody knows"
    assert main(["clean-up", "--config", str(write(site))], world) == 0
    assert world.store.writes == []
    assert world.fake_cluster.secrets == {}


def test_what_is_shared_stays(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    site["bucketConfig"]["topics"][BUCKET]["shared"] = ["prompt-processing"]
    file = installed(site, write, world)
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.store.writes == []
    assert "prompt-processing hear by it too" in capsys.readouterr().out
    assert world.fake_cluster.secrets == {}


def test_what_was_there_before_and_not_taken_over_is_named(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    file = installed(site, write, world)
    world.fake_cluster.config_maps.clear()  # as if somebody else had made just the same
    capsys.readouterr()
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert "delete notification rubin-summit/to-http" not in world.store.writes
    told = "notification to-http of bucket rubin-summit stays: it was there before"
    assert told in capsys.readouterr().out


def test_what_somebody_else_makes_by_now_stays(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    file = installed(site, write, world)
    assert file
    site["secrets"].pop("redis")
    later = write({**site, "existingSecrets": ["redis"]})
    cluster = world.fake_cluster
    cluster.kept_rights = [Right("before", frozenset({"redis", "notification"}))]
    assert main(["clean-up", "--config", str(later)], world) == 0
    assert list(cluster.secrets) == ["redis"]


def test_keep_keeps(site: dict[str, Any], write: Write, world: FakeWorld) -> None:
    site["bucketConfig"]["onUninstall"] = "keep"
    file = installed(site, write, world)
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.store.calls == []
    assert world.fake_cluster.secrets == {}


def test_what_was_kept_is_ours_again_with_the_next_install(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    file = installed(site, write, world)
    assert main(["clean-up", "--config", str(file)], world) == 0
    data = {"secret": Secret("notification-value")}
    world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", data)
    assert main(["buckets", "apply", "--config", str(file)], world) == 0
    assert {entry.name for entry in world.store.notifications[BUCKET]} == {"theirs", "to-http"}
    assert main(["buckets", "plan", "--config", str(file)], world) == 0
