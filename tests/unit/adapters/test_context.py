from __future__ import annotations

import pytest

from embargo_butler.adapters.context import Context, WrongClusterError
from embargo_butler.cli.job import command as cli
from embargo_butler.cli.job.running import Caller
from embargo_butler.cli.operator.command import main
from embargo_butler.cli.operator.verbs import Verbs
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


@pytest.mark.parametrize("verb", ["plan", "vault-policy"])
def test_clients_have_the_context_that_was_looked_at_and_no_other(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may switch contexts while a verb runs."""
    fake, contexts = Fake(), list[Context]()
    fake.says("helm history", history("deployed"))

    def verbs(*_: object, caller: Caller) -> int:
        contexts.append(caller.kubectl.context)
        return 0

    monkeypatch.setattr(cli, "main", verbs)
    monkeypatch.setattr(Chart, "verbs_config", lambda *_: SITE)
    monkeypatch.setattr(Verbs, "_differences", lambda *_: [])
    main([verb, "summit", "--project", str(PROJECT)], fake.programs)
    assert set(contexts) == {Context("usdf-embargo-dmz", "https://rig")}
