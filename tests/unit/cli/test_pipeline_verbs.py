"""The jobs' own verbs, typed as targets of make."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import yaml

from embargo_butler.cli.job import command as cli
from embargo_butler.cli.operator.command import main
from embargo_butler.errors import KubernetesError
from embargo_butler.model.resources import Notification, Topic
from embargo_butler.release import targets
from embargo_butler.secret import Secret
from tests.rig.site import PROJECT
from tests.unit.chart import helm
from tests.unit.fakes import FakeWorld
from tests.unit.programs import Fake


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        (("status",), "make status ENV=summit"),
        (("trace", "MC_O_1"), "make trace ENV=summit EXPOSURE=MC_O_1"),
        (
            ("trigger", "A", "B", "--force", "--unless-in-butler", "--through", "kafka"),
            "make trigger ENV=summit EXPOSURE='A B' FORCE=1 UNLESS_IN_BUTLER=1 THROUGH=kafka",
        ),
        (("backfill", "--since", "6h"), "make backfill ENV=summit SINCE=6h"),
        (
            ("backfill", "--since", "6h", "--until", "1h", "--in-butler", "--apply"),
            "make backfill ENV=summit SINCE=6h UNTIL=1h IN_BUTLER=1 APPLY=1",
        ),
        (
            ("visits", "--since", "2d", "--until", "1d", "--apply"),
            "make visits ENV=summit SINCE=2d UNTIL=1d APPLY=1",
        ),
        (("buckets", "plan"), "make buckets ENV=summit"),
        (("buckets", "apply"), "make buckets-apply ENV=summit"),
        (("buckets", "renew", "TOPIC"), "make renew ENV=summit TOPIC=TOPIC"),
    ],
)
def test_what_is_advised_is_a_target_of_make(command: tuple[str, ...], typed: str) -> None:
    assert targets.make("summit", *command) == typed
    _, target, *variables = shlex.split(typed)
    words, names = targets.read(target, dict(each.split("=", 1) for each in variables))
    options = " ".join(words[1:] + names).replace("=", " ").split()
    assert words[0] == command[0]
    assert sorted(options) == sorted(["summit", *command[1:]])


def test_the_policy_and_the_role_are_those_of_the_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    fake.says("helm template", helm.unchanged("summit"))
    done = main(["vault-policy", "summit", "--project", str(PROJECT)], fake.programs)
    said = capsys.readouterr()
    assert done == 0, said.err
    assert "vault policy write embargo-butler-summit - <<'EOF'\n" in said.out
    assert "vault write auth/kubernetes/role/embargo-butler-summit - <<'EOF'\n" in said.out
    assert '"bound_service_account_namespaces": [\n    "summit"\n  ]' in said.out


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """Vault and the object store, with what the summit declares there; no cluster answers."""
    documents = {
        f"rubin/embargo/owners/s3dfrgw/{owner}": {
            "access_key": f"{owner}-access",
            "secret_key": "s",
        }
        for owner in ("rubin-summit", "rubin-summit-users")
    }
    world = FakeWorld(documents)
    secret = {"OpaqueData": Secret("s"), "push-endpoint": Secret("http://198.19.1.1:8080/notify")}
    world.store.topics["rubin-summit"] = Topic(
        "rubin-summit", {**secret, "persistent": Secret("true")}
    )
    events = frozenset({"s3:ObjectCreated:*"})
    ours = Notification("rubin-summit-to-http", "rubin-summit", events)
    world.store.notifications["rubin-summit"] = [ours]

    def silent(*_: object) -> Any:
        raise KubernetesError("the cluster's API does not answer")

    for name in ("config_map", "secret", "service", "lease"):
        monkeypatch.setattr(world.fake_cluster, name, silent)
    monkeypatch.setattr(cli, "Connections", lambda *_: world)
    return world


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("buckets", "summit", "withdraw", "--apply"), 0),
        (("buckets", "summit", "withdraw"), 2),
        (("buckets", "summit", "withdraw", "--output", "json"), 2),
        (("buckets", "summit", "import"), 0),
        (("vault-policy", "summit"), 0),
        (("buckets", "summit", "apply"), 1),
        (("audit", "summit"), 1),
    ],
)
def test_where_no_cluster_answers_goes_on_what_needs_none(
    away: FakeWorld, words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the queues fill, and the camera's PUTs fail: withdraw is there for just that."""
    fake = Fake()
    fake.says("helm template", helm.unchanged("summit"))
    silent = "Unable to connect to the server: dial tcp: i/o timeout"
    for program in ("kubectl get", "helm history"):
        fake.says(program, "", silent)
    assert main([*words, "--project", str(PROJECT)], fake.programs) == code
    said = capsys.readouterr()
    told = " ".join([said.out, said.err])
    left = [] if "--apply" in words else ["rubin-summit-to-http"]
    assert [each.name for each in away.store.notifications["rubin-summit"]] == left
    if "withdraw" in words:
        assert "only what is declared is looked for: the cluster's API does not answer" in told
    if "import" in words:
        assert "what runs cannot be seen, so all has its declared name: the cluster of" in said.err
        assert "warning: not all of the cluster can be seen" in said.err
        [topic] = yaml.safe_load(said.out)["bucketConfig"]["topics"].values()
        assert topic["unconfirmed"] == "its OpaqueData: in none of the declared Secrets"
    if code == 1:
        assert "does not answer: Unable to connect to the server" in said.err
        assert fake.commands("kubectl get")
