from __future__ import annotations

from typing import Any

from embargo_butler.release.difference import Difference, compared, without_dropped
from embargo_butler.release.refusals import Conflict


def deployment(**container: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "d", "uid": "1", "resourceVersion": "7", "generation": 3},
        "spec": {"containers": [{"name": "c", **container}]},
        "status": {"readyReplicas": 1},
    }


def test_only_what_changes_is_shown() -> None:
    before = deployment(image="old")
    after = deployment(image="new") | {"status": {}}
    after["metadata"]["resourceVersion"] = "8"
    change, lines = compared("Deployment", before, after)
    assert change == "changed"
    assert [line for line in lines if line[0] in "+-"] == ["-  - image: old", "+  - image: new"]
    assert compared("Deployment", before, deployment(image="old")) == ("same", ())


def test_of_a_text_of_several_lines_the_changed_ones_are_shown() -> None:
    was, becomes = (
        {"kind": "ConfigMap", "data": {"config.yaml": f"a: 1\nb: {b}\nc: 3\nd: 4\ne: 5\n"}}
        for b in (2, 3)
    )
    _, lines = compared("ConfigMap", was, becomes)
    assert [line for line in lines if line[0] in "+-"] == ["-    b: 2", "+    b: 3"]
    assert not [line for line in lines if "e: 5" in line]


def test_no_value_of_a_secret_is_shown() -> None:
    was = {"kind": "Secret", "metadata": {}, "data": {"a": "b25l", "b": "dHdv", "gone": "eA=="}}
    becomes = {"kind": "Secret", "metadata": {}, "data": {"a": "b25l", "b": "Zm91cg==", "c": "eQ"}}
    change, lines = compared("Secret", was, becomes)
    assert change == "changed"
    assert [line for line in lines if line[0] in "+-"] == [
        "-  b: '*** (old)'",
        "-  gone: '***'",
        "+  b: '*** (new)'",
        "+  c: '***'",
    ]
    assert not [value for value in ("b25l", "dHdv", "Zm91cg==", "eQ") if value in "".join(lines)]


def test_what_kubectl_has_noted_of_a_secret_is_not_shown() -> None:
    noted = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"b25l"}}'}
    was = {"kind": "Secret", "metadata": {"annotations": noted}, "data": {"a": "b25l"}}
    becomes = {"kind": "Secret", "metadata": {"annotations": {}}, "data": {"a": "b25l"}}
    assert compared("Secret", was, becomes) == ("same", ())


def test_what_the_chart_no_longer_has_goes_though_the_server_would_leave_it() -> None:
    old = deployment(image="i", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    new = deployment(image="i", env=[{"name": "B", "value": "2"}])
    others = {"name": "OTHERS", "value": "3"}
    after = deployment(image="i", env=[*old["spec"]["containers"][0]["env"], others], tty=True)
    found = without_dropped(after, old, new)["spec"]["containers"][0]
    assert found == {
        "name": "c",
        "image": "i",
        "env": [{"name": "B", "value": "2"}, others],
        "tty": True,
    }


def test_lists_without_names_stay_as_the_server_has_them() -> None:
    assert without_dropped({"a": [1, 2]}, {"a": [1, 2]}, {"a": [1]}) == {"a": [1, 2]}


def test_a_person_reads_what_stands_against_it() -> None:
    found = Difference(
        "Deployment",
        "d",
        "changed",
        ("-a", "+b"),
        (Conflict(".spec.replicas", "kubectl"),),
        "spec.selector: field is immutable",
        "of release other",
    )
    assert found.text() == [
        "Deployment d: changed",
        "  -a",
        "  +b",
        "  ! not this release's but of release other: Helm refuses to change it",
        "  ! cannot change on a running object: spec.selector: field is immutable",
        "  ! conflict: .spec.replicas was changed by kubectl; Helm 4 refuses, "
        "Helm 3 changes it back",
    ]
