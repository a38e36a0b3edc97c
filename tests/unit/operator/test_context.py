from __future__ import annotations

import pytest

from embargo_operator.context import Context, WrongClusterError

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
