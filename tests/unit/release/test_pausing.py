"""Pausing ingest: whose field its number of pods is afterwards, and what later verbs make of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.cli.operator.command import main
from embargo_butler.release import pausing
from tests.rig.command import wait_for
from tests.rig.site import PROJECT
from tests.unit.programs import Fake, history

Output = pytest.CaptureFixture[str]
NAME = "embargo-butler-ingest"
NOTED = json.dumps({"replicas": 8, "since": "2026-11-24T00:00:00Z", "by": "ktl"})
HELMS = {"meta.helm.sh/release-name": "summit", "meta.helm.sh/release-namespace": "summit"}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def deployment(replicas: int | None = 8, operation: str = "Update", **notes: str) -> dict[str, Any]:
    fields = [{"manager": "helm", "operation": operation}]
    metadata = {"name": NAME, "annotations": {**HELMS, **notes}, "managedFields": fields}
    spec = {} if replicas is None else {"replicas": replicas}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec}


def rendered(replicas: int | None) -> str:
    spec = {} if replicas is None else {"replicas": replicas}
    return yaml.safe_dump({"kind": "Deployment", "metadata": {"name": NAME}, "spec": spec})


def site(live: dict[str, Any], manifest: str, pods: int = 0) -> Fake:
    fake = Fake()
    fake.says("helm history", history("deployed"))
    fake.says("helm get manifest", manifest)
    fake.says("helm template", manifest)
    fake.says("kubectl get deployments", [live])
    ready = {"kind": "Pod", "metadata": {"name": "p"}, "status": READY}
    fake.says("kubectl get pods", [ready] * pods if pods else "")
    return fake


def run(fake: Fake, *words: str) -> int:
    return main([*words, "--project", str(PROJECT)], fake.programs, lambda _: "summit")


def written(fake: Fake) -> list[str]:
    found = [*fake.commands("kubectl patch"), *fake.commands("kubectl apply -f - --server-side")]
    return [each.replace(" --context usdf-embargo-dmz --namespace summit", "") for each in found]


@pytest.mark.parametrize(("counted", "manager"), [(8, "helm"), (None, "embargo-operator")])
def test_the_number_is_written_by_whoever_says_it(counted: int | None, manager: str) -> None:
    fake = site(deployment(), rendered(counted))
    assert run(fake, "pause", "summit") == 0
    noted, scaled = written(fake)
    assert '{"replicas\\": 8, ' in noted.replace('\\"replicas', '"replicas')
    assert "--field-manager=embargo-operator" in noted
    assert scaled.endswith(f'--field-manager={manager} -p {{"spec": {{"replicas": 0}}}}')


def test_what_helm_4_applied_is_applied_as_helm_4_does() -> None:
    fake = site(deployment(operation="Apply"), rendered(8))
    assert run(fake, "pause", "summit") == 0
    ((_, text),) = [each for each in fake.asked if each[0].startswith("kubectl apply")]
    wanted = json.loads(text)
    assert wanted["spec"]["replicas"] == 0
    assert wanted["metadata"]["annotations"] == HELMS, "Helm's own would be taken away"


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("failed", "first `make apply ENV=summit` or `make rollback ENV=summit`; for now `kubectl"),
        ("pending-upgrade", "First: `make unlock ENV=summit`"),
    ],
)
def test_what_helm_4_applied_is_left_after_a_failed_release(
    verb: str, status: str, said: str, capsys: Output
) -> None:
    """Applied whole, the Deployment of the revision before would come back unseen."""
    notes = {pausing.ANNOTATION: NOTED} if verb == "resume" else {}
    pods = 8 if verb == "resume" else 0
    fake = site(deployment(8, "Apply", **notes), rendered(8), pods)
    fake.says("helm history", history("deployed", status))
    assert run(fake, verb, "summit") == 1
    assert said in capsys.readouterr().err
    assert written(fake) == []


def test_what_helm_3_made_is_scaled_after_a_failed_release() -> None:
    """Only the number is written then."""
    fake = site(deployment(), rendered(8))
    fake.says("helm history", history("deployed", "failed"))
    assert run(fake, "pause", "summit") == 0


def test_resume_brings_back_as_many_as_there_were(capsys: Output) -> None:
    fake = site(deployment(0, **{pausing.ANNOTATION: NOTED}), rendered(8), pods=8)
    assert run(fake, "resume", "summit") == 0
    scaled, noted = written(fake)
    assert scaled.endswith('{"spec": {"replicas": 8}}')
    assert noted.endswith(f'{{"metadata": {{"annotations": {{"{pausing.ANNOTATION}": null}}}}}}')
    assert "ingest is at work again, 8 pods" in capsys.readouterr().out


def test_what_is_so_already_is_left(capsys: Output) -> None:
    paused = site(deployment(0, **{pausing.ANNOTATION: NOTED}), rendered(8))
    assert run(paused, "pause", "summit") == 0
    assert "is paused since 2026-11-24T00:00:00Z by ktl" in capsys.readouterr().out
    assert run(running := site(deployment(), rendered(8)), "resume", "summit") == 0
    assert "is not paused: ingest has 8 pods" in capsys.readouterr().out
    assert written(paused) == written(running) == []


def test_a_pause_that_was_cut_short_is_completed(capsys: Output) -> None:
    cut = site(deployment(8, **{pausing.ANNOTATION: NOTED}), rendered(8))
    assert run(cut, "pause", "summit") == 0
    (scaled,) = written(cut)
    assert scaled.endswith('{"spec": {"replicas": 0}}'), "what was noted stays"
    assert "but ingest has 8 pods, so it is paused again" in capsys.readouterr().out


def test_a_resume_that_was_cut_short_is_completed(capsys: Output) -> None:
    """Its pods are there again, and only the note of the pause is left."""
    cut = site(deployment(8, **{pausing.ANNOTATION: NOTED}), rendered(8), pods=8)
    assert run(cut, "resume", "summit") == 0
    assert written(cut)[-1].endswith(f'{{"annotations": {{"{pausing.ANNOTATION}": null}}}}}}')
    assert "ingest is at work again, 8 pods" in capsys.readouterr().out


def test_keda_is_told_too() -> None:
    scaled = yaml.safe_dump({"kind": "ScaledObject", "metadata": {"name": NAME}, "spec": {}})
    fake = site(deployment(), f"{rendered(None)}---\n{scaled}")
    run(fake, "pause", "summit")
    told = fake.commands(f"kubectl patch scaledobject/{NAME}")
    assert 'paused-replicas": "0"' in told[0]


@pytest.mark.parametrize(("counted", "suspended"), [(8, True), (None, False)])
def test_an_apply_leaves_a_pause_as_it_is(counted: int | None, suspended: bool) -> None:
    """With the number left to people a suspended release would lose it for ever."""
    fake = site(deployment(0, **{pausing.ANNOTATION: NOTED}), rendered(counted))
    run(fake, "diff", "summit")
    last = fake.commands("helm template")[-1]
    assert ("--set ingest.suspend=true" in last) == suspended


def test_a_rollback_does_not_wake_a_paused_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Helm goes back to a revision with pods: they are taken away as soon as that is seen."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 0\necho 8\nexec sleep 60\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake = Fake()
    programs = fake.programs("summit", "summit")
    live = deployment(0, **{pausing.ANNOTATION: NOTED})
    with pausing.held(programs, pausing.Ingest(live, deployment(8))):
        wait_for("it is held", lambda: fake.commands("kubectl patch"), timeout=20)
    assert [each.split(" --context")[0] for each in written(fake)][-1].endswith('"replicas": 0}}')
    with pausing.held(programs, pausing.Ingest(deployment(8))):
        pass
    assert len(fake.commands("kubectl patch")) == 1, "what is not paused is left alone"
