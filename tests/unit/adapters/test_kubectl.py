from __future__ import annotations

import pytest

from embargo_butler.adapters import kubectl
from embargo_butler.errors import KubernetesError
from tests.unit.programs import Fake

RAN = """Traceback (most recent call last):
  File "<string>", line 7, in <module>
LookupError: no such repository
command terminated with exit code 1
"""
FORBIDDEN = 'Error from server (Forbidden): pods "ingest-1" is forbidden: cannot create pods/exec'


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (RAN, "a program in its pod ended with 1: LookupError: no such repository"),
        (RAN.splitlines()[-1], "a program in its pod ended with 1: without a word"),
        (FORBIDDEN, f"no program can be run in its pod: {FORBIDDEN} (it takes a running pod"),
        ("", "no program can be run in its pod: no answer of kubectl (it takes"),
    ],
)
def test_a_failed_programs_own_last_line_is_told(said: str, told: str) -> None:
    fake = Fake()
    fake.says("kubectl exec", "", said or "\n")
    with pytest.raises(KubernetesError) as failed:
        kubectl.run_in(fake.kubectl, "ingest", "ingest", ["true"], "")
    assert str(failed.value).startswith(f"Deployment ingest of namespace summit: {told}")
