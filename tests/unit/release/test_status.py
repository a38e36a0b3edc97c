"""What status shows of a release, its pods and its jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from embargo_butler.health.sections import Section
from embargo_butler.release import environments, pausing
from embargo_butler.release import status as sections
from embargo_butler.release.chart import Chart
from tests.rig.site import PROJECT
from tests.unit.programs import Fake, history

NAME = "embargo-butler-ingest"
PENDING = ("deployed", "pending-upgrade")


def workload(ready: int = 2, old: int = 0, image: str = "i:1", replicas: int = 2) -> dict[str, Any]:
    found = {"observedGeneration": 1, "readyReplicas": ready + old}
    found |= {"replicas": replicas + old, "updatedReplicas": replicas}
    metadata = {"name": NAME, "generation": 1, "annotations": {}, "labels": {"app": "ingest"}}
    template = {"spec": {"containers": [{"name": "ingest", "image": image}]}}
    spec = {"replicas": replicas, "template": template}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec, "status": found}


def declared(**what: Any) -> str:
    found = workload(**what)
    del found["status"]
    return yaml.safe_dump(found)


@pytest.fixture
def fake() -> Fake:
    made = Fake()
    made.says("helm history", history("superseded", "deployed"))
    made.says("helm get manifest", declared())
    made.says("helm template", declared())
    made.says("kubectl get statefulsets,deployments", [workload()])
    return made


def look(fake: Fake) -> dict[str, Section]:
    chart = Chart(PROJECT, environments.find(PROJECT, "summit"))
    programs = fake.programs("summit", "summit")
    return {each.name: each for each in sections.look(programs, chart)}


@pytest.mark.parametrize(
    ("statuses", "live", "problem"),
    [
        (("deployed",), workload(), ""),
        (("deployed",), workload(1), f"{NAME}: 1 of 2 pods are ready"),
        (("deployed",), workload(1, old=1), f"{NAME}: 1 of 2 pods"),
        (("deployed", "failed"), workload(), "revision 2 is failed: Upgrade complete"),
        (PENDING, workload(), "`make unlock ENV=summit`"),
        ((), None, "there is no release summit in namespace summit"),
        ((), workload(), ""),
        ((), workload(1), f"{NAME}: 1 of 2 pods are ready"),
        (
            ("deployed",),
            workload(image="i:2"),
            f"{NAME}: the release has i:1: `make diff ENV=summit`",
        ),
    ],
)
def test_what_is_not_well(
    fake: Fake, statuses: tuple[str, ...], live: dict[str, Any] | None, problem: str
) -> None:
    fake.says("helm history", history(*statuses))
    fake.says("kubectl get statefulsets,deployments", [live] if live else "")
    found = [each for section in look(fake).values() for each in section.problems]
    assert len(found) == bool(problem)
    assert problem in "".join(found)


def test_what_runs_without_helm_is_shown_with_the_way_to_take_it_over(fake: Fake) -> None:
    fake.says("helm history", "", "Error: release: not found")
    fake.says("helm template", declared(image="i:2"))
    found = look(fake)
    assert list(found) == ["release", "pods"]
    assert found["release"].lines == (
        "none: what runs here was made without Helm; `make take-over ENV=summit` puts the chart "
        "over it",
    )
    assert NAME in "".join(found["pods"].lines)
    assert f"{NAME}: your values have i:2: not applied yet" in found["pods"].lines


def test_what_the_values_say_and_nobody_applied_is_a_note(fake: Fake) -> None:
    fake.says("helm template", declared(image="i:2", replicas=8))
    pods = look(fake)["pods"]
    assert pods.problems == ()
    assert f"{NAME}: your values have i:2: not applied yet" in pods.lines
    assert f"{NAME}: 2 pods, your values have 8" in pods.lines


def test_a_paused_ingest_is_told_with_the_way_back(fake: Fake) -> None:
    noted = json.dumps({"replicas": 2, "since": "2026-11-24T00:00:00Z", "by": "ktl"})
    live = workload(ready=0, replicas=0)
    live["metadata"]["annotations"][pausing.ANNOTATION] = noted
    fake.says("kubectl get statefulsets,deployments", [live])
    fake.says("kubectl get deployments", [live])
    pods = look(fake)["pods"]
    (problem,) = pods.problems
    assert problem.startswith("ingest is paused by ktl, ")
    assert problem.endswith("`make resume ENV=summit`")
    assert not any("0 pods" in line for line in pods.lines)


SCALED = {
    "kind": "ScaledObject",
    "metadata": {"name": NAME},
    "spec": {"scaleTargetRef": {"name": NAME}},
}
PAUSED = {"name": NAME, "annotations": {"autoscaling.keda.sh/paused-replicas": "0"}}
HELD = {**SCALED, "metadata": PAUSED}
SCALE = f"kubectl scale -n summit deployment/{NAME} --replicas="
BY_VALUES = "its values give it no pods (`replicas`, `suspend`): then `make apply ENV=summit`"


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (declared(), f"is scaled to no pods: `{SCALE}2`"),
        ("", f"is scaled to no pods: `{SCALE}1`"),
        (declared(replicas=0), BY_VALUES),
        (f"{declared()}---\n{yaml.safe_dump(SCALED)}", ""),
        (f"{declared()}---\n{yaml.safe_dump(HELD)}", f"is scaled to no pods: `{SCALE}2`"),
    ],
)
def test_what_is_scaled_to_no_pods_is_a_problem_but_where_keda_does_it(
    fake: Fake, manifest: str, problem: str
) -> None:
    fake.says("helm get manifest", manifest)
    fake.says("kubectl get statefulsets,deployments", [workload(ready=0, replicas=0)])
    assert look(fake)["pods"].problems == ((f"{NAME}: {problem}",) if problem else ())


def test_what_the_release_has_and_is_not_there_is_a_problem(fake: Fake) -> None:
    fake.says("kubectl get statefulsets,deployments", "")
    (problem,) = look(fake)["pods"].problems
    assert problem == f"{NAME}: the release has it, and it is not there: `make apply ENV=summit`"


def test_jobs(fake: Fake) -> None:
    audit = {
        "kind": "CronJob",
        "metadata": {
            "name": "embargo-butler-audit",
            "creationTimestamp": "2026-11-20T00:00:00Z",
            "labels": {"app.kubernetes.io/component": "audit"},
        },
        "spec": {},
        "status": {
            "lastScheduleTime": "2026-11-24T01:00:00Z",
            "lastSuccessfulTime": "2026-11-24T00:00:30Z",
        },
    }
    failed = [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-11-24T00:00:00Z"}]
    done = [{"type": "Complete", "status": "True"}]
    jobs = [
        {"kind": "Job", "metadata": {"name": name}, "status": {"conditions": conditions}}
        for name, conditions in (("embargo-butler-secrets", done), ("embargo-butler-b", failed))
    ]
    fake.says("kubectl get cronjobs", [audit])
    fake.says("kubectl get jobs", jobs)
    found = look(fake)["jobs"]
    drifted, broken = found.problems
    assert "embargo-butler-audit: its last run, " in drifted
    assert "`kubectl logs -n summit -l app.kubernetes.io/component=audit --tail=50`" in drifted
    assert broken.startswith("embargo-butler-b: failed ")
    assert any(line.startswith("embargo-butler-secrets: succeeded") for line in found.lines)


@pytest.mark.parametrize(
    ("annotations", "suspend", "done"),
    [
        ({}, False, ""),
        ({"embargo-butler/suspended": "a reason"}, True, ""),
        ({}, True, "suspended it"),
        (
            {"embargo-butler/suspended": "a reason"},
            False,
            "set it going, which the release has suspended",
        ),
    ],
)
def test_a_cronjob_that_is_set_against_the_release(
    annotations: dict[str, str], suspend: bool, done: str, fake: Fake
) -> None:
    name = "embargo-butler-reconcile"
    metadata = {"name": name, "creationTimestamp": "2026-11-20T00:00:00Z"}
    cron = {"kind": "CronJob", "metadata": {**metadata, "annotations": annotations}}
    fake.says("kubectl get cronjobs", [{**cron, "spec": {"suspend": suspend}}])
    found = look(fake)["jobs"]
    assert found.lines == (f"{name}: has not run yet{', suspended' if suspend else ''}",)
    back = json.dumps({"spec": {"suspend": not suspend}})
    command = f"kubectl patch cronjob {name} -n summit --patch '{back}'"
    assert found.problems == ((f"{name}: somebody has {done}: `{command}`",) if done else ())


def test_without_the_right_to_see_the_release_the_pods_are_shown(fake: Fake) -> None:
    for command in ("helm history", "helm list"):
        fake.says(command, "", 'secrets is forbidden: cannot list resource "secrets"')
    found = look(fake)
    assert "cannot list resource" in found["release"].hidden
    assert found["pods"].hidden == ""
    assert NAME in "".join(found["pods"].lines)
