from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from embargo_butler.adapters.vault.handed_over import HandedOver
from embargo_butler.cli.job.command import _MODULES, main
from embargo_butler.config.config import VaultPath
from embargo_butler.errors import VaultError
from embargo_butler.model.ports import ServiceState
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret
from tests.unit.conftest import Write
from tests.unit.fakes import FakeVault, FakeWorld

Output = pytest.CaptureFixture[str]


def test_plan_then_apply_then_nothing(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    arguments = ["--config", str(write(site))]
    assert main(["secrets", "--dry-run", *arguments], world) == 2
    assert world.fake_cluster.writes == []
    assert main(["secrets", *arguments], world) == 0
    assert main(["secrets", "--dry-run", *arguments], world) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "secrets plan: summit: nothing to do"
    assert err == ""
    assert "redis-value" not in out


@pytest.mark.parametrize("words", [("secrets",), ("buckets",), ("clean-up",), ("audit",)])
def test_another_configuration_than_the_release_s_is_refused_before_any_call(
    site: dict[str, Any], write: Write, capsys: Output, words: tuple[str, ...]
) -> None:
    file = write(site)
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(file.read_text().replace("http://198.20.0.1:8200", "http://198.20.0.1:1"))
    world: Any = object()
    told = ("--config-hash", f"summit/embargo/embargo-butler-audit:{right}")
    assert main([*words, "--config", str(file), *told], world) == 1
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    last = capsys.readouterr().out.splitlines()[-1]
    assert "ConfigMap embargo-butler-audit of namespace embargo: has another configuration" in last
    assert f"expected SHA-256 {right[:12]}, found {found[:12]}" in last
    look = "kubectl get configmap embargo-butler-audit -n embargo -o yaml --show-managed-fields"
    assert f"`{look}` tells who, and `make apply ENV=summit` puts the release's own back" in last


def test_the_release_s_own_configuration_is_taken(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    file = write(site)
    told = f"summit/summit/embargo-butler-hooks:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert main(["secrets", "--config", str(file), "--config-hash", told], world) == 0


def test_json_is_one_document(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    main(["secrets", "--output", "json", "--config", str(write(site))], world)
    document = json.loads(capsys.readouterr().out)
    keys = document.pop("keys")
    assert [(each["secret"], each["key"], each["state"]) for each in keys] == [
        ("redis", "redis-password", "new"),
        ("notification", "secret", "new"),
    ]
    document.pop("backfill", None)
    document.pop("unconfirmed", None)
    assert document == {
        "version": 1,
        "command": "secrets apply",
        "environment": "summit",
        "result": "changed",
        "planned": document["planned"],
        "done": document["planned"],
        "warnings": [],
        "misfortunes": [],
        "problems": [],
        "summary": "secrets apply: summit: 2 changes made",
    }
    assert document["done"][0] == {
        "action": "apply",
        "object": "Secret redis",
        "reason": "new redis-password",
    }


def test_problems_are_sentences_and_the_last_line_sums_up(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    world.fake_vault.refuses = VaultError("Vault login: refused")
    assert main(["secrets", "--config", str(write(site))], world) == 1
    out = capsys.readouterr().out
    assert "error: Vault login: refused\n" in out
    assert out.splitlines()[-1] == (
        "secrets apply: 1 problem, nothing was written: Vault login: refused"
    )
    assert "Traceback" not in out


def test_a_rollback_goes_on_without_vault(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    world.fake_vault.refuses = VaultError("Vault login: refused")
    assert main(["secrets", "--rollback", "--config", str(write(site))], world) == 0
    assert world.fake_cluster.events == [
        "Job/embargo-butler-secrets: PassedOver: Vault login: refused"
    ]
    assert "warning: Vault login: refused\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "by_hand", "code"),
    [
        (("secrets",), False, 0),
        (("buckets",), False, 0),
        (("secrets", "--dry-run"), True, 1),
        (("buckets",), True, 1),
        (("renew", "rubin-summit"), False, 1),
    ],
)
def test_only_a_release_goes_on_without_vault(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    words: tuple[str, ...],
    by_hand: bool,
    code: int,
    capsys: Output,
) -> None:
    """A person who types a verb that could do nothing is not told that it went well."""
    site["hooks"]["secrets"] = {"onOutage": "keep"}
    file = str(write(site))
    for area in ("secrets", "buckets"):
        assert main([area, "--config", file], world) == 0
    world.by_hand = by_hand
    world.fake_vault.refuses = VaultError("Vault: cannot be reached", "unreachable")
    assert main([*words, "--config", file], world) == code
    assert ("release goes on without it" in capsys.readouterr().out) == (code == 0)


def test_a_release_whose_enqueue_does_not_get_ready_fails_without_vault_too(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    site["hooks"] |= {"secrets": {"onOutage": "keep"}, "deadlineSeconds": 2}
    world.by_hand = False
    world.fake_vault.refuses = VaultError("Vault: cannot be reached", "unreachable")
    world.fake_cluster.states = [ServiceState("198.19.200.1", False)]
    assert main(["buckets", "--config", str(write(site))], world) == 1
    out = capsys.readouterr().out
    assert "error: Vault: cannot be reached" in out
    assert "without a ready endpoint" in out


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (ServiceState(None, False), "without a load-balancer address"),
        (ServiceState("198.19.200.1", False), "without a ready endpoint"),
    ],
)
def test_a_rollback_goes_on_with_the_buckets_as_they_are(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    state: ServiceState,
    told: str,
) -> None:
    site["hooks"]["deadlineSeconds"] = 2
    assert main(["secrets", "--config", str(write(site))], world) == 0
    world.fake_cluster.writes.clear()
    world.fake_cluster.states = [state]
    assert main(["buckets", "--rollback", "--config", str(write(site))], world) == 0
    assert (world.store.writes, world.fake_cluster.writes) == ([], [])
    [event] = world.fake_cluster.events
    assert event.startswith("Job/embargo-butler-buckets: PassedOver: ")
    assert told in event


@pytest.mark.parametrize("more", [(), ("--rollback",)])
def test_a_misfortune_fails_no_release_and_is_told(
    site: dict[str, Any], write: Write, world: FakeWorld, more: tuple[str, ...], capsys: Output
) -> None:
    site["bucketConfig"]["buckets"]["rubin-summit"]["foreign"] = ["theirs"]
    site["bucketConfig"]["owners"]["second"] = {"path": "owners/second"}
    site["bucketConfig"]["buckets"]["others"] = {"owner": "second", "grants": {"read": ["people"]}}
    file = str(write(site))
    assert main(["secrets", "--config", file], world) == 0
    world.by_hand = False
    capsys.readouterr()
    assert main(["buckets", "--config", file, *more], world) == 0
    assert "put notification rubin-summit/to-http" in world.store.writes
    out = capsys.readouterr().out
    keys = (
        "owner second: its keys are not there, so bucket others stays as it is: "
        "owners/second: there is nothing: `vault kv put secret/owners/second "
        "access_key=ACCESS_KEY secret_key=SECRET_KEY`"
    )
    theirs = "bucket rubin-summit: the foreign notification theirs is not there"
    assert f"warning: {keys}\n" in out
    assert f"warning: {theirs}" in out
    assert out.splitlines()[-1] == f"buckets apply: summit: 5 changes made, 2 findings: {keys}"
    about = "Job/embargo-butler-buckets: Misfortune: "
    first, second = world.fake_cluster.events
    assert first == f"{about}{keys}"
    assert second.startswith(f"{about}{theirs}")
    world.by_hand = True
    assert main(["buckets", "--config", file, "--output", "json"], world) == 0
    assert len(world.fake_cluster.events) == 2, "a person has read it"
    document = json.loads(capsys.readouterr().out)
    assert document["result"] == "unchanged"
    assert [each["about"] for each in document["misfortunes"]] == [
        "owner second",
        "bucket rubin-summit",
    ]
    assert document["misfortunes"][0]["remedy"][:3] == ["vault", "kv", "put"]
    assert main(["buckets", "--dry-run", "--config", file], world) == 2
    said = "buckets plan: summit: 0 changes to be made, 2 findings: owner second: "
    assert said in capsys.readouterr().out


def test_a_rollback_fails_once_something_was_written(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(secret: KubernetesSecret, rehearse: bool = False) -> None:
        if not rehearse:
            raise VaultError("no")

    monkeypatch.setattr(world.fake_cluster, "apply_secret", broken)
    assert main(["secrets", "--rollback", "--config", str(write(site))], world) == 1


def test_no_file_is_an_error_without_traceback(capsys: Output) -> None:
    assert main(["secrets", "--dry-run", "--config", "/nowhere.yaml"]) == 1
    assert "/nowhere.yaml: cannot be read: No such file" in capsys.readouterr().out


def test_an_internal_error_does_not_show_its_text(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> Mapping[str, Secret]:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(FakeVault, "read", broken)
    assert main(["secrets", "--config", str(write(site))], world) == 1
    out, err = capsys.readouterr()
    assert "internal error: RuntimeError in test_hooks.py" in out
    assert "hunter2" not in out + err
    assert world.fake_vault.calls[-1] == "revoke"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGTERM, "told to end while: reading Vault site/summit"),
        (
            signal.SIGALRM,
            "the deadline of 240 s (hooks.deadlineSeconds) was reached while: reading",
        ),
    ],
)
def test_a_run_cut_short_says_what_it_was_doing(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    message: str,
) -> None:
    monkeypatch.setattr(FakeVault, "read", lambda *_: os.kill(os.getpid(), number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["secrets", "--config", str(write(site))], world) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert message in capsys.readouterr().out
    assert world.fake_vault.calls[-1] == "revoke"


def test_problems_have_a_kind_for_programs(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    world.fake_vault.documents["site/summit"] = VaultError("p: sealed", "sealed")
    arguments = ["--output", "json", "--config", str(write(site))]
    assert main(["secrets", "--dry-run", *arguments], world) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["result"] == "failed"
    assert document["problems"] == [{"kind": "sealed", "message": "p: sealed"}]


def test_a_plan_shows_each_key_without_its_value(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    site["secrets"]["redis"]["gone"] = {"value": "x"}
    arguments = ["--config", str(write(site))]
    main(["secrets", *arguments], world)
    live = world.fake_cluster.secrets["redis"]
    data = {**live.data, "theirs": Secret("t"), "redis-password": Secret("old")}
    world.fake_cluster.secrets["redis"] = KubernetesSecret("redis", data, True, live.applied)
    del site["secrets"]["redis"]["gone"]
    source = {"path": "site/summit", "field": "none", "optional": True}
    site["secrets"]["redis"] |= {
        "absent": source,
        "again": {"path": "site/summit", "field": "redis"},
    }
    write(site)
    capsys.readouterr()
    hashes = []
    for _ in range(2):
        assert main(["secrets", "--dry-run", *arguments], world) == 2
        lines = capsys.readouterr().out.splitlines()
        shown = [line.split(": ", 1) for line in lines if line.startswith("Secret ")]
        states = {name: state.split() for name, state in shown}
        assert {name: state[0] for name, state in states.items()} == {
            "Secret redis, key redis-password": "changed",
            "Secret redis, key again": "new",
            "Secret redis, key gone": "removed",
            "Secret redis, key theirs": "foreign",
            "Secret redis, key absent": "missing",
            "Secret notification, key secret": "same",
        }
        _, before, arrow, after = states["Secret redis, key redis-password"]
        assert arrow == "->"
        assert before != after
        assert states["Secret redis, key again"][1] == after, "equal values, equal hashes"
        hashes.append(after)
    assert hashes[0] != hashes[1], "and nothing to compare with another run"


def test_the_policy_is_printed_without_asking_anybody(
    site: dict[str, Any], write: Write, capsys: Output
) -> None:
    file = str(write(site))
    assert main(["vault-policy", "--config", file]) == 0
    assert capsys.readouterr().out.startswith("vault policy write r - <<'EOF'\n")
    assert main(["vault-policy", "--output", "json", "--config", file]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["policy"]["name"] == "r"
    assert document["role"]["path"] == "auth/kubernetes/role/r"


def test_what_the_cluster_would_refuse_stops_all_of_it(
    site: dict[str, Any], write: Write, world: FakeWorld, capsys: Output
) -> None:
    world.fake_cluster.refused.add("notification")
    arguments = ["--config", str(write(site))]
    assert main(["secrets", "--dry-run", *arguments], world) == 2
    assert main(["secrets", *arguments], world) == 1
    assert (
        "nothing was written: Secret notification: the API answered 422" in capsys.readouterr().out
    )
    assert world.fake_cluster.writes == []
    assert main(["secrets", "--rollback", *arguments], world) == 0


def test_each_verb_has_help_with_an_example_and_those_of_the_jobs_are_listed(
    capsys: Output,
) -> None:
    assert main(["--help"]) == 0
    listed = re.findall(r"^  ([a-z-]+)  ", capsys.readouterr().out.split("Commands:")[1], re.M)
    assert listed == ["secrets", "buckets", "restart", "clean-up", "audit", "reconcile"]
    for word in _MODULES:
        assert main([word, "--help"]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"Usage: embargo-butler job {word} ")
        assert f"  embargo-butler job {word} --config FILE" in said.partition("Example:")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["secrets", "--dryrun"], "No such option '--dryrun'"),
        (["secret"], "No such command 'secret'"),
        (["trigger"], "Missing argument 'EXPOSURE|KEY...'"),
        (["audit"], "audit: --config FILE is missing"),
        (["status", "--watch", "soon"], "'soon' is not a valid integer"),
    ],
)
def test_a_mistake_in_the_arguments_is_an_error_and_no_change(
    words: list[str], said: str, capsys: Output
) -> None:
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err


def test_what_was_not_handed_over_may_be_in_vault_all_the_same(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To put it there would write over the owner's keys."""
    given = HandedOver({VaultPath("site/summit"): {"notification": Secret("n")}})
    monkeypatch.setattr(world.fake_vault, "read", given.read)
    monkeypatch.setattr(world, "by_hand", False)
    words = ["buckets", "--output", "json", "--config", str(write(site))]
    assert main(words, world) == 1
    said = capsys.readouterr().out
    problems = [each for each in json.loads(said)["problems"] if "not handed" in each["message"]]
    assert [each["kind"] for each in problems] == ["not-handed-over"]
    assert problems[0]["message"] == (
        "Vault path owners/rubin-summit: was not handed over to this job, which says nothing of "
        "what Vault has there; it is declared otherwise than in the checkout that the release was "
        "typed from: `make apply` again, from a checkout that declares it"
    )
    assert "vault kv" not in said
