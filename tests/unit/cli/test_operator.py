"""The verbs, with programs that only note what they were asked."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.cli.job import buckets, secrets
from embargo_butler.cli.job import command as hooks_command
from embargo_butler.cli.job.running import Caller, Run
from embargo_butler.cli.operator import pipeline_verbs
from embargo_butler.cli.operator.command import main
from embargo_butler.errors import ConfigError
from embargo_butler.release import jobs_plan, upgrade
from embargo_butler.release.chart import Chart
from tests.rig.site import PROJECT
from tests.unit.conftest import SITE
from tests.unit.programs import Fake, history

Output = pytest.CaptureFixture[str]
SERVICE: dict[str, Any] = {
    "kind": "Service",
    "metadata": {
        "name": "redis",
        "annotations": {
            "meta.helm.sh/release-name": "summit",
            "meta.helm.sh/release-namespace": "summit",
        },
    },
    "spec": {"type": "ClusterIP"},
}
RENDERED = yaml.safe_dump({"kind": "Service", "metadata": {"name": "redis"}, "spec": {}})
CONFLICT = 'error: Apply failed with 1 conflict: conflict with "me" using v1: .spec.type\n'
IMMUTABLE = 'The Service "redis" is invalid: spec.clusterIP: field is immutable\n'
PENDING = ("deployed", "pending-upgrade")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """One Service is deployed, and an upgrade would leave it as it is."""
    made = Fake()
    made.says("helm history", history("superseded", "deployed"))
    made.says("helm template", RENDERED)
    made.says("helm get manifest", RENDERED)
    made.says("kubectl get namespace", {"kind": "Namespace"})
    made.says("kubectl get -f", [SERVICE])
    made.says("kubectl apply", SERVICE)
    return made


def run(fake: Fake, *words: str, ask: Callable[[str], str] = lambda _: "summit") -> int:
    return main([*words, "--project", str(PROJECT)], fake.programs, ask)


def writes(fake: Fake) -> list[str]:
    """Return all that is no mere question."""
    asked = ("helm history", "helm template", "helm get", "helm version", "kubectl get")
    found = [command for command, _ in fake.asked if not command.startswith(asked)]
    return [each for each in found if "--dry-run=server" not in each and " config " not in each]


def test_environments(capsys: Output) -> None:
    assert main(["environments", "--output", "json", "--project", str(PROJECT)]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["environments"]}
    assert found.keys() == {each.stem for each in (PROJECT / "values").glob("*.yaml")}
    assert found["pp-dev"]["cluster"] == "usdf-prompt-processing-dev"
    assert found["pp-dev"]["namespace"] == "autoingest"
    assert found["sts"]["replicas"] == 20
    assert found["summit-new"]["images"] == {
        "redis": "7.4.4",
        "enqueue": "1.6.1",
        "ingest": "1.6.1",
        "idle": "1.3.3",
        "presence": "1.3.3",
    }
    assert "presence" not in found["bts"]["images"]
    assert main(["environments", "--project", str(PROJECT)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["ENVIRONMENT", "CLUSTER", "NAMESPACE"]
    assert lines[-1].split()[:3] == ["tts", "usdf-embargo-dmz", "tts"]


@pytest.mark.parametrize(
    ("line", "shown"), [("suspend: true", "0"), ("replicas: null", "as scaled")]
)
def test_environments_with_as_many_pods_as_there_are(
    line: str, shown: str, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "charts").symlink_to(PROJECT / "charts")
    (tmp_path / "values").mkdir()
    text = (PROJECT / "values/pp-dev.yaml").read_text()
    changed = text.replace("replicas: 2", line)
    assert changed != text
    (tmp_path / "values/pp-dev.yaml").write_text(changed)
    assert main(["environments", "--project", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"  {shown}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sumit", "there is no environment 'sumit': did you mean summit or "),
        ("", "which environment (ENV=NAME)? there are: bts, lfa, "),
        ("../values", "there is no environment '../values': there are: bts"),
    ],
)
def test_an_unknown_environment(fake: Fake, name: str, said: str, capsys: Output) -> None:
    assert run(fake, "apply", name) == 1
    assert said in capsys.readouterr().err
    assert fake.asked == []


def test_what_kubectl_says_moves_no_cursor(fake: Fake, capsys: Output) -> None:
    for command in ("helm history", "helm list"):
        fake.says(command, "", "Error: \x1b]0;owned\x07\nsecond line\u202e")
    assert run(fake, "unlock", "summit") == 1
    first, second = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert r"\x1b]0;owned\x07" in first
    assert second == r"second line\u202e"


@pytest.mark.parametrize(
    "verb", ["plan", "diff", "apply", "status", "trace", "pause", "resume", "rollback", "unlock"]
)
def test_another_cluster_is_not_even_asked(verb: str, capsys: Output) -> None:
    fake = Fake(cluster="usdf-embargo-dmz-dev")
    assert run(fake, verb, "summit") == 1
    assert "the kube context usdf-embargo-dmz-dev leads to" in capsys.readouterr().err
    assert [command.split()[:2] for command, _ in fake.asked] == [["kubectl", "config"]]


NO_ANSWER = "The connection to the server 198.20.0.1:6443 was refused"


@pytest.mark.parametrize("verb", ["status", "plan", "diff", "apply", "trace", "take-over"])
@pytest.mark.parametrize("ours", [True, False])
def test_a_cluster_that_does_not_answer(
    fake: Fake, verb: str, ours: bool, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where that is the demonstration's, how it is brought up."""
    place = "/var/lib/embargo-butler-rig/kubeconfig" if ours else "/home/me/.kube/summit"
    monkeypatch.setenv("KUBECONFIG", place)
    fake.says("helm history", "", f"Error: Kubernetes cluster unreachable: {NO_ANSWER}")
    for command in ("kubectl get", "kubectl get namespace", "kubectl get -f"):
        fake.says(command, "", NO_ANSWER)
    assert run(fake, verb, "summit", *(["MC_O_1"] if verb == "trace" else [])) == 1
    said = capsys.readouterr().err
    assert f"{verb}: the cluster of kube context usdf-embargo-dmz (https://rig) does not" in said
    assert "`kubectl get --raw /readyz` tells" in said
    assert ("`make demo` brings it up" in said) == ours
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("kubeconfig", "told"),
    [
        ("", "in ~/.kube/config (KUBECONFIG is not set); set KUBECONFIG to the file"),
        ("/gone", "in KUBECONFIG=/gone (/gone: no such file); set KUBECONFIG to the file"),
    ],
)
def test_no_kube_context(
    fake: Fake, kubeconfig: str, told: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    fake.says("kubectl config", "", "error: current-context must exist in order to minify")
    assert run(fake, "status", "summit") == 1
    said = capsys.readouterr().err
    assert f"no kube context: current-context must exist in order to minify {told}" in said
    assert "`kubectl config use-context NAME`" in said


def test_a_values_file_says_which_cluster_it_is_for(
    fake: Fake, tmp_path: Path, capsys: Output
) -> None:
    more = tmp_path / "rig.yaml"
    more.write_text("cluster: rig\n")
    assert run(fake, "diff", "summit", "--values", str(more)) == 1
    assert "summit lives in cluster rig, but the kube context" in capsys.readouterr().err
    rig = [{"cluster": {"server": "https://rig"}}]
    fake.says("kubectl config", {"current-context": "rig", "clusters": rig})
    assert run(fake, "diff", "summit", "--values", str(more)) == 0
    assert "summit in cluster rig: 0 of 1 objects would change" in capsys.readouterr().out


def event(number: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"uid": str(number)},
        "reason": reason,
        "message": message,
    }


@pytest.mark.parametrize("verb", ["apply", "rollback"])
def test_what_the_jobs_left_undone_is_not_well(
    fake: Fake, verb: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = event(1, "Misfortune", "of long ago")
    fake.says("kubectl get events", [before])

    def released(*_: object) -> None:
        more = [event(2, "PassedOver", "Vault is away"), event(3, "BackOff", "a pod")]
        fake.says("kubectl get events", [before, *more])

    monkeypatch.setattr("embargo_butler.release.upgrade.run", released)
    fake.says("helm version", "v3.17.3")
    assert run(fake, verb, "summit", "--yes") == 0
    out = capsys.readouterr().out
    assert "! told by the release's jobs: Vault is away\n" in out
    assert "of long ago" not in out
    assert "a pod" not in out
    assert "all is well" not in out
    assert run(fake, verb, "summit", "--yes", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out)["undone"] == []
    fake.says("kubectl get events", "", "Error: events is forbidden")
    assert run(fake, verb, "summit", "--yes") == 0
    assert "all is well" not in capsys.readouterr().out


def test_nothing_to_change(fake: Fake, capsys: Output) -> None:
    assert run(fake, "diff", "summit") == 0
    assert "0 of 1 objects would change" in capsys.readouterr().out
    assert writes(fake) == []


def test_a_change_is_shown(fake: Fake, capsys: Output) -> None:
    fake.says("kubectl apply", SERVICE | {"spec": {"type": "LoadBalancer"}})
    assert run(fake, "diff", "summit") == 2
    shown = capsys.readouterr().out
    assert "-  type: ClusterIP\n" in shown
    assert "+  type: LoadBalancer\n" in shown
    assert run(fake, "diff", "summit", "--output", "json") == 2
    found = json.loads(capsys.readouterr().out)["objects"][0]
    assert (found["kind"], found["name"], found["change"]) == ("Service", "redis", "changed")


def test_before_the_first_apply_all_is_new(fake: Fake, capsys: Output) -> None:
    fake.says("helm history", "", "Error: release: not found")
    fake.says("kubectl get namespace", "")
    assert run(fake, "diff", "summit") == 2
    assert capsys.readouterr().out.startswith("Service redis: new\n")


def test_what_the_chart_no_longer_has_is_removed_unless_it_is_kept(
    fake: Fake, capsys: Output
) -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "c", "annotations": {}}}
    kept = {"annotations": {"helm.sh/resource-policy": "keep"}, "name": "k"}
    old = [claim, claim | {"metadata": kept}]
    fake.says("helm get manifest", f"{RENDERED}---\n{yaml.safe_dump_all(old)}")
    fake.says("kubectl get -f", [SERVICE, *old])
    assert run(fake, "diff", "summit") == 2
    shown = capsys.readouterr().out
    assert "PersistentVolumeClaim c: removed\n" in shown
    assert "PersistentVolumeClaim k: kept\n" in shown
    assert "1 of 3 objects would change" in shown


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (CONFLICT, "others have made or changed Service redis"),
        (IMMUTABLE, "Service redis cannot change so on a running object, nothing was done"),
    ],
)
def test_apply_stops_before_what_helm_would_stop_at(
    fake: Fake, refusal: str, said: str, capsys: Output
) -> None:
    fake.says("kubectl apply", "", refusal)
    if refusal is CONFLICT:
        where = "--context usdf-embargo-dmz --namespace summit"
        forced = "--server-side --dry-run=server --field-manager=helm -o json --force-conflicts"
        fake.says(f"kubectl apply -f - {forced} {where}", SERVICE)
    assert run(fake, "apply", "summit", "--yes") == 1
    assert said in capsys.readouterr().err
    assert writes(fake) == []


def test_a_field_that_helm_itself_has_set_is_no_conflict(fake: Fake, capsys: Output) -> None:
    fake.says("kubectl apply", "", CONFLICT.replace('"me"', '"helm"'))
    where = "--context usdf-embargo-dmz --namespace summit"
    forced = "--server-side --dry-run=server --field-manager=helm -o json --force-conflicts"
    fake.says(f"kubectl apply -f - {forced} {where}", SERVICE | {"spec": {"type": "NodePort"}})
    assert run(fake, "diff", "summit") == 2
    shown = capsys.readouterr().out
    assert "+  type: NodePort" in shown
    assert "conflict" not in shown


def test_what_is_not_the_releases_is_told(fake: Fake, capsys: Output) -> None:
    fake.says("kubectl get -f", [SERVICE | {"metadata": {"name": "redis"}}])
    assert run(fake, "apply", "summit", "--yes") == 1
    told = capsys.readouterr()
    assert "not this release's but made without Helm" in told.out
    assert "TAKE_OVER=1" in told.err


def nobody(_: str) -> str:
    raise EOFError


@pytest.mark.parametrize(
    ("ask", "said"),
    [(nobody, "YES=1 (--yes) goes on unasked"), (lambda _: "no", "not confirmed")],
)
@pytest.mark.parametrize("verb", ["apply", "rollback", "unlock"])
def test_nothing_is_done_unconfirmed(
    fake: Fake, verb: str, ask: Callable[[str], str], said: str, capsys: Output
) -> None:
    fake.says(
        "helm history", history("superseded", "pending-upgrade" if verb == "unlock" else "deployed")
    )
    assert run(fake, verb, "summit", ask=ask) == 1
    assert said in capsys.readouterr().err
    assert writes(fake) == []


@pytest.mark.parametrize(
    ("statuses", "words", "wanted"),
    [
        (("superseded", "deployed"), (), 1),
        (("superseded", "superseded", "failed", "deployed"), (), 2),
        (("superseded", "deployed", "failed"), (), 2),
        (("superseded", "deployed"), ("--revision", "2"), 2),
    ],
)
def test_where_a_rollback_goes_back_to(
    fake: Fake, statuses: tuple[str, ...], words: tuple[str, ...], wanted: int, capsys: Output
) -> None:
    fake.says("helm history", history(*statuses))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return ""

    assert run(fake, "rollback", "summit", *words, ask=ask) == 1
    assert asked[0].startswith(f"roll back to revision {wanted}: summit (cluster usdf-embargo-dmz)")
    assert f"helm get manifest summit --revision {wanted} " in "\n".join(fake.commands("helm get"))


@pytest.mark.parametrize(
    ("statuses", "words", "said"),
    [
        (("deployed",), (), "summit has no earlier good revision to go back to"),
        (("deployed",), ("--revision", "9"), "summit has no revision 9; there are: 1"),
    ],
)
def test_a_rollback_to_nowhere(
    fake: Fake, statuses: tuple[str, ...], words: tuple[str, ...], said: str, capsys: Output
) -> None:
    fake.says("helm history", history(*statuses))
    assert run(fake, "rollback", "summit", *words) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statuses", "found", "next_step"),
    [
        (("pending-install",), "an installation", "no revision is deployed"),
        (("superseded", *PENDING), "an upgrade", "make rollback ENV=summit REVISION=2"),
        (("deployed", "pending-rollback"), "a rollback", "make rollback ENV=summit REVISION=1"),
    ],
)
def test_unlock_removes_the_pending_record_alone(
    fake: Fake, statuses: tuple[str, ...], found: str, next_step: str, capsys: Output
) -> None:
    fake.says("helm history", history(*statuses))
    assert run(fake, "unlock", "summit") == 0
    told = capsys.readouterr().out
    number, status = len(statuses), statuses[-1]
    assert f"revision {number} is {status} since 2026-11-24T00:0{number}:00Z: {found}" in told
    assert next_step in told
    labels = f"owner=helm,name=summit,version={number},status={status}"
    where = "--context usdf-embargo-dmz --namespace summit"
    assert writes(fake) == [f"kubectl delete secret -l {labels} {where}"]


@pytest.mark.parametrize("verb", ["apply", "rollback"])
def test_nothing_is_begun_while_a_revision_is_pending(
    fake: Fake, verb: str, capsys: Output
) -> None:
    fake.says("helm history", history(*PENDING))
    assert run(fake, verb, "summit", "--yes") == 1
    told = capsys.readouterr().err
    assert "revision 2 is pending-upgrade" in told
    assert "First: `make unlock ENV=summit`" in told
    assert writes(fake) == []


@pytest.mark.parametrize("status", ["deployed", "failed", "superseded"])
def test_unlock_leaves_a_release_that_is_not_pending(
    fake: Fake, status: str, capsys: Output
) -> None:
    fake.says("helm history", history("superseded", status))
    assert run(fake, "unlock", "summit", "--yes") == 0
    assert "not pending: nothing to do" in capsys.readouterr().out
    assert writes(fake) == []


def test_a_release_that_is_not_there(fake: Fake, capsys: Output) -> None:
    fake.says("helm history", "", "Error: release: not found")
    assert run(fake, "status", "summit") == 1
    told = "there is no release summit in namespace summit: `make apply ENV=summit`"
    assert told in capsys.readouterr().err


def test_a_word_that_no_verb_knows(fake: Fake, capsys: Output) -> None:
    with pytest.raises(SystemExit):
        run(fake, "apply", "summit", "--tkae-over")
    assert "apply: does not know --tkae-over" in capsys.readouterr().err


def test_before_the_first_release_there_is_nothing_to_plan_topics_of(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    asked: list[str] = []

    def plan(_: object, area: str, *__: object) -> pipeline_verbs.Planned:
        asked.append(area)
        return pipeline_verbs.Planned(2, f"plan of {area}")

    monkeypatch.setattr(pipeline_verbs, "jobs_plan", plan)
    monkeypatch.setattr(jobs_plan, "plans", lambda _: ["secrets", "buckets"])
    monkeypatch.setattr(Chart, "verbs_config", lambda *_: {"environment": "summit"})
    assert run(fake, "plan", "summit") == 2
    assert asked == ["secrets", "buckets"]
    fake.says("helm history", "", "Error: release: not found")
    assert run(fake, "plan", "summit") == 2
    assert asked[2:] == ["secrets"]
    assert "buckets: planned when Secrets and pods are there" in capsys.readouterr().err


def test_a_plan_says_that_nobody_keeps_the_buckets(
    fake: Fake, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"noBuckets": "no bucketConfig: left to others"}
    monkeypatch.setattr(Chart, "verbs_config", lambda *_: told)
    assert run(fake, "plan", "summit") == 0
    assert "buckets: not kept by this release: no bucketConfig" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_plan_that_cannot_begin_takes_nothing_with_it(
    fake: Fake, output: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    shown_before: list[str] = []

    def plan(words: Sequence[str], caller: Caller) -> int:
        shown_before.append(capsys.readouterr().out)
        if words[0] == "secrets":
            raise ConfigError("vault.address: is missing")
        told = json.dumps({"summary": words[0]}, indent=2)
        # How it is laid out is nobody's business.
        print(f"\n{told}" if "json" in words else f"plan of {words[0]}")
        return 2

    monkeypatch.setattr(Chart, "verbs_config", lambda *_: SITE)
    monkeypatch.setattr(hooks_command, "main", plan)
    assert run(fake, "plan", "summit", "--output", output) == 1
    said = capsys.readouterr().out
    wrong = "secrets plan: vault.address: is missing"
    if output == "text":
        assert "0 of 1 objects would change" in shown_before[0]
        assert shown_before[1] == f"{wrong}\n"
        assert said == "plan of buckets\n"
        return
    document = json.loads(said)
    assert len(document["objects"]) == 1
    assert document["secrets"] == {"problems": [wrong]}
    assert document["buckets"] == {"summary": "buckets"}


def test_who_ends_a_plan_ends_all_that_is_left_of_it(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    asked: list[str] = []

    def plan(run: Run) -> int:
        asked.append(run.verb.what)
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("nobody ended it")

    monkeypatch.setattr(Chart, "verbs_config", lambda *_: SITE)
    monkeypatch.setattr(secrets, "_plan", plan)
    monkeypatch.setattr(buckets, "_plan", plan)
    assert run(fake, "plan", "summit") == 1
    assert asked == ["secrets"]
    assert "plan: told to end while" in capsys.readouterr().err


def test_the_jobs_plans_are_made_with_the_operators_own_login() -> None:
    config = {
        "environment": "summit",
        "secrets": {"redis": {}},
        "vault": {"address": "https://v", "auth": {"method": "wrapped", "secret": {"name": "w"}}},
    }
    assert jobs_plan.areas(config) == ["secrets"]
    ours = jobs_plan.as_operator(config)
    assert ours["vault"] == {"address": "https://v", "auth": {"method": "token"}}
    assert config["vault"]["auth"]["method"] == "wrapped"  # type: ignore[index]


STATEMENTS = {
    **{"endpoint": "http://127.0.0.1:1", "region": "default", "owners": {"o": {}}, "topics": {}},
    "buckets": {"b": {"owner": "o", "statements": [{"Effect": "Allow"}]}},
}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "http://127.0.0.1:1 cannot be reached"),
        ({"bucketConfig": STATEMENTS}, "bucketConfig.buckets.b.statements: "),
    ],
)
@pytest.mark.parametrize(("verb", "goes_on"), [("rollback", True), ("apply", False)])
def test_whatever_stands_against_it_a_rollback_goes_on_with_nothing_of_vault(
    fake: Fake,
    verb: str,
    goes_on: bool,
    more: dict[str, Any],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    """And what it would hand over is what its revision declares, whatever the checkout says."""
    auth = {"method": "wrapped", "secret": {"name": "w"}}
    config = {
        **dict.fromkeys(("environment", "cluster", "namespace", "fullname"), "summit"),
        "vault": {"address": "http://127.0.0.1:1", "mount": "secret", "auth": auth},
        "secrets": {"redis": {"p": {"path": "p", "field": "f"}}},
        **more,
    }
    config["vault"] = {**config["vault"], "retrySeconds": 0}
    made = {"kind": "ConfigMap", "metadata": {"name": "h"}}
    made["data"] = {"config.yaml": yaml.safe_dump(config)}
    hooks = f"---\n# Source: embargo-butler/templates/hooks/config.yaml\n{yaml.safe_dump(made)}"
    fake.says("helm get hooks summit --revision 1", hooks)
    fake.says("helm version", "v3.17.3")
    monkeypatch.setattr(Chart, "jobs_config", lambda *_: config)
    monkeypatch.setenv("VAULT_TOKEN", "mine")
    ran = list[object]()
    monkeypatch.setattr(upgrade, "run", lambda *words: ran.append(words))
    assert run(fake, verb, "summit", "--yes") == (0 if goes_on else 1)
    said = capsys.readouterr().err
    assert why in said
    assert ("the rollback goes on, and its jobs get nothing of Vault" in said) == goes_on
    assert len(ran) == goes_on
