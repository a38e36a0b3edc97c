"""The jobs' own verbs, typed as targets of make."""

from __future__ import annotations

import shlex

import pytest

from embargo_operator import targets
from embargo_operator.cli import main
from tests.rig.site import PROJECT
from tests.unit.chart import helm
from tests.unit.operator.fakes import Fake


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
