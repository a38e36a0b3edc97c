"""What takes a release's things away does so when the release goes, and says what it cannot.

And no job of it can be turned against it by who may write ConfigMaps.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.rig import credentials, environment, helms, vault
from tests.rig.command import wait_for
from tests.rig.errors import RigError
from tests.rig.release import Release
from tests.rig.site import NODE
from tests.support.foreign import FOREIGN
from tests.support.gateway import Gateway, Notification
from tests.support.namespace import FULLNAME, Namespace
from tests.support.operated import Operated
from tests.support.vault_elsewhere import Server

RELEASE = Release(f"leaving-{secrets.token_hex(3)}")
NAMESPACE = Namespace(RELEASE.namespace)
CLEAN_UP = f"{FULLNAME}-clean-up"


@pytest.fixture(scope="module")
def place(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A release of its own, deployed, and its operator."""
    # The oldest Helm that we promise to work with shows no log of a job.
    release = replace(RELEASE, helm=str(helms.program(helms.NEWEST[-1], print)))
    environment.make(release)
    release.deploy(print)
    yield Operated(release, tmp_path_factory.mktemp("operator"), {})
    environment.remove(release)


def ours() -> list[Notification]:
    found = Gateway(RELEASE.bucket).notifications(RELEASE.bucket)
    return [each for each in found if each.id != FOREIGN]


def held() -> dict[str, Any]:
    """Return the Secrets, with what is in them, by name."""
    items = NAMESPACE.get("secrets")["items"]
    return {each["metadata"]["name"]: each["data"] for each in items if each["type"] == "Opaque"}


def ended(job: str) -> dict[str, Any]:
    """Return a job's status once it has ended."""

    def look() -> dict[str, Any]:
        status: dict[str, Any] = NAMESPACE.get("job", job)["status"]
        return status if status.get("succeeded") or status.get("failed") else {}

    return wait_for(f"job {job} ends", look, timeout=180)


def test_applying_the_whole_rendering_takes_nothing_away(place: Operated) -> None:
    """`helm template | kubectl apply` runs every hook, and all of them at once."""
    before, announced = held(), ours()
    pods = {each["metadata"]["uid"] for each in NAMESPACE.pods()}
    rendered = place.release.run_helm("template", *RELEASE.full_command[3:])
    NAMESPACE.kubectl("apply", "-f", "-", stdin=rendered, timeout=120)
    status = ended(CLEAN_UP)
    log = NAMESPACE.kubectl("logs", f"job/{CLEAN_UP}")
    assert status.get("failed"), log
    last = log.splitlines()[-1]
    assert f"namespace {RELEASE.namespace} runs StatefulSet redis, Deployment" in last
    assert "nothing was written" in last
    assert f"`helm uninstall {RELEASE.name} -n {RELEASE.namespace}`" in last
    assert "give it `--no-hooks`" in last
    for job in ("secrets", "secrets-rollback", "buckets", "buckets-rollback"):
        assert ended(f"{FULLNAME}-{job}").get("succeeded"), job
    assert (held(), ours()) == (before, announced)
    running = (each for each in NAMESPACE.pods() if each["metadata"]["labels"].get("app"))
    assert {each["metadata"]["uid"] for each in running} <= pods
    place.release.deploy(print)


def test_an_audit_of_another_configuration_logs_in_nowhere(place: Operated) -> None:
    name = f"{FULLNAME}-audit"
    right = NAMESPACE.get("configmap", name)["data"]["config.yaml"]
    elsewhere = Server(NODE)
    with elsewhere.running() as address:
        config = yaml.safe_load(right)
        config["vault"]["address"] = address
        change = {"data": {"config.yaml": yaml.safe_dump(config)}}
        NAMESPACE.kubectl("patch", "configmap", name, "-p", json.dumps(change))
        assert not NAMESPACE.run_now(name, "turned")
        log = NAMESPACE.kubectl("logs", "job/turned")
        where = f"ConfigMap {name} of namespace {RELEASE.namespace}"
        assert f"{where}: has another configuration than its release" in log
        assert elsewhere.heard == []
        # Without the hash its login does arrive there, so that this would be seen.
        (cron_job,) = (NAMESPACE.get("cronjob", name),)
        spec = cron_job["spec"]["jobTemplate"]["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        at = container["args"].index("--config-hash")
        del container["args"][at : at + 2]
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "told"}, "spec": spec}
        NAMESPACE.kubectl("create", "-f", "-", stdin=json.dumps(job))
        ended("told")
        assert any("/v1/auth/kubernetes/login" in each for each in elsewhere.heard)
    NAMESPACE.kubectl(
        "patch", "configmap", name, "-p", json.dumps({"data": {"config.yaml": right}})
    )
    assert NAMESPACE.run_now(name, "right"), NAMESPACE.kubectl("logs", "job/right")


def test_an_uninstall_without_vault_tells_of_the_danger_and_it_can_be_mended(
    place: Operated,
) -> None:
    (notification,) = ours()
    vault.admin().delete(f"auth/{vault.LOGIN}/role/embargo-butler-{RELEASE.name}")
    with pytest.raises(RigError) as failed:
        place.release.run_helm("uninstall", RELEASE.name, "-n", RELEASE.namespace, "--wait")
    danger = (
        f"notification {notification.id} of bucket {RELEASE.bucket}: left, and announces to nobody"
    )
    command = f"make withdraw ENV={RELEASE.name} APPLY=1"
    print(failed.value)
    said = str(failed.value).replace('\\"', '"')
    assert f"clean-up: {RELEASE.name}: {danger}" in said
    assert f"`{command}`" in said
    last = NAMESPACE.kubectl("logs", f"job/{CLEAN_UP}").splitlines()[-1]
    assert last.startswith(f"clean-up: {RELEASE.name}: {danger}")
    about = f"involvedObject.name={CLEAN_UP},reason=LeftBehind"
    (event,) = NAMESPACE.get("events", f"--field-selector={about}")["items"]
    assert event["message"].startswith(danger)
    assert held() == {}
    kept = NAMESPACE.kubectl("get", "roles,rolebindings", "-o", "name").split()
    assert [each for each in kept if "-ours" in each] == []
    assert "NAME" not in place.release.run_helm("list", "-n", RELEASE.namespace, "-q")
    assert ours() == [notification]
    keys = credentials.load().s3(RELEASE.bucket)
    profile = (
        f"[{RELEASE.bucket}]\naws_access_key_id = {keys.access_key}\n"
        f"aws_secret_access_key = {keys.secret_key}\n"
    )
    place.give(".aws/credentials", profile)
    owners = {RELEASE.bucket: {"profile": RELEASE.bucket}}
    shown = place.run("buckets", "withdraw", bucketConfig={"owners": owners})
    assert f"plan: delete notification {notification.id}" in shown.all
    assert (shown.status, ours()) == (2, [notification])
    done = place.run("buckets", "withdraw", "--apply", token=str(vault.admin().token))
    assert done.status == 0, done.all
    assert "1 withdrawn" in done.all
    assert ours() == []
