"""kubectl 1.34's own words."""

from __future__ import annotations

from embargo_butler.release.refusals import Conflict, conflicts, unchangeable

ADVICE = """
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
"""


def test_one_conflict() -> None:
    said = (
        'error: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" '
        "using apps/v1: .spec.replicas" + ADVICE
    )
    assert conflicts(said) == [Conflict(".spec.replicas", "kubectl")]


def test_several_conflicts_with_several_managers() -> None:
    said = f"""\
error: Apply failed with 3 conflicts: conflicts with "kubectl-set" using apps/v1:
- .spec.template.spec.containers[name="c"].image
- .spec.template.spec.containers[name="c"].ports[containerPort=8000,protocol="TCP"].name
conflicts with "someone" using apps/v1:
- .metadata.labels.a{ADVICE}"""
    assert conflicts(said) == [
        Conflict('.spec.template.spec.containers[name="c"].image', "kubectl-set"),
        Conflict(
            '.spec.template.spec.containers[name="c"].ports[containerPort=8000,protocol="TCP"].name',
            "kubectl-set",
        ),
        Conflict(".metadata.labels.a", "someone"),
    ]


def test_what_cannot_change_is_told_from_other_refusals() -> None:
    said = (
        'The Deployment "d" is invalid: spec.selector: Invalid value: '
        '{"matchLabels":{"app":"e"}}: field is immutable\n'
    )
    assert unchangeable(said) == said.removeprefix("The ").strip()
    assert not unchangeable('Error from server (Forbidden): deployments "d" is forbidden')
    assert not conflicts(said)
