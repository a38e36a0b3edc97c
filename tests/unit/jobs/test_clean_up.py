from __future__ import annotations

import copy
import sys
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.config.config import load
from embargo_butler.engine.report import Report
from embargo_butler.errors import GatewayError, KubernetesError, VaultError
from embargo_butler.jobs.clean_up import refuse_running
from embargo_butler.model.ports import Pod, Right, Rollout
from embargo_butler.model.resources import KubernetesSecret, Notification, Topic
from embargo_butler.secret import Secret
from tests.unit.conftest import Write
from tests.unit.fakes import FakeGateway, FakeWorld

BUCKET = "rubin-summit"
THEIRS = Notification("theirs", "their-topic", frozenset({"s3:ObjectCreated:*"}))
Output = pytest.CaptureFixture[str]


class Site:
    """An environment, to be installed and then cleaned up after."""

    def __init__(
        self, document: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
    ) -> None:
        self.document, self.write, self.capsys = document, write, capsys
        self.world, self.store, self.cluster = world, world.store, world.fake_cluster

    def install(self) -> None:
        """Install what is declared, beside a notification of somebody else."""
        self.store.topics["their-topic"] = Topic("their-topic", {})
        self.store.notifications[BUCKET] = [THEIRS]
        self.declare()
        for area in ("secrets", "buckets"):
            self.run(area)
        self.store.calls.clear()
        self.cluster.writes.clear()

    def declare(self) -> None:
        self.file = self.write(self.document)

    def run(self, *words: str, code: int = 0) -> list[str]:
        """Run a command that ends with this code, and return what it says."""
        self.capsys.readouterr()
        assert main([*words, "--config", str(self.file)], self.world) == code
        return self.capsys.readouterr().out.splitlines()

    def clean_up(self, code: int = 0) -> list[str]:
        return self.run("clean-up", code=code)


@pytest.fixture
def new(site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output) -> Site:
    return Site(site, write, world, capsys)


@pytest.fixture
def at(new: Site) -> Site:
    new.install()
    return new


def test_notifications_go_then_topics_then_secrets(at: Site) -> None:
    policy = copy.deepcopy(at.store.policies)
    secrets = at.cluster.secrets
    secrets["redis"] = KubernetesSecret("redis", secrets["redis"].data, ours=False)
    said = at.clean_up()
    assert at.store.writes == [
        "delete notification rubin-summit/to-http",
        "delete topic rubin-summit",
    ]
    assert at.store.notifications[BUCKET] == [THEIRS]
    assert at.store.policies == policy, "people go on reading"
    assert list(secrets) == ["redis"], "what somebody else made stays"
    assert "Secret redis stays" in "\n".join(said)
    assert at.clean_up()[-1] == "clean-up: summit: nothing to do"


def test_an_interrupted_one_is_finished_by_the_next(at: Site) -> None:
    at.store.notifications[BUCKET] = [THEIRS]
    at.clean_up()
    assert list(at.store.topics) == ["their-topic"]


def test_a_bucket_that_is_gone_stops_nothing(at: Site) -> None:
    at.store.gone.add(BUCKET)
    at.store.notifications.clear()
    said = at.clean_up()
    assert at.store.writes == ["delete topic rubin-summit"]
    assert at.cluster.secrets == {}
    assert "\n".join(said).count("bucket rubin-summit: there is no such bucket") == 1


@pytest.mark.parametrize("what", ["topic", "notification", "bucket"])
def test_what_is_unconfirmed_by_now_stays(at: Site, what: str) -> None:
    config = at.document["bucketConfig"]
    bucket = config["buckets"][BUCKET]
    declared = {
        "topic": config["topics"][BUCKET],
        "notification": bucket["notifications"]["to-http"],
        "bucket": bucket,
    }
    declared[what]["unconfirmed"] = "nobody knows"
    at.declare()
    at.clean_up()
    assert at.store.writes == []
    assert at.cluster.secrets == {}


def test_what_is_shared_stays(new: Site) -> None:
    new.document["bucketConfig"]["topics"][BUCKET]["shared"] = ["prompt-processing"]
    new.install()
    said = new.clean_up()
    assert new.store.writes == []
    assert "prompt-processing hear by it too" in "\n".join(said)
    assert new.cluster.secrets == {}


def test_what_was_there_before_and_not_taken_over_is_named(at: Site) -> None:
    at.cluster.config_maps.clear()  # as if somebody else had made just the same
    said = at.clean_up()
    assert "delete notification rubin-summit/to-http" not in at.store.writes
    told = "notification to-http of bucket rubin-summit stays: it was there before"
    assert told in "\n".join(said)


def test_what_somebody_else_makes_by_now_stays(at: Site) -> None:
    at.document["secrets"].pop("redis")
    at.document["existingSecrets"] = ["redis"]
    at.declare()
    at.cluster.kept_rights = [Right("before", frozenset({"redis", "notification"}))]
    at.clean_up()
    assert list(at.cluster.secrets) == ["redis"]


WORKLOADS = ["StatefulSet redis", "Deployment embargo-butler-enqueue"]


@pytest.fixture
def known(new: Site) -> Site:
    """Installed, and its workloads are declared."""
    new.document["hooks"]["restart"] = {"mode": "apply", "workloads": WORKLOADS}
    new.install()
    return new


def test_a_running_environment_is_refused(known: Site) -> None:
    cluster = known.cluster
    before = dict(cluster.secrets)
    cluster.rollouts["Deployment embargo-butler-enqueue"] = Rollout(False)
    known.store.calls.clear()
    last = known.clean_up(1)[-1]
    assert (cluster.secrets, known.store.calls) == (before, [])
    assert "namespace summit runs Deployment embargo-butler-enqueue, and nobody is deleting" in last
    assert "`helm uninstall summit -n summit`" in last
    assert "`kubectl delete job -n summit embargo-butler-clean-up`" in last
    cluster.rollouts["Deployment embargo-butler-enqueue"] = Rollout(False, leaving=True)
    known.clean_up()
    assert cluster.secrets == {}


def test_pods_that_an_uninstall_has_left_keep_what_they_need(
    known: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = known.cluster
    pods = [Pod("a", WORKLOADS[1]), Pod("b", WORKLOADS[0], leaving=True), Pod("c", "Job other")]
    cluster.live_pods = pods
    before = dict(cluster.secrets)
    monkeypatch.setattr("embargo_butler.jobs.clean_up._TOLD_SECONDS", 0)
    last = known.clean_up(1)[-1]
    assert cluster.secrets == before
    assert "runs pods without Deployment embargo-butler-enqueue, and nobody is deleting" in last
    assert "`make withdraw ENV=summit APPLY=1`" in last

    def told(_: float) -> None:
        cluster.live_pods = pods[1:]

    monkeypatch.setattr("embargo_butler.jobs.clean_up._TOLD_SECONDS", 60)
    report = Report("", sys.stdout, sys.stdout, False)
    with monkeypatch.context() as waited:
        waited.setattr("time.sleep", told)
        refuse_running(load(known.file), cluster, report)
    assert "waiting until the pods of Deployment embargo-butler-enqueue are told" in (
        known.capsys.readouterr().out
    )
    known.clean_up()
    assert cluster.secrets == {}


LEFT = (
    "notification to-http of bucket rubin-summit: left, and announces to nobody; once the topic's "
    "queue is full, the gateway refuses the camera's PUTs. Take it away, from a checkout: "
    "`make withdraw ENV=summit APPLY=1`"
)
REFUSED = VaultError("Vault login: refused", "login-refused")


def test_without_vault_the_secrets_go_and_the_danger_is_told_first(at: Site) -> None:
    at.world.fake_vault.refuses = REFUSED
    said = at.clean_up(1)
    assert at.cluster.secrets == {}
    assert at.store.writes == []
    assert said[-1] == f"clean-up: summit: {LEFT}. Why it was left: Vault login: refused"
    assert next(line for line in said if line.startswith("error")) == f"error: {LEFT}"
    event = f"Job/embargo-butler-clean-up: LeftBehind: {LEFT}; Vault login: refused"
    assert at.cluster.events == [event]
    at.world.fake_vault.refuses = None
    at.run("withdraw", "--apply")
    assert at.store.notifications[BUCKET] == [THEIRS]


def test_one_owner_without_keys_keeps_nothing_of_another(new: Site) -> None:
    declared = new.document["bucketConfig"]
    declared["owners"]["second"] = {"path": "owners/second"}
    topic = copy.deepcopy(declared["topics"][BUCKET])
    declared["topics"]["others"] = {**topic, "owner": "second"}
    declared["buckets"]["others"] = {
        "owner": "second",
        "notifications": {"other": {"topic": "others", "events": ["s3:ObjectCreated:*"]}},
    }
    documents = new.world.fake_vault.documents
    documents["owners/second"] = {"access_key": "second-access", "secret_key": "s"}
    new.install()
    del documents["owners/second"]
    last = new.clean_up(1)[-1]
    assert new.store.notifications[BUCKET] == [THEIRS]
    assert [each.name for each in new.store.notifications["others"]] == ["other"]
    assert sorted(new.store.topics) == ["others", "their-topic"]
    assert new.cluster.secrets == {}
    assert last.startswith("clean-up: summit: notification other of bucket others: left, and")
    assert "Why it was left: owner second: its keys are not there" in last
    [event] = new.cluster.events
    assert event.startswith("Job/embargo-butler-clean-up: LeftBehind: notification other of")


@pytest.fixture
def failing(at: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Installed, and the gateway fails when a topic is to go."""

    def fail(*_: Any) -> None:
        raise GatewayError("topic rubin-summit: the gateway is away")

    monkeypatch.setattr(FakeGateway, "delete_topic", fail)
    return at


def test_a_gateway_that_fails_in_the_middle_keeps_no_secret(failing: Site) -> None:
    said = failing.clean_up()
    assert failing.cluster.secrets == {}
    assert failing.store.notifications[BUCKET] == [THEIRS]
    told = "of topics, some may be left, which announce nothing: topic rubin-summit: the gateway"
    assert told in "\n".join(said)


@pytest.mark.parametrize("hiccup", ["never", "first", "second", "always"])
def test_the_danger_is_told_and_left_as_an_event_whatever_else_fails(
    at: Site, monkeypatch: pytest.MonkeyPatch, hiccup: str
) -> None:
    at.world.fake_vault.refuses = REFUSED
    answers, reads = at.cluster.config_maps, list[str]()

    def config_map(name: str) -> Any:
        reads.append(name)
        if hiccup == "always" or hiccup == ("", "first", "second", "third")[min(len(reads), 3)]:
            raise KubernetesError(f"ConfigMap {name}: no answer of the API")
        return answers.get(name)

    def fails(name: str) -> None:
        raise KubernetesError(f"Secret {name}: no answer of the API")

    monkeypatch.setattr(at.cluster, "config_map", config_map)
    monkeypatch.setattr(at.cluster, "delete_secret", fails)
    last = at.clean_up(1)[-1]
    known = "notification to-http of bucket rubin-summit: left, and announces to nobody"
    unknown = "notifications of ours may be left, and announce to nobody"
    danger = unknown if hiccup in ("first", "always") else known
    why = "ConfigMap embargo" if hiccup in ("second", "always") else "Vault login: refused"
    assert last.startswith(f"clean-up: summit: {danger}; once ")
    assert f"`make withdraw ENV=summit APPLY=1`. Why it was left: {why}" in last
    [event] = at.cluster.events
    assert event.startswith(f"Job/embargo-butler-clean-up: LeftBehind: {danger}")
    assert "Secret redis: no answer of the API" in event


def test_secrets_that_cannot_be_read_keep_no_notification(
    failing: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise KubernetesError("Roles: no answer of the API")

    monkeypatch.setattr(failing.cluster, "rights", fails)
    said = failing.clean_up(1)
    assert failing.store.notifications[BUCKET] == [THEIRS]
    told = "may be left, which announce nothing: topic rubin-summit: the gateway is away"
    assert told in "\n".join(said)
    assert "Roles: no answer of the API" in said[-1]


def test_where_nothing_of_ours_is_in_the_store_vault_is_not_asked(at: Site) -> None:
    at.cluster.config_maps.clear()
    at.world.fake_vault.refuses = REFUSED
    at.clean_up()
    assert at.cluster.secrets == {}


def test_keep_keeps(new: Site) -> None:
    new.document["bucketConfig"]["onUninstall"] = "keep"
    new.install()
    new.clean_up()
    assert new.store.calls == []
    assert new.cluster.secrets == {}


def test_what_was_kept_is_ours_again_with_the_next_install(at: Site) -> None:
    at.clean_up()
    data = {"secret": Secret("notification-value")}
    at.cluster.secrets["notification"] = KubernetesSecret("notification", data)
    at.run("buckets")
    assert {entry.name for entry in at.store.notifications[BUCKET]} == {"theirs", "to-http"}
    at.run("buckets", "--dry-run")
