"""The chart rendered for an environment: its manifests, and what its hook jobs are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from embargo_butler.adapters.programs import Programs
from embargo_butler.release.environments import BUCKETS, CHART, Environment

_JOBS_CONFIG = "templates/hooks/config.yaml"
_VERBS_CONFIG = "templates/hooks/standing.yaml"


@dataclass(frozen=True)
class Chart:
    """The chart with an environment's values.

    Args:
        project: The folder of the project.
        environment: The environment.
        more: Values files after the environment's own.
        suspended: Whether ingest is paused, and stays so.
    """

    project: Path
    environment: Environment
    more: Sequence[str] = ()
    suspended: bool = False

    def values(self) -> tuple[str, ...]:
        """Return Helm's arguments that name the values."""
        files = [*(str(self.project / each) for each in self.environment.files), *self.more]
        words = [word for file in files for word in ("--values", file)]
        return (*words, *(("--set", "ingest.suspend=true") if self.suspended else ()))

    def with_buckets(self, file: Path) -> Chart:
        """Return it with another file in the place of the environment's `bucket-config`."""
        own = f"{BUCKETS}/{self.environment.name}.yaml"
        files = (str(file.absolute()) if each == own else each for each in self.environment.files)
        return replace(self, environment=replace(self.environment, files=tuple(files)))

    def manifests(self, programs: Programs) -> str:
        """Render all that is no hook.

        Raises:
            ProgramError: Helm refused.
        """
        return self._template(programs, "--no-hooks")

    def jobs_config(self, programs: Programs) -> dict[str, Any] | None:
        """Return what the hook jobs are told, None where there is no job.

        Raises:
            ProgramError: Helm refused.
        """
        return self._config(programs, _JOBS_CONFIG)

    def verbs_config(self, programs: Programs) -> dict[str, Any] | None:
        """Render what the operators' verbs are told.

        Raises:
            ProgramError: Helm refused.
        """
        return self._config(programs, _VERBS_CONFIG)

    def _config(self, programs: Programs, template: str) -> dict[str, Any] | None:
        return _config(self._template(programs), template)

    def _template(self, programs: Programs, *words: str) -> str:
        chart = str(self.project / CHART)
        return programs.helm("template", programs.release, chart, *self.values(), *words)


def jobs_config_of(programs: Programs, revision: int) -> dict[str, Any] | None:
    """Return what the hook jobs of a revision are told, None where it has no job.

    Raises:
        ProgramError: Helm refused.
    """
    words = ("get", "hooks", programs.release, "--revision", str(revision))
    return _config(programs.helm(*words), _JOBS_CONFIG)


def _config(rendered: str, template: str) -> dict[str, Any] | None:
    source = f"/{template}\n"
    for document in rendered.split("---\n"):
        if source in document:
            return dict(yaml.safe_load(yaml.safe_load(document)["data"]["config.yaml"]))
    return None
