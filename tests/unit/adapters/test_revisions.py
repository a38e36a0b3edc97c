from __future__ import annotations

import pytest

from embargo_butler.adapters.programs import ProgramError, UnreachableError
from embargo_butler.adapters.revisions import revisions
from tests.unit.programs import Fake

FOUND_NO_DRIVER = "Error: exec plugin: kubelogin not found"


def test_a_release_that_is_in_no_list_has_no_revisions() -> None:
    fake = Fake()
    fake.says("helm history", "", "Fehler: kein solches Release")
    assert revisions(fake.programs("summit", "summit")) == []
    (listed,) = fake.commands("helm list")
    assert "--filter ^summit$" in listed


@pytest.mark.parametrize("answer", [[{"name": "summit"}], None], ids=["listed", "failed"])
def test_what_else_is_not_found_is_no_release_that_is_not_there(answer: object) -> None:
    fake = Fake()
    fake.says("helm history", "", FOUND_NO_DRIVER)
    if answer is None:
        fake.says("helm list", "", FOUND_NO_DRIVER)
    else:
        fake.says("helm list", answer)
    with pytest.raises(ProgramError, match=r"`helm history summit` failed: .*kubelogin not found"):
        revisions(fake.programs("summit", "summit"))


def test_a_cluster_that_does_not_answer_is_asked_once() -> None:
    fake = Fake()
    fake.says("helm history", "", "Error: Kubernetes cluster unreachable")
    with pytest.raises(UnreachableError):
        revisions(fake.programs("summit", "summit"))
    assert fake.commands("helm list") == []
