from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from embargo_butler.adapters.context import Context, WrongClusterError
from embargo_butler.cli.hooks import command as cli
from embargo_butler.cli.operator.command import main
from embargo_butler.cli.operator.verbs import Verbs
from embargo_butler.release import jobs_plan
from embargo_butler.release.chart import Chart
from tests.rig.site import PROJECT
from tests.unit.conftest import SITE
from tests.unit.programs import Fake, history

DMZ = "https://k8s.slac.stanford.edu/usdf-embargo-dmz"


@pytest.mark.parametrize(
    ("name", "server", "cluster"),
    [
        ("usdf-embargo-dmz", DMZ, "usdf-embargo-dmz"),
        ("whatever", f"{DMZ}-dev/", "usdf-embargo-dmz-dev"),
        ("usdf-embargo-dmz-dev", DMZ, "usdf-embargo-dmz"),
        ("usdf-embargo-dmz", "https://198.20.0.1:6443", "usdf-embargo-dmz"),
    ],
)
def test_the_server_tells_the_cluster_and_without_a_path_the_name(
    name: str, server: str, cluster: str
) -> None:
    assert Context(name, server).cluster == cluster


def test_a_context_that_bears_another_clusters_name_is_refused() -> None:
    context = Context("usdf-embargo-dmz-dev", DMZ)
    with pytest.raises(WrongClusterError) as error:
        context.must_be("usdf-embargo-dmz-dev", "test")
    assert str(error.value) == (
        "environment test lives in cluster usdf-embargo-dmz-dev, but the kube context "
        "usdf-embargo-dmz-dev leads to usdf-embargo-dmz "
        "(https://k8s.slac.stanford.edu/usdf-embargo-dmz): switch to the context of "
        "usdf-embargo-dmz-dev (`kubectl config use-context`)"
    )
    context.must_be("usdf-embargo-dmz", "summit")


class Kubeconfig:
    """What a client of the current context would find, when it looks."""

    def __init__(self, text: str) -> None:
        self.fake = Fake()
        self.fake.says("helm history", history("deployed"))
        self.fake.says("kubectl config view --minify --flatten --raw --context usdf", text)
        self.file = Path()
        self.text = ""
        self.mode = 0

    def look(self) -> None:
        self.file = Path(os.environ["KUBECONFIG"])
        self.text = self.file.read_text() if self.file.exists() else ""
        self.mode = self.file.stat().st_mode & 0o777 if self.text else 0

    def run(self, verb: str) -> None:
        main([verb, "summit", "--project", str(PROJECT)], self.fake.programs)


@pytest.mark.parametrize(
    ("verb", "text", "seen"),
    [
        ("plan", "token: hunter2\n", True),
        ("vault-policy", "token: hunter2\n", True),
        ("vault-policy", "auth-provider:\n  name: oidc\n", False),
    ],
)
def test_clients_see_the_context_that_was_looked_at_and_no_other(
    verb: str,
    text: str,
    seen: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Somebody may switch contexts while a verb runs."""
    found = Kubeconfig(text)

    def plan(*_: object) -> tuple[int, str]:
        found.look()
        return 0, "nothing to do"

    def verbs(*_: object, **__: object) -> int:
        found.look()
        return 0

    monkeypatch.setenv("KUBECONFIG", "/mine")
    monkeypatch.setattr(jobs_plan, "plan", plan)
    monkeypatch.setattr(jobs_plan, "plans", lambda _: ["secrets"])
    monkeypatch.setattr(cli, "main", verbs)
    monkeypatch.setattr(Chart, "verbs_config", lambda *_: SITE)
    monkeypatch.setattr(Verbs, "_differences", lambda *_: [])
    handler = signal.getsignal(signal.SIGTERM)
    found.run(verb)
    assert "hunter2" not in "".join(capsys.readouterr())
    assert (found.text, found.mode) == ((text, 0o600) if seen else ("", 0))
    assert not found.file.exists(), "the token goes with the verb"
    assert os.environ["KUBECONFIG"] == "/mine"
    assert signal.getsignal(signal.SIGTERM) == handler
