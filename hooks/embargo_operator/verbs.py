"""What each verb does, over one environment."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embargo_hooks.errors import HooksError
from embargo_operator import diff, environments, jobs_plan, unlock, upgrade, wrapped_tokens
from embargo_operator.chart import Chart
from embargo_operator.difference import Difference
from embargo_operator.programs import Programs
from embargo_operator.release import Revision, last_deployed, revisions, target
from embargo_operator.status import status

DONE, FAILED, CHANGES = 0, 1, 2
_SETTLING_SECONDS = 60


MakePrograms = Callable[[str, str], Programs]


@dataclass(frozen=True)
class Options:
    """What an operator adds to a verb.

    Attributes:
        project: The folder of the project.
        values: Values files after the environment's own.
        revision: Where a rollback goes back to; None for the last good one before now.
        yes: Whether to go on without asking.
        take_over: Whether what others have made or changed becomes the release's.
        json: Whether a program reads what is told.
    """

    project: Path = Path()
    values: Sequence[str] = ()
    revision: int | None = None
    yes: bool = False
    take_over: bool = False
    json: bool = False


class Verbs:
    """The verbs over one environment; each returns its exit code."""

    def __init__(
        self, name: str, options: Options, make: MakePrograms, ask: Callable[[str], str]
    ) -> None:
        """Find the environment, and refuse any other cluster.

        Args:
            name: The environment.
            options: What the operator adds.
            make: Makes helm and kubectl for a release and its namespace.
            ask: Asks the operator.

        Raises:
            HooksError: There is no such environment, or the kube context is another cluster's.
        """
        self._options = options
        self._ask = ask
        self._environment = environments.find(options.project, name)
        self._programs = make(self._environment.name, self._environment.namespace)
        self._programs.context.must_be(self._environment.cluster, self._environment.name)
        self._chart = Chart(options.project, self._environment, options.values)

    def diff(self) -> int:
        """Show what an apply would change in Kubernetes."""
        found = self._differences(self._chart.manifests(self._programs))
        if self._options.json:
            _print_json({"version": 1, "objects": [each.document() for each in found]})
        else:
            self._show(found)
        return CHANGES if _count(found) else DONE

    def plan(self) -> int:
        """Show that, and what the hook jobs would do."""
        found = self._differences(self._chart.manifests(self._programs))
        config = self._chart.jobs_config(self._programs)
        output = "json" if self._options.json else "text"
        plans = (
            {
                area: jobs_plan.plan(config, area, output, self._programs.run)
                for area in jobs_plan.areas(config)
            }
            if config
            else {}
        )
        if self._options.json:
            # What could not even begin has told why in plain words.
            shown = {
                area: json.loads(said) if said.startswith("{") else {"problems": [said]}
                for area, (_, said) in plans.items()
            }
            _print_json({"version": 1, "objects": [each.document() for each in found], **shown})
        else:
            self._show(found)
            _say(*(said.rstrip() for _, said in plans.values()))
        codes = [code for code, _ in plans.values()]
        if FAILED in codes:
            return FAILED
        return CHANGES if _count(found) or CHANGES in codes else DONE

    def apply(self) -> int:
        """Show the diff, ask, install or upgrade."""
        self._refuse_pending()
        found = self._differences(self._chart.manifests(self._programs))
        self._show(found)
        self._refuse_what_helm_would(found)
        self._confirm("install or upgrade")
        config = self._chart.jobs_config(self._programs)
        words = upgrade.upgrade_words(
            self._chart.values(),
            str(self._options.project),
            self._options.take_over,
            self._programs.helm_major(),
        )
        self._work(["upgrade", "--install", self._environment.name, *words], config)
        return self._settled()

    def rollback(self) -> int:
        """Show the diff, ask, go back to an earlier revision."""
        self._refuse_pending()
        history = revisions(self._programs)
        aim = target(history, self._options.revision, self._environment.name)
        _note(f"back to revision {aim.number} ({aim.chart}, {aim.updated})")
        wanted = self._manifest(aim)
        found = self._differences(wanted)
        self._show(found)
        self._refuse_what_helm_would(found)
        self._confirm(f"roll back to revision {aim.number}")
        major = self._programs.helm_major()
        words = upgrade.rollback_words(aim.number, self._options.take_over, major)
        # As with an apply: what that revision's jobs log in with is not known from here.
        config = self._chart.jobs_config(self._programs)
        self._work(["rollback", self._environment.name, *words], config)
        return self._settled()

    def status(self) -> int:
        """Tell how the release is."""
        found = status(self._programs)
        if self._options.json:
            _print_json(found.document())
        else:
            _say(*found.text())
        return FAILED if any(found.problems()) else DONE

    def unlock(self) -> int:
        """Free a release that a killed Helm left pending."""
        lock = unlock.pending(self._programs)
        if lock is None:
            _say(f"{self._environment.name} is not pending: nothing to do")
            return DONE
        _say(lock.found())
        self._confirm(f"remove the record of revision {lock.revision.number}")
        unlock.unlock(self._programs, lock, _note)
        _say(f"removed: {lock.next_steps()}")
        return DONE

    def _settled(self) -> int:
        """Tell how the release is; what the last hook has restarted gets the time to come back."""
        until = time.monotonic() + _SETTLING_SECONDS
        while any(status(self._programs).problems()) and time.monotonic() < until:
            time.sleep(2)
        return self.status()

    def _differences(self, wanted: str) -> list[Difference]:
        deployed = last_deployed(revisions(self._programs))
        previous = self._manifest(deployed) if deployed else ""
        return diff.differences(self._programs, wanted, previous)

    def _manifest(self, revision: Revision) -> str:
        name = self._environment.name
        return self._programs.helm("get", "manifest", name, "--revision", str(revision.number))

    def _show(self, found: list[Difference]) -> None:
        shown = [each for each in found if each.change != "same" or each.owner]
        lines = [line for each in shown for line in each.text()]
        count = f"{_count(found)} of {len(found)} objects would change"
        where = f"{self._environment.name} in cluster {self._environment.cluster}"
        (_note if self._options.json else _say)(*lines, f"{where}: {count}")

    def _refuse_pending(self) -> None:
        if lock := unlock.pending(self._programs):
            raise HooksError(f"{lock.found()} First: `make unlock ENV={self._environment.name}`")

    def _refuse_what_helm_would(self, found: list[Difference]) -> None:
        """Stop before Helm's hooks have run, not in the middle."""
        stuck = [f"{each.kind} {each.name}" for each in found if each.unchangeable]
        if stuck:
            raise HooksError(
                f"{', '.join(stuck)} cannot change so on a running object, nothing was done: "
                "leave these fields as they are, or delete the object first"
            )
        theirs = [each for each in found if each.owner or each.conflicts]
        if theirs and not self._options.take_over:
            names = ", ".join(f"{each.kind} {each.name}" for each in theirs)
            raise HooksError(
                f"others have made or changed {names} (see above), nothing was done: "
                "put it into the values, or let this release take it over (TAKE_OVER=1)"
            )

    def _confirm(self, what: str) -> None:
        if self._options.yes:
            return
        where = f"{self._environment.name} (cluster {self._environment.cluster})"
        try:
            answer = self._ask(f"{what}: {where}? Type the environment's name: ")
        except EOFError:
            raise HooksError("nobody is here to ask: YES=1 (--yes) goes on unasked") from None
        if answer.strip() != self._environment.name:
            raise HooksError("not confirmed, nothing was done")

    def _work(self, words: list[str], config: dict[str, Any] | None) -> None:
        tokens = (
            wrapped_tokens.handed_over(config, self._programs)
            if config and wrapped_tokens.wanted(config)
            else nullcontext()
        )
        with tokens:
            upgrade.run(
                self._programs, words, _note, sys.stderr if self._options.json else sys.stdout
            )


def _count(found: list[Difference]) -> int:
    return sum(each.change not in ("same", "kept") for each in found)


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def _note(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2))
