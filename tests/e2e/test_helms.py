"""A release's life with the newest Helm 3 and Helm 4, by the operators' verbs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.rig import cluster, environment, helms, vault
from tests.rig.cluster import CLIENT_ENVIRONMENT
from tests.rig.command import run, wait_for
from tests.rig.release import Release
from tests.rig.site import PROJECT
from tests.support.namespace import INGEST
from tests.support.operated import Operated, Said
from tests.unit.chart import helm as chart

pytestmark = pytest.mark.soak

ENVIRONMENTS = sorted(path.stem for path in (PROJECT / "values").glob("*.yaml"))
IDLE = "deployment/embargo-butler-idle"
MORE_INGESTS: dict[str, Any] = {"ingest": {"env": {"MAX_INGESTS": "7"}}}


class Place(Operated):
    """A release of this Helm.

    Attributes:
        first: What the first `apply` said.
    """

    first: Said


@pytest.fixture(scope="module")
def place(site: None, helm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    version = run(helm, "version", "--short").strip()
    release = Release(f"helm-{version[1]}", helm)
    environment.make(release)
    release.prepare_namespace()
    values = {
        "ingest": {"replicas": None},
        # Of the little CPU that small releases have, a probe that starts Python gets too little
        # beside others.
        "enqueue": {"resources": {"requests": {"cpu": "100m"}}},
    }
    made = Place(release, tmp_path_factory.mktemp("operator"), values)
    made.first = made.run("apply", "--yes")
    yield made
    environment.remove(release)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_helm_renders_the_same_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = {}
    for version in (helms.OLDEST, *helms.NEWEST):
        monkeypatch.setenv("HELM", str(helms.program(version, print)))
        # Helm 4 ends each document with one more empty line.
        rendered[version] = re.sub(r"\n+(?=---\n|\Z)", "\n", chart.template(name))
    assert "kind: StatefulSet" in rendered[helms.OLDEST]
    assert set(rendered.values()) == {rendered[helms.OLDEST]}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_lint(helm: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM", helm)
    namespace = chart.load(PROJECT / "values" / f"{name}.yaml")["namespace"]
    chart.lint(name, namespace)


def test_the_first_apply_tells_what_comes_and_how_far_it_is(place: Place) -> None:
    assert place.first.status == 0, place.first.all
    assert "StatefulSet redis: new\n" in place.first.out
    assert re.search(r" (\d+) of \1 objects would change", place.first.out)
    assert "pod redis-0: ready" in place.first.err
    assert "all is well" in place.first.out


def test_helm_test(place: Place) -> None:
    name = place.release.name
    said = place.release.run_helm("test", name, "-n", place.release.namespace, "--logs")
    assert [f"{each} answers" in said for each in ("redis", "enqueue", "presence")] == [True] * 3


def test_status(place: Place) -> None:
    said = place.run("status", "--pipeline-only", "--output", "json")
    assert said.status == 0, said.all
    found = json.loads(said.out)
    assert found["healthy"]
    shown = {each["name"]: each for each in found["sections"]}
    assert shown["release"]["document"]["status"] == "deployed"
    assert {each["name"]: each["ready"] for each in shown["pods"]["document"]} == {
        "redis": 1,
        **dict.fromkeys((f"embargo-butler-{each}" for each in ("enqueue", "idle")), 1),
        **dict.fromkeys((f"embargo-butler-{each}" for each in ("ingest", "presence")), 1),
    }
    images = {image for each in shown["pods"]["document"] for image in each["images"]}
    assert "ghcr.io/lsst-dm/embargo-butler-ingest:1.2.1" in images


def test_status_fails_while_a_new_pod_is_not_ready_beside_the_old_one(place: Place) -> None:
    place.kubectl("set", "image", IDLE, "idle=ghcr.io/lsst-dm/embargo-butler-idle:absent")
    wait_for(
        "the new pod's image is found to be missing",
        lambda: "Pull" in place.kubectl("get", "pods", "-l", "app=idle"),
        timeout=30,
    )
    said = place.run("status")
    place.kubectl("rollout", "undo", IDLE)
    cluster.wait_for_rollout(place.release.namespace, IDLE)
    assert said.status == 1
    assert "! embargo-butler-idle: 0 of 1 pods are ready: " in said.out
    assert "Pull" in said.out


def test_plan_shows_kubernetes_and_both_jobs(place: Place) -> None:
    looked = ("status", "--pipeline-only")
    wait_for("all is well", lambda: place.run(*looked).status == 0, timeout=120)
    with operator_token(place) as token:
        said = place.run("plan", token=token)
        assert said.status == 0, said.all
        changed = place.run("plan", token=token, **MORE_INGESTS)
    assert re.search(r" 0 of \d+ objects would change", said.out)
    name = place.release.name
    assert f"secrets plan: {name}: nothing to do" in said.out
    assert f"buckets plan: {name}: nothing to do" in said.out
    assert changed.status == 2
    assert "+        - name: MAX_INGESTS\n" in changed.out


def test_pods_that_were_scaled_stay_over_upgrade_and_rollback(place: Place) -> None:
    place.kubectl("scale", INGEST, "--replicas=2")
    assert place.run("diff").status == 0
    before = len(place.revisions())
    assert place.run("apply", "--yes", **MORE_INGESTS).status == 0
    assert (replicas(place), limits(place)) == (2, ["7"])
    back = place.run("rollback", "--yes", f"--revision={before}")
    assert back.status == 0, back.all
    # Whoever made the release, what it no longer has is shown to go.
    assert "-        - name: MAX_INGESTS\n" in back.out
    assert (replicas(place), limits(place)) == (2, [])
    place.kubectl("scale", INGEST, "--replicas=1")


def test_what_somebody_else_changed_is_shown_and_only_taken_over_when_asked(place: Place) -> None:
    theirs = "helm.sh/chart=theirs"
    place.kubectl("label", IDLE, theirs, "--overwrite", "--field-manager=somebody")
    shown = place.run("diff")
    assert shown.status == 2
    assert "! conflict: .metadata.labels.helm.sh/chart was changed by somebody" in shown.out
    before = place.revisions()
    refused = place.run("apply", "--yes")
    assert refused.status == 1
    assert "others have made or changed Deployment embargo-butler-idle" in refused.err
    assert place.revisions() == before
    assert place.get(IDLE)["metadata"]["labels"]["helm.sh/chart"] == "theirs"
    # What was told of Helm itself is so.
    plain = subprocess.run(
        place.helm_words(), env=environ(), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (plain.returncode != 0, "conflict" in plain.stderr) == (
        (True, True) if place.release.name == "helm-4" else (False, False)
    )
    taken = place.run("apply", "--yes", "--take-over")
    assert taken.status == 0, taken.all
    assert place.get(IDLE)["metadata"]["labels"]["helm.sh/chart"] != "theirs"
    assert place.run("diff").status == 0


def test_what_cannot_change_is_told_before_anything_is_done(place: Place) -> None:
    before = place.revisions()
    change: dict[str, Any] = {"redis": {"persistence": {"size": "20Gi"}}}
    said = place.run("apply", "--yes", **change)
    assert said.status == 1
    assert "! cannot change on a running object: StatefulSet" in said.out
    assert "StatefulSet redis cannot change so on a running object, nothing was done" in said.err
    assert place.revisions() == before


def test_the_values_of_secrets_are_not_shown(place: Place) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "extra"},
        "stringData": {"word": "seldom-seen-one"},
    }
    assert place.run("apply", "--yes", extraObjects={"extra": manifest}).status == 0
    manifest["stringData"] = {"word": "seldom-seen-two"}
    said = place.run("diff", extraObjects={"extra": manifest})
    assert said.status == 2
    assert "Secret extra: changed" in said.out
    assert "seldom-seen" not in said.all
    gone = place.run("apply", "--yes")
    assert gone.status == 0
    assert "Secret extra: removed\n" in gone.out
    assert place.kubectl("get", "secret", "extra", "--ignore-not-found") == ""


@pytest.mark.parametrize("verb", ["upgrade", "rollback"])
def test_a_killed_helm_is_cleared_up_after(place: Place, verb: str) -> None:
    deployed = len(place.revisions())
    kill_in_the_middle(place, verb)
    assert place.revisions()[-1] == f"pending-{verb}"
    stuck = place.run("status")
    assert stuck.status == 1
    assert f"is pending-{verb} since" in stuck.out
    assert "First: `make unlock" in place.run("apply", "--yes").err
    freed = place.run("unlock", "--yes")
    assert freed.status == 0, freed.all
    assert f"revision {deployed} counts as deployed again" in freed.out
    assert len(place.revisions()) == deployed
    again = place.run("apply", "--yes")
    assert again.status == 0, again.all
    assert limits(place) == []
    healthy = place.revisions()
    assert "nothing to do" in place.run("unlock", "--yes").out
    assert place.revisions() == healthy


def test_wrapped_tokens_are_handed_to_the_jobs(place: Place) -> None:
    name = place.release.name
    auth = {"method": "wrapped", "role": f"embargo-butler-{name}", "secret": {"name": "login"}}
    # Its tokens serve one job once, which is none that comes again and again.
    change: dict[str, Any] = {"vault": {"auth": auth}, "hooks": {"audit": {"enabled": False}}}
    before = place.revisions()
    with operator_token(place, no_default_policy=True) as token:
        refused = place.run("apply", "--yes", token=token, **change)
    assert refused.status == 1
    assert "allow `update` on sys/wrapping/wrap in its policy" in refused.err
    assert place.revisions() == before
    with operator_token(place) as token:
        said = place.run("apply", "--yes", token=token, **change)
    assert said.status == 0, said.all
    job = place.get("job", "embargo-butler-secrets")
    assert job["status"]["succeeded"] == 1
    assert place.kubectl("get", "secret", "login", "--ignore-not-found") == ""
    assert place.run("apply", "--yes").status == 0


def test_uninstalling_keeps_the_queue_even_if_the_next_installation_is_killed(
    place: Place,
) -> None:
    redis(place, "set", "kept", "yes")
    claims = {each["metadata"]["name"] for each in place.get("pvc")["items"]}
    name, namespace = place.release.name, place.release.namespace
    place.release.run_helm("uninstall", name, "-n", namespace, "--wait")
    assert {each["metadata"]["name"] for each in place.get("pvc")["items"]} == claims
    assert "data-redis-0" in claims
    kill_in_the_middle(place, "install")
    freed = place.run("unlock", "--yes")
    assert freed.status == 0, freed.all
    assert "no revision is deployed" in freed.out
    again = place.run("apply", "--yes")
    assert again.status == 0, again.all
    assert redis(place, "get", "kept").strip() == "yes"


def environ() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/root", **CLIENT_ENVIRONMENT}


def replicas(place: Place) -> int:
    return int(place.get(INGEST)["spec"]["replicas"])


def limits(place: Place) -> list[str]:
    container = place.get(INGEST)["spec"]["template"]["spec"]["containers"][0]
    return [each["value"] for each in container["env"] if each["name"] == "MAX_INGESTS"]


def redis(place: Place, *words: str) -> str:
    script = f'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli {" ".join(words)}'
    return place.kubectl("exec", "redis-0", "--", "sh", "-c", script)


def kill_in_the_middle(place: Place, verb: str) -> None:
    """Begin with a Helm that knows nothing of the verbs, and kill it when it has begun."""
    name, namespace = place.release.name, place.release.namespace
    words = {
        "install": place.helm_words(),
        "upgrade": place.helm_words(**MORE_INGESTS),
        "rollback": [place.release.helm, "rollback", name, "1", "-n", namespace, "--wait"],
    }[verb]
    process = subprocess.Popen(words, cwd=PROJECT, env=environ(), stdout=subprocess.DEVNULL)
    pending = ("get", "secrets", "-l", f"owner=helm,status=pending-{verb}", "-o", "name")
    wait_for(f"the {verb} has begun", lambda: place.kubectl(*pending), timeout=30)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


@contextmanager
def operator_token(place: Place, **how: Any) -> Iterator[str]:
    """A token as an operator has: what the environment's policy permits, and Vault's `default`."""
    client, policies = vault.admin(), [f"embargo-butler-{place.release.name}"]
    made = client.auth.token.create(policies=policies, ttl="10m", **how)["auth"]
    try:
        yield str(made["client_token"])
    finally:
        client.auth.token.revoke_accessor(made["accessor"])
