from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from embargo_butler.cli.hooks.command import main
from embargo_butler.config.config import load
from embargo_butler.engine.report import Report
from embargo_butler.errors import (
    GatewayError,
    KubernetesError,
    VaultError,
)
from embargo_butler.jobs.clean_up import refuse_running
from embargo_butler.model.ports import (
    Pod,
    Right,
    Rollout,
)
from embargo_butler.model.resources import (
    KubernetesSecret,
    Notification,
    Topic,
)
from embargo_butler.secret import Secret
from tests.unit.hooks.conftest import Write
from tests.unit.hooks.fakes import FakeGateway, FakeWorld

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


def test_a_bucket_that_is_gone_stops_nothing(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    file = installed(site, write, world)
    world.store.gone.add(BUCKET)
    world.store.notifications.clear()
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.store.writes == ["delete topic rubin-summit"]
    assert world.fake_cluster.secrets == {}
    said = capsys.readouterr().out
    assert said.count("bucket rubin-summit: there is no such bucket") == 1


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


WORKLOADS = ["StatefulSet redis", "Deployment embargo-butler-enqueue"]


def test_a_running_environment_is_refused(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    site["hooks"]["restart"] = {"mode": "apply", "workloads": WORKLOADS}
    file = installed(site, write, world)
    cluster = world.fake_cluster
    before = dict(cluster.secrets)
    cluster.rollouts["Deployment embargo-butler-enqueue"] = Rollout(False)
    world.store.calls.clear()
    assert main(["clean-up", "--config", str(file)], world) == 1
    assert (cluster.secrets, world.store.calls) == (before, [])
    last = capsys.readouterr().out.splitlines()[-1]
    assert "namespace summit runs Deployment embargo-butler-enqueue, and nobody is deleting" in last
    assert "`helm uninstall summit -n summit`" in last
    assert "`kubectl delete job -n summit embargo-butler-clean-up`" in last
    cluster.rollouts["Deployment embargo-butler-enqueue"] = Rollout(False, leaving=True)
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert cluster.secrets == {}


def test_pods_that_an_uninstall_has_left_keep_what_they_need(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site["hooks"]["restart"] = {"mode": "apply", "workloads": WORKLOADS}
    file = installed(site, write, world)
    pods = [Pod("a", WORKLOADS[1]), Pod("b", WORKLOADS[0], leaving=True), Pod("c", "Job other")]
    world.fake_cluster.live_pods = pods
    before = dict(world.fake_cluster.secrets)
    monkeypatch.setattr("embargo_butler.jobs.clean_up._TOLD_SECONDS", 0)
    assert main(["clean-up", "--config", str(file)], world) == 1
    assert world.fake_cluster.secrets == before
    last = capsys.readouterr().out.splitlines()[-1]
    assert "runs pods without Deployment embargo-butler-enqueue, and nobody is deleting" in last
    assert "`make withdraw ENV=summit APPLY=1`" in last

    def told(_: float) -> None:
        world.fake_cluster.live_pods = pods[1:]

    monkeypatch.setattr("embargo_butler.jobs.clean_up._TOLD_SECONDS", 60)
    config, cluster = load(file), world.fake_cluster
    with monkeypatch.context() as waited:
        waited.setattr("time.sleep", told)
        refuse_running(config, cluster, Report("", sys.stdout, sys.stdout, False))
    assert "waiting until the pods of Deployment embargo-butler-enqueue are told" in (
        capsys.readouterr().out
    )
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.fake_cluster.secrets == {}


LEFT = (
    "notification to-http of bucket rubin-summit: left, and announces to nobody; once the topic's "
    "queue is full, the gateway refuses the camera's PUTs. Take it away, from a checkout: "
    "`make withdraw ENV=summit APPLY=1`"
)


def test_without_vault_the_secrets_go_and_the_danger_is_told_first(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    file = installed(site, write, world)
    world.fake_vault.refuses = VaultError("Vault login: refused", "login-refused")
    capsys.readouterr()
    assert main(["clean-up", "--config", str(file)], world) == 1
    assert world.fake_cluster.secrets == {}
    assert world.store.writes == []
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"clean-up: summit: {LEFT}. Why it was left: Vault login: refused"
    assert next(line for line in said if line.startswith("error")) == f"error: {LEFT}"
    event = f"Job/embargo-butler-clean-up: LeftBehind: {LEFT}; Vault login: refused"
    assert world.fake_cluster.events == [event]
    world.fake_vault.refuses = None
    assert main(["buckets", "withdraw", "--apply", "--config", str(file)], world) == 0
    assert world.store.notifications[BUCKET] == [THEIRS]


def test_one_owner_without_keys_keeps_nothing_of_another(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    declared = site["bucketConfig"]
    declared["owners"]["second"] = {"path": "owners/second"}
    topic = copy.deepcopy(declared["topics"][BUCKET])
    declared["topics"]["others"] = {**topic, "owner": "second"}
    declared["buckets"]["others"] = {
        "owner": "second",
        "notifications": {"other": {"topic": "others", "events": ["s3:ObjectCreated:*"]}},
    }
    documents = world.fake_vault.documents
    documents["owners/second"] = {"access_key": "second-access", "secret_key": "s"}
    file = installed(site, write, world)
    del documents["owners/second"]
    capsys.readouterr()
    assert main(["clean-up", "--config", str(file)], world) == 1
    assert world.store.notifications[BUCKET] == [THEIRS]
    assert [each.name for each in world.store.notifications["others"]] == ["other"]
    assert sorted(world.store.topics) == ["others", "their-topic"]
    assert world.fake_cluster.secrets == {}
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("clean-up: summit: notification other of bucket others: left, and")
    assert "Why it was left: owner second: its keys are not there" in last
    [event] = world.fake_cluster.events
    assert event.startswith("Job/embargo-butler-clean-up: LeftBehind: notification other of")


def test_a_gateway_that_fails_in_the_middle_keeps_no_secret(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = installed(site, write, world)

    def fail(*_: Any) -> None:
        raise GatewayError("topic rubin-summit: the gateway is away")

    monkeypatch.setattr(FakeGateway, "delete_topic", fail)
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.fake_cluster.secrets == {}
    assert world.store.notifications[BUCKET] == [THEIRS]
    told = "of topics, some may be left, which announce nothing: topic rubin-summit: the gateway"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("hiccup", ["never", "first", "second", "always"])
def test_the_danger_is_told_and_left_as_an_event_whatever_else_fails(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    hiccup: str,
) -> None:
    file = installed(site, write, world)
    world.fake_vault.refuses = VaultError("Vault login: refused", "login-refused")
    answers, reads = world.fake_cluster.config_maps, list[str]()

    def config_map(name: str) -> Any:
        reads.append(name)
        if hiccup == "always" or hiccup == ("", "first", "second", "third")[min(len(reads), 3)]:
            raise KubernetesError(f"ConfigMap {name}: no answer of the API")
        return answers.get(name)

    def fails(name: str) -> None:
        raise KubernetesError(f"Secret {name}: no answer of the API")

    monkeypatch.setattr(world.fake_cluster, "config_map", config_map)
    monkeypatch.setattr(world.fake_cluster, "delete_secret", fails)
    capsys.readouterr()
    assert main(["clean-up", "--config", str(file)], world) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    known = "notification to-http of bucket rubin-summit: left, and announces to nobody"
    unknown = "notifications of ours may be left, and announce to nobody"
    danger = unknown if hiccup in ("first", "always") else known
    why = "ConfigMap embargo" if hiccup in ("second", "always") else "Vault login: refused"
    assert last.startswith(f"clean-up: summit: {danger}; once ")
    assert f"`make withdraw ENV=summit APPLY=1`. Why it was left: {why}" in last
    [event] = world.fake_cluster.events
    assert event.startswith(f"Job/embargo-butler-clean-up: LeftBehind: {danger}")
    assert "Secret redis: no answer of the API" in event


def test_secrets_that_cannot_be_read_keep_no_notification(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = installed(site, write, world)

    def away(*_: Any) -> None:
        raise GatewayError("topic rubin-summit: the gateway is away")

    def fails(*_: Any) -> None:
        raise KubernetesError("Roles: no answer of the API")

    monkeypatch.setattr(FakeGateway, "delete_topic", away)
    monkeypatch.setattr(world.fake_cluster, "rights", fails)
    assert main(["clean-up", "--config", str(file)], world) == 1
    assert world.store.notifications[BUCKET] == [THEIRS]
    said = capsys.readouterr().out
    assert "may be left, which announce nothing: topic rubin-summit: the gateway is away" in said
    assert "Roles: no answer of the API" in said.splitlines()[-1]


def test_where_nothing_of_ours_is_in_the_store_vault_is_not_asked(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    file = installed(site, write, world)
    world.fake_cluster.config_maps.clear()
    world.fake_vault.refuses = VaultError("Vault login: refused", "login-refused")
    assert main(["clean-up", "--config", str(file)], world) == 0
    assert world.fake_cluster.secrets == {}


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
