"""Whether what runs and what the chart brings use the same values of secrets."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from embargo_butler.adapters.programs import Programs
from embargo_butler.adapters.vault.client import VaultLogin
from embargo_butler.config import config as hooks_config
from embargo_butler.engine.report import Report
from embargo_butler.errors import Gathering
from embargo_butler.release.difference import Manifest
from embargo_butler.secret import Secret
from embargo_butler.secrets import sync as secret_sync

Values = Mapping[tuple[str, str], Secret]
"""Values by the Secret's name and key."""


def declared(config: Mapping[str, Any]) -> Values:
    """Read what the secrets job would write, with the operator's own Vault login.

    Raises:
        HooksError: There is no login, or something cannot be read.
    """
    found = hooks_config.parse(dict(config), "the hooks' configuration")
    report = Report("take-over", sys.stderr, sys.stderr, as_json=False)
    gathering = Gathering()
    with VaultLogin(replace(found.vault, method="token", stored="")) as vault:
        documents = secret_sync.read(vault, secret_sync.paths(found), report, gathering)
    gathering.check()
    wanted = secret_sync.desired(found, documents, gathering)
    gathering.check()
    return {(each.name, key): value for each in wanted for key, value in each.data.items()}


def live(programs: Programs) -> Values:
    """Read what the namespace's Secrets hold."""
    return {
        (each["metadata"]["name"], key): Secret(base64.b64decode(value))
        for each in programs.objects("secrets")
        for key, value in (each.get("data") or {}).items()
    }


def different(
    old: list[Manifest], new: list[Manifest], before: Values, after: Values
) -> Iterator[str]:
    """Tell of each variable whose value would be another one. Pure.

    Args:
        old: The workloads that run.
        new: Those of the chart.
        before: What the Secrets hold.
        after: What they will hold.
    """
    known = {each["metadata"]["name"]: each for each in old}
    for manifest in new:
        name = manifest["metadata"]["name"]
        references = _references(known[name]) if name in known else {}
        for variable, reference in _references(manifest).items():
            if variable not in references:
                continue
            was, becomes = before.get(references[variable]), {**before, **after}.get(reference)
            if was != becomes:
                secret, key = references[variable]
                yield (
                    f"{manifest['kind']} {name}: {variable} is {key} of Secret {secret} now, and "
                    f"would get another value ({reference[1]} of Secret {reference[0]}, by Vault)"
                )


def _references(workload: Manifest) -> dict[str, tuple[str, str]]:
    containers = workload["spec"]["template"]["spec"]["containers"]
    return {
        each["name"]: (reference["name"], reference["key"])
        for container in containers
        for each in container.get("env") or []
        if (reference := (each.get("valueFrom") or {}).get("secretKeyRef"))
    }
