"""The jobs' own verbs over an environment, from a checkout, with the operator's own logins.

Those about images are told what the release is told, those about what is declared what is declared
here.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import yaml

from embargo_butler import terminal
from embargo_butler.adapters.programs import Programs, UnreachableError, if_permitted
from embargo_butler.cli.job import command as cli
from embargo_butler.cli.job.running import Caller, of_job
from embargo_butler.config import config as hooks_config
from embargo_butler.config.config import Config
from embargo_butler.errors import ConfigError, HooksError
from embargo_butler.health import running
from embargo_butler.health.sections import Section
from embargo_butler.release import targets
from embargo_butler.release.chart import Chart
from embargo_butler.release.jobs_plan import as_operator

OF_IMAGES = ("status", "trace", "trigger", "backfill", "visits", "set-aside", "report")
OF_DECLARED = ("audit", "buckets", "vault-policy")
NAMES = (*OF_IMAGES, *OF_DECLARED)
_UNASKED = ("vault-policy", "buckets withdraw")
"""What has no use for the names of what runs, and is there for when the cluster is away."""
_HELPED = ("buckets import", "import")
"""What goes on without them where the cluster does not answer."""


def run(
    verb: str,
    words: Sequence[str],
    chart: Chart,
    programs: Programs,
    ahead: Callable[[], Sequence[Section]] = tuple,
) -> int:
    """Run one of them.

    Args:
        verb: Which.
        words: What was typed after the environment.
        chart: The environment's chart.
        programs: helm and kubectl.
        ahead: What `status` shows first.

    Returns:
        The exit code.

    Raises:
        HooksError: There is neither a release nor a chart to tell what the verb has to know.
    """
    environment = chart.environment.name

    def spell(command: Sequence[str]) -> str:
        return targets.make(environment, *command)

    # Whose policy it is, the jobs' or a person's, is the one thing that the login decides.
    own = verb != "vault-policy"
    what = " ".join([verb, *words[:1]]) if verb == "buckets" else verb
    found = config(chart, programs, declared=verb in OF_DECLARED, own=own, what=what)
    return cli.main(of_job([verb, *words]), caller=Caller(found, spell, programs, ahead))


@dataclass(frozen=True)
class Planned:
    """What came of a job's plan.

    Attributes:
        code: The exit code (0 nothing to do, 2 changes, anything else a problem).
        said: What it said.
        begun: Whether it could begin; if not, why is all that it said.
    """

    code: int
    said: str
    begun: bool = True

    def document(self) -> dict[str, Any]:
        """Return it for a program, where the plan was asked for as JSON."""
        found: dict[str, Any] = json.loads(self.said) if self.begun else {"problems": [self.said]}
        return found


def jobs_plan(
    config: dict[str, Any], area: str, output: str, chart: Chart, programs: Programs
) -> Planned:
    """Make the plan of one of the release's jobs, which only reads.

    Args:
        config: What the job is told.
        area: The job, `secrets`, `buckets` or `settle`.
        output: `text` or `json`.
        chart: The environment's chart.
        programs: helm and kubectl.
    """
    environment = chart.environment.name
    out, err = io.StringIO(), io.StringIO()
    try:
        told = hooks_config.parse(as_operator(config), f"the chart of {environment}")
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.main(
                [*of_job([area, "plan"]), "--output", output],
                caller=Caller(told, lambda words: targets.make(environment, *words), programs),
            )
    except HooksError as error:
        return Planned(1, f"{area} plan: {error}", begun=False)
    said = out.getvalue()
    return Planned(code, said or err.getvalue(), begun=bool(said))


def config(
    chart: Chart, programs: Programs, declared: bool = False, own: bool = True, what: str = ""
) -> Config:
    """Return what the release is told, as it stands in the cluster; else as the chart has it.

    Where the chart's predecessor runs, the names are those of what runs.

    Args:
        chart: The environment's chart.
        programs: helm and kubectl.
        declared: Whether what is declared here counts, deployed or not.
        own: Whether the operator logs in, in the place of the job.
        what: The verb with its second word, if it has one.

    Raises:
        ConfigError: Neither has it.
        ProgramError: Helm refused to render the chart, or no cluster answers.
    """
    found, where = document(chart, programs, declared, what)
    return hooks_config.parse(as_operator(found) if own else found, where)


def document(
    chart: Chart, programs: Programs, declared: bool = False, what: str = ""
) -> tuple[dict[str, Any], str]:
    """Return the same as a plain document, with where it is from.

    Args:
        chart: The environment's chart.
        programs: helm and kubectl.
        declared: Whether what is declared here counts, deployed or not.
        what: The verb with its second word, if it has one.

    Raises:
        ConfigError: Neither has it.
        ProgramError: Helm refused to render the chart, or no cluster answers.
    """
    live: list[dict[str, Any]] = []
    if not declared:
        with if_permitted():
            live = programs.objects("configmaps", "-l", programs.selector("config"))
    found: dict[str, Any] | None
    if live:
        name = live[0]["metadata"]["name"]
        where = f"ConfigMap {name} of namespace {programs.namespace}"
        found = yaml.safe_load(live[0]["data"]["config.yaml"])
    else:
        where = f"the chart of {chart.environment.name}"
        found = chart.verbs_config(programs)
        try:
            found = found if what in _UNASKED else running.told(programs, found)
        except UnreachableError as error:
            if what not in _HELPED:
                raise
            terminal.show(
                f"what runs cannot be seen, so all has its declared name: {error}", file=sys.stderr
            )
    if found is None:
        raise ConfigError(
            f"{chart.environment.name}: there is no release in namespace {programs.namespace}, "
            "and its chart declares nothing to look at"
        )
    return found, where
