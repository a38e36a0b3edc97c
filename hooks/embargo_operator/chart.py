"""The chart rendered for an environment: its manifests, and what its hook jobs are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from embargo_operator.environments import CHART, Environment
from embargo_operator.programs import Programs

_JOBS_CONFIG = "templates/hooks/config.yaml"


@dataclass(frozen=True)
class Chart:
    """The chart with an environment's values.

    Args:
        project: The folder of the project.
        environment: The environment.
        more: Values files after the environment's own.
    """

    project: Path
    environment: Environment
    more: Sequence[str] = ()

    def values(self) -> tuple[str, ...]:
        """Return Helm's arguments that name the values files."""
        files = [*(str(self.project / each) for each in self.environment.files), *self.more]
        return tuple(word for file in files for word in ("--values", file))

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
        rendered = self._template(programs)
        source = f"/{_JOBS_CONFIG}\n"
        for document in rendered.split("\n---\n"):
            if source in document:
                return dict(yaml.safe_load(yaml.safe_load(document)["data"]["config.yaml"]))
        return None

    def _template(self, programs: Programs, *words: str) -> str:
        chart = str(self.project / CHART)
        return programs.helm("template", programs.release, chart, *self.values(), *words)
