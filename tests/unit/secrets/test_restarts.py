"""Who is restarted for an older secret, who is not, and what goes afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.model.ports import Pod, Right, Rollout, Use
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret
from embargo_butler.secrets import restarts as settling
from embargo_butler.secrets.redis_password import digest
from tests.unit.conftest import PIPELINE, Write
from tests.unit.fakes import FakeWorld

CHANGED = datetime(2026, 11, 25, 10, tzinfo=UTC)
OLD, NEW = CHANGED - timedelta(hours=1), CHANGED
INGEST, ENQUEUE, REDIS = "Deployment ingest", "Deployment enqueue", "StatefulSet redis"
Output = pytest.CaptureFixture[str]


class Place:
    def __init__(self, site: dict[str, Any], write: Write, world: FakeWorld) -> None:
        del site["bucketConfig"]
        site["hooks"]["restart"] = {"mode": "apply", "workloads": [REDIS, ENQUEUE, INGEST]}
        self.site = {**site, "pipeline": PIPELINE}
        self.write = write
        self.world = world
        self.cluster = world.fake_cluster
        self.cluster.rollouts = dict.fromkeys((REDIS, ENQUEUE, INGEST), Rollout(True))
        assert self.run("secrets") == 0
        for name, secret in self.cluster.secrets.items():
            since = dict.fromkeys(secret.data, CHANGED)
            self.cluster.secrets[name] = KubernetesSecret(
                name, secret.data, True, secret.applied, since
            )

    def run(self, *words: str) -> int:
        return main([*words, "--config", str(self.write(self.site))], self.world)

    def pod(self, owner: str, secret: str, key: str, began: datetime | None, **more: Any) -> None:
        use = Use(secret, key, began)
        name = f"pod-{len(self.cluster.live_pods)}"
        self.cluster.live_pods.append(Pod(name, owner, (use,), **more))

    def vault(self, password: str) -> None:
        document = {"redis": password, "notification": "notification-value"}
        self.world.fake_vault.documents["site/summit"] = document

    def settle(self) -> list[str]:
        self.cluster.restarted.clear()
        assert self.run("restart") == 0
        return self.cluster.restarted


@pytest.fixture
def place(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> Place:
    monkeypatch.setattr(settling, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(settling, "_ROLLOUT_SECONDS", 0.2)
    return Place(site, write, world)


def test_exactly_what_is_stale_is_restarted(place: Place) -> None:
    place.pod(INGEST, "redis", "redis-password", OLD)
    place.pod(INGEST, "redis", "redis-password", NEW)
    place.pod(ENQUEUE, "notification", "secret", NEW)
    place.pod(REDIS, "redis", "redis-password", OLD)
    place.pod("Deployment somebody's", "redis", "redis-password", OLD)
    place.pod("", "redis", "redis-password", OLD)
    assert place.settle() == [INGEST]


def test_all_keys_of_a_secret_may_have_been_read(place: Place) -> None:
    place.pod(INGEST, "notification", "", OLD)
    place.pod(ENQUEUE, "notification", "another", OLD)
    place.pod(ENQUEUE, "of somebody", "secret", OLD)
    assert place.settle() == [INGEST]


def test_what_has_not_started_reads_what_is_there_then(place: Place) -> None:
    place.pod(INGEST, "redis", "redis-password", None)
    assert place.settle() == []


def test_a_rollout_that_came_anyway_is_let_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.pod(INGEST, "redis", "redis-password", OLD)
    answers = [Rollout(False), Rollout(False)]

    def rollout(owner: str) -> Rollout:
        if answers:
            return answers.pop()
        place.cluster.live_pods.clear()
        return Rollout(True)

    monkeypatch.setattr(place.cluster, "rollout", rollout)
    assert place.settle() == []


def test_a_rollout_that_does_not_end_is_no_reason_to_wait_for_ever(place: Place) -> None:
    place.pod(INGEST, "redis", "redis-password", OLD)
    place.cluster.rollouts[INGEST] = Rollout(False, OLD)
    assert place.settle() == [INGEST]


def test_the_restart_of_an_earlier_run_goes_on(place: Place) -> None:
    place.pod(INGEST, "redis", "redis-password", OLD)
    place.cluster.rollouts[INGEST] = Rollout(False, NEW + timedelta(seconds=1))
    assert place.settle() == []
    place.cluster.rollouts[INGEST] = Rollout(True, NEW + timedelta(seconds=1))
    assert place.settle() == [INGEST], "it ended and did not help"


def test_a_plan_says_what_and_since_when(place: Place, capsys: Output) -> None:
    place.pod(INGEST, "redis", "redis-password", OLD)
    assert place.run("restart", "--dry-run") == 2
    why = "has redis/redis-password of before 2026-11-25 10:00:00 UTC"
    assert f"plan: restart {INGEST}: {why}" in capsys.readouterr().out
    assert place.cluster.restarted == []
    assert place.run("plan") == 2
    assert f"plan: restart {INGEST}: {why}" in capsys.readouterr().out


def test_to_report_is_all_that_is_done(place: Place, capsys: Output) -> None:
    place.site["hooks"]["restart"]["mode"] = "report"
    place.pod(INGEST, "redis", "redis-password", OLD)
    assert place.settle() == []
    said = capsys.readouterr().out
    assert f"warning: {INGEST}: has redis/redis-password of before 2026-11-25 10:00:00 UTC" in said
    assert "kubectl rollout restart -n summit deployment/ingest" in said
    assert place.run("audit") == 2, "and the audit finds it"
    said = capsys.readouterr().out
    assert said.count(f"warning: {INGEST}: has redis/redis-password of before") == 1
    assert "0 changes to be made, 1 findings beside them" in said


def test_an_older_password_that_nobody_has_is_drift(place: Place, capsys: Output) -> None:
    place.vault("second")
    place.world.fake_passwords.let_in = {digest(Secret("redis-value"))}
    assert place.run("secrets") == 0
    place.pod(INGEST, "redis", "redis-password", datetime.now(UTC) + timedelta(seconds=5))
    assert place.run("audit") == 2
    assert "plan: dismiss a password of Redis: nobody has it any more" in capsys.readouterr().out
    place.settle()
    assert place.run("audit") == 0


def test_a_key_of_the_jobs_own_is_shown_as_such(place: Place, capsys: Output) -> None:
    place.vault("second")
    place.world.fake_passwords.let_in = {digest(Secret("redis-value"))}
    assert place.run("secrets", "--dry-run") == 2
    assert "key redis-password.admitted: new " in capsys.readouterr().out
    assert place.run("secrets") == 0
    capsys.readouterr()
    assert place.run("secrets", "--dry-run") == 0
    assert "key redis-password.admitted: same " in capsys.readouterr().out


def test_what_is_no_longer_declared_goes(place: Place, capsys: Output) -> None:
    cluster = place.cluster
    cluster.secrets["old"] = KubernetesSecret("old", {}, ours=True)
    cluster.secrets["taken"] = KubernetesSecret("taken", {}, ours=False)
    now = Right("now", frozenset({"redis", "notification"}))
    before = Right("before", frozenset({"redis", "notification", "old", "taken", "none"}))
    fewer = Right("fewer", frozenset({"redis"}))
    cluster.kept_rights = [now, before, fewer]
    place.settle()
    assert set(cluster.secrets) == {"redis", "notification", "taken"}
    assert cluster.kept_rights == [now]
    place.settle()
    assert "nothing to do" in capsys.readouterr().out.splitlines()[-1]


def test_what_somebody_else_makes_by_now_stays(place: Place) -> None:
    cluster = place.cluster
    cluster.secrets["old"] = KubernetesSecret("old", {}, ours=True)
    cluster.kept_rights = [Right("before", frozenset({"redis", "notification", "old"}))]
    place.site["existingSecrets"] = ["old"]
    place.settle()
    assert "old" in cluster.secrets


def test_what_a_pod_still_has_stays(place: Place, capsys: Output) -> None:
    cluster = place.cluster
    cluster.secrets["old"] = KubernetesSecret("old", {"k": Secret("v")}, ours=True)
    before = Right("before", frozenset({"redis", "notification", "old"}))
    cluster.kept_rights = [before]
    place.pod(INGEST, "old", "k", OLD)
    place.settle()
    assert "Secret old: is no longer declared, and stays while pod-0 has it" in (
        capsys.readouterr().out
    )
    assert cluster.kept_rights == [before]
    assert "old" in cluster.secrets
    cluster.live_pods.clear()
    place.settle()
    assert (cluster.kept_rights, "old" in cluster.secrets) == ([], False)


def test_most_of_all_goes_only_by_name(place: Place, capsys: Output) -> None:
    cluster = place.cluster
    for name in ("a", "b", "c"):
        cluster.secrets[name] = KubernetesSecret(name, {}, ours=True)
    cluster.kept_rights = [Right("before", frozenset({"a", "b", "c"}))]
    assert place.run("restart") == 1
    assert "name under hooks.secrets.retired: a, b, c" in capsys.readouterr().out
    assert {"a", "b", "c"} <= set(cluster.secrets)
    assert place.run("restart", "--rollback") == 0
    place.site["hooks"]["secrets"] = {"retired": ["a", "b", "c"]}
    place.settle()
    assert set(cluster.secrets) == {"redis", "notification"}
