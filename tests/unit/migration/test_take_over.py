"""Take-over: what of the old manifests goes, whose values differ, and that a failure undoes all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from embargo_butler.cli.operator.command import main
from embargo_butler.errors import HooksError
from embargo_butler.migration import same_secrets, take_over
from embargo_butler.migration.exchange import exchanged, in_order
from embargo_butler.migration.predecessor import NAME, Predecessor
from embargo_butler.secret import Secret
from tests.rig.site import PROJECT
from tests.unit.programs import Fake, history

Output = pytest.CaptureFixture[str]
LABELS = {"app": "enqueue", "app.kubernetes.io/component": "enqueue"}


def workload(secret: str, *more: str, kind: str = "Deployment", name: str = "enqueue") -> Any:
    reference = {"secretKeyRef": {"name": secret, "key": "secret"}}
    env = [{"name": "NOTIFICATION_SECRET", "valueFrom": reference}]
    env += [{"name": each, "value": "x"} for each in more]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {**LABELS, "app.kubernetes.io/component": name}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"name": name, "env": env}]}},
        },
    }


OLD, NEW = workload("notification-abc", "MASTER"), workload("notification")
OLD["metadata"]["labels"] = {"app": "enqueue", "theirs": "yes"}
OLD["metadata"]["managedFields"] = [
    {"manager": "kubectl-client-side-apply"},
    {"manager": "before-first-apply"},
    {"manager": "helm", "operation": "Apply"},
]
OLD["metadata"]["annotations"] = {
    "kubectl.kubernetes.io/last-applied-configuration": json.dumps(
        {"metadata": {"labels": OLD["metadata"]["labels"], "annotations": {"old": "yes"}}}
    ),
    "meta.helm.sh/release-name": "summit",
    "of-a-controller": "yes",
    "old": "yes",
}
OLD["spec"] |= {"replicas": 3, "paused": True}


def test_nothing_of_an_older_manifest_stays() -> None:
    made = exchanged({**OLD, "status": {}}, NEW, {**NEW, "spec": {**NEW["spec"], "added": 1}})
    assert made["spec"] == {**NEW["spec"], "added": 1, "replicas": 3}
    kept = {"meta.helm.sh/release-name": "summit", "of-a-controller": "yes"}
    assert made["metadata"]["annotations"] == kept
    assert made["metadata"]["managedFields"] == [{"manager": "helm", "operation": "Apply"}]
    assert made["metadata"]["labels"] == LABELS
    assert "status" not in made


def test_a_service_keeps_all_but_the_old_selector() -> None:
    live = {
        "kind": "Service",
        "metadata": {"name": "enqueue"},
        "spec": {"clusterIP": "198.19.0.7", "selector": {"app": "enqueue", "old": "yes"}},
    }
    manifest = {"kind": "Service", "metadata": {"name": "enqueue"}, "spec": {"selector": {"a": 1}}}
    assert exchanged(live, manifest, None)["spec"] == {
        "clusterIP": "198.19.0.7",
        "selector": {"a": 1},
    }


def test_redis_goes_first_and_enqueue_last() -> None:
    names = ["enqueue", "ingest", "exporter", "idle", "presence"]
    found = [workload("x", name=each) for each in names]
    found += [workload("x", kind="StatefulSet", name="redis"), {"kind": "Service"}]
    ordered = [each["metadata"]["name"] for each in in_order(found)]
    assert ordered == ["redis", "idle", "presence", "ingest", "enqueue", "exporter"]


@pytest.mark.parametrize(("value", "told"), [("same", []), ("seldom-seen", ["enqueue"])])
def test_another_value_of_a_secret_is_told_without_it(value: str, told: list[str]) -> None:
    before = {("notification-abc", "secret"): Secret("same")}
    after = {("notification", "secret"): Secret(value)}
    found = list(same_secrets.different([OLD], [NEW], before, after))
    assert [each.split(":")[0].removeprefix("Deployment ") for each in found] == told
    assert "seldom-seen" not in "".join(found)


@pytest.fixture
def fake() -> Fake:
    """A predecessor runs, and there is no release."""
    made = Fake()
    made.says("helm history", "", error="Error: release: not found")
    made.says("helm template", yaml.safe_dump({**NEW, "metadata": {"name": "enqueue"}}))
    made.says("kubectl get -f", [OLD])
    return made


def run(fake: Fake, *words: str) -> int:
    project = ("--project", str(PROJECT))
    return main(["take-over", "summit", "--yes", *words, *project], fake.programs)


def changed(fake: Fake) -> list[str]:
    asked = ("kubectl get", "kubectl config", "helm")
    return [command for command, _ in fake.asked if not command.startswith(asked)]


@pytest.mark.parametrize(
    ("words", "answers", "said"),
    [
        ((), {"helm history": history("deployed")}, "summit is a release of Helm already"),
        ((), {"kubectl get -f": ""}, "nobody to take over from"),
        ((), {"kubectl get secret embargo": "stored"}, "BACK=1` puts back"),
        (("--back",), {}, "no take-over of summit is written down"),
        (
            ("--back",),
            {"kubectl get secret embargo": "stored", "helm history": history("failed", "deployed")},
            "summit was upgraded since",
        ),
    ],
)
def test_it_is_refused(
    fake: Fake, words: tuple[str, ...], answers: dict[str, Any], said: str, capsys: Output
) -> None:
    for command, answer in answers.items():
        fake.says(command, stored() if answer == "stored" else answer)
    assert run(fake, *words) == 1
    assert said in capsys.readouterr().err
    assert changed(fake) == []


def stored() -> dict[str, Any]:
    document = json.dumps({"objects": [OLD], "secrets": ["redis-abc"], "addresses": {}})
    data = {"predecessor.json": base64.b64encode(document.encode()).decode()}
    return {"kind": "Secret", "metadata": {"name": NAME}, "data": data}


@pytest.mark.parametrize("ready", [3, 0])
@pytest.mark.parametrize("error", [HooksError("helm failed"), KeyboardInterrupt()])
def test_a_failure_puts_everything_back(fake: Fake, error: BaseException, ready: int) -> None:
    """Also where the old pods are not well themselves."""
    well = {**OLD, "metadata": {**OLD["metadata"], "generation": 1}}
    well["status"] = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3}
    well["status"]["readyReplicas"] = ready
    fake.says("kubectl get deployment enqueue", well)
    why = {"waiting": {"reason": "ImagePullBackOff"}}
    waiting = {"name": "enqueue", "restartCount": 0, "state": why}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "enqueue-1"},
        "spec": {"containers": []},
        "status": {"containerStatuses": [waiting]},
    }
    fake.says("kubectl get pods -l app=enqueue", [pod])
    made = {"kind": "Secret", "metadata": {"name": "notification"}}
    fake.says("kubectl get secrets -l app.kubernetes.io/managed-by=embargo-hooks", [made])
    programs = fake.programs("summit", "summit")
    found = Predecessor((OLD,), ("notification-abc",), {})
    more = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}}

    def work() -> None:
        raise error

    with pytest.raises(HooksError, match="Everything was put back as it was before"):
        take_over.take_over(programs, found, [NEW, more], work, print)
    where = " --context usdf-embargo-dmz --namespace summit"
    assert [each.removesuffix(where) for each in changed(fake)] == [
        "kubectl create -f -",
        'kubectl patch deployment enqueue --type=merge -p {"spec": {"paused": true}}',
        "kubectl replace -f -",
        "kubectl delete --ignore-not-found -f -",
        "kubectl delete secret notification --ignore-not-found",
        "kubectl delete secret -l owner=helm,name=summit",
        f"kubectl delete secret {NAME} --ignore-not-found",
    ]
    given = {command.split()[1]: text for command, text in fake.asked if text}
    assert json.loads(given["replace"]) == OLD
    assert [each["metadata"]["name"] for each in json.loads(given["delete"])["items"]] == ["more"]
