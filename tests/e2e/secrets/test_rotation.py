"""Secrets that change while a release runs: who is restarted, and that nobody is ever refused."""

from __future__ import annotations

import secrets
import threading
from functools import partial
from typing import Any

import pytest
import yaml

from tests.rig import vault
from tests.rig.command import wait_for
from tests.support import connect, faults
from tests.support.rotating import Rotating

CLIENTS = {"enqueue", "ingest", "idle", "presence"}
REPORT: dict[str, Any] = {"hooks": {"restart": "report"}}


@pytest.fixture
def place(rotating: Rotating) -> Rotating:
    return rotating


def new(what: str) -> str:
    return f"{what}-{secrets.token_hex(8)}"


def test_a_fresh_install_restarts_nothing(place: Rotating) -> None:
    # A service may have ended once by itself, because Redis did not answer yet; nobody rolled it.
    workloads = yaml.safe_load(place.installed)["items"]
    noted = [each["metadata"]["annotations"] for each in workloads if each["kind"] == "Deployment"]
    assert [each["deployment.kubernetes.io/revision"] for each in noted] == ["1"] * len(CLIENTS)
    assert "embargo-butler/restarted-at" not in place.installed


def test_the_password_of_redis(place: Rotating) -> None:
    old, fresh = place.read(vault.OWN)["redis"], new("redis")
    before = place.lives()
    place.write(vault.OWN, redis=fresh)
    place.deploy()
    assert place.restarted_since(before) == CLIENTS
    assert {life.restarts for life in place.lives().values()} == {0}
    assert (place.admits(fresh), place.admits(old)) == (True, False)
    assert set(place.namespace.secret("redis")) == {"redis-password"}
    now = place.lives()
    assert "nothing to do" in place.deploy() + place.log("secrets") + place.log("buckets")
    assert place.restarted_since(now) == set()


@pytest.mark.soak
def test_a_rollout_that_comes_anyway_is_the_restart(place: Rotating) -> None:
    words = ("get", "deployment", "embargo-butler-ingest", "-o")
    path = r"jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}"
    before, revision = place.lives(), int(place.namespace.kubectl(*words, path))
    place.write(vault.OWN, redis=new("redis"))
    place.deploy(ingest={"env": {"MAX_INGESTS": "7"}})
    assert place.restarted_since(before) == CLIENTS
    assert int(place.namespace.kubectl(*words, path)) == revision + 1
    assert "restart Deployment embargo-butler-ingest" not in place.log("buckets")
    place.deploy()


@pytest.mark.soak
def test_a_file_is_as_old_as_its_pod_and_a_variable_as_its_container(place: Rotating) -> None:
    file, old = "db-auth.yaml", place.read(vault.OWN)["redis"]
    place.write(vault.CLIENT_CONFIG, **{file: place.read(vault.CLIENT_CONFIG)[file] + "# new\n"})
    fresh = new("redis")
    place.write(vault.OWN, redis=fresh)
    before = place.lives()
    place.deploy(**REPORT)
    assert place.restarted_since(before) == set()
    said = place.log("buckets")
    for app in CLIENTS:
        command = f"kubectl rollout restart -n {place.release.namespace} deployment/embargo-butler-"
        assert command + app in said
    assert (place.admits(fresh), place.admits(old)) == (True, True)
    faults.kill(place.release, "ingest", "idle")

    def again() -> bool:
        lives = place.lives()
        return all(lives[app].restarts > before[app].restarts for app in ("ingest", "idle"))

    wait_for("the killed containers start again", again, timeout=90)
    faults.wait_until_ready(place.release)
    before = place.lives()
    place.deploy()
    said = place.log("buckets")
    assert "restart Deployment embargo-butler-ingest: has db-auth/db-auth.yaml of before" in said
    assert place.restarted_since(before) == CLIENTS - {"idle"}
    assert (place.admits(fresh), place.admits(old)) == (True, False)


def test_the_secret_of_the_notifications(place: Rotating) -> None:
    old, fresh = place.read(vault.OWN)["notification"], new("notification")
    place.write(vault.OWN, notification=fresh)
    before = place.lives()
    place.deploy()
    said = place.log("buckets")
    order = [
        "done: apply Secret notification: changed secret, with enqueue and its topics",
        "done: restart Deployment embargo-butler-enqueue",
        "done: await Deployment embargo-butler-enqueue",
        f"done: put topic {place.release.bucket}",
    ]
    assert sorted(order, key=said.index) == order
    assert place.restarted_since(before) == {"enqueue"}
    assert place.namespace.secret("notification") == {"secret": fresh}
    assert place.carried() == fresh
    assert any("drops it" in each["why"] for each in place.lookups())
    logs = place.namespace.kubectl("logs", "-l", "app=enqueue", "--tail=-1")
    assert fresh not in logs
    camera = connect.camera(place.release)
    queues = connect.queues(place.release)
    key = f"LSSTCam/20260603/MC_O_20260603_000258/{new('MC')}.fits"
    camera.put(key, b"no image")
    wait_for("it is announced", lambda: queues.notes([key]), timeout=180)
    assert old != fresh


@pytest.mark.soak
def test_what_is_no_longer_declared_goes_after_the_upgrade_and_comes_back(place: Rotating) -> None:
    everything, rights = place.secrets(), place.rights()
    assert "db-env" in everything
    place.namespace.kubectl("create", "secret", "generic", "somebodys", "--from-literal=a=b")
    place.deploy(secrets={"db-env": None})
    assert place.secrets() == everything - {"db-env"} | {"somebodys"}
    now = place.rights()
    assert (len(now), set(now) & set(rights)) == (2, set())
    revision = json_revision(place) - 1
    place.release.run_helm(
        "rollback", place.release.name, str(revision), "-n", place.release.namespace, "--wait"
    )
    assert place.secrets() == everything | {"somebodys"}
    assert place.rights() == rights


def json_revision(place: Rotating) -> int:
    words = ("history", place.release.name, "-n", place.release.namespace, "--max=1")
    return int(place.release.run_helm(*words).splitlines()[-1].split()[0])


@pytest.mark.soak
def test_whatever_restarts_at_any_moment_comes_up(place: Rotating) -> None:
    """Each service is killed once, 4 s after the other, while Redis' password changes; twice.

    More often would test the kubelet, which waits longer with each restart.
    """
    kills = 0

    def runs(app: str) -> bool:
        return app in faults.running(place.release)

    def strike(over: threading.Event) -> None:
        nonlocal kills
        for app in ("redis", "ingest", "idle", "presence", "enqueue"):
            if over.wait(4):
                return
            # It may be about to start again, having been without its Redis.
            wait_for(f"{app} runs", partial(runs, app), timeout=60)
            faults.kill(place.release, app)
            kills += 1

    for _ in range(2):
        fresh = new("redis")
        place.write(vault.OWN, redis=fresh)
        over = threading.Event()
        thread = threading.Thread(target=strike, args=(over,))
        thread.start()
        try:
            # Without waiting for the pods, which are never all well.
            place.release.run_helm(*place.release.full_command[1:], timeout=300)
        finally:
            over.set()
            thread.join()
    assert kills >= 4
    faults.wait_until_ready(place.release, timeout=330)
    place.deploy()
    assert place.admits(fresh)
    assert set(place.namespace.secret("redis")) == {"redis-password"}


@pytest.mark.soak
def test_uninstalling_leaves_no_right_over_a_secret(place: Rotating) -> None:
    assert place.rights() != []
    name, namespace = place.release.name, place.release.namespace
    place.release.run_helm("uninstall", name, "-n", namespace, "--wait", timeout=180)
    assert place.rights() == []
