"""What each verb does, over one environment."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from embargo_butler import terminal
from embargo_butler.adapters.programs import Programs, if_permitted
from embargo_butler.adapters.revisions import Revision, last_deployed, revisions, target
from embargo_butler.cli.operator import pipeline_verbs
from embargo_butler.connections import Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import HooksError
from embargo_butler.health import running
from embargo_butler.health.sections import Section
from embargo_butler.migration import confirm, take_over
from embargo_butler.release import (
    diff,
    environments,
    jobs_plan,
    pausing,
    policy_managers,
    targets,
    unlock,
    upgrade,
    wrapped_tokens,
)
from embargo_butler.release import status as sections
from embargo_butler.release.chart import Chart, jobs_config_of
from embargo_butler.release.difference import Difference
from embargo_butler.release.state import status
from embargo_butler.release.undone import Undone
from embargo_butler.release.workloads import WORKLOADS
from embargo_butler.waiting import until

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
        back: Whether a take-over is undone.
        confirm: Whether what is unconfirmed in a file becomes what the object store has.
        json: Whether a program reads what is told.
        words: What else was typed, for a verb that takes more.
    """

    project: Path = Path()
    values: Sequence[str] = ()
    revision: int | None = None
    yes: bool = False
    take_over: bool = False
    back: bool = False
    confirm: bool = False
    json: bool = False
    words: Sequence[str] = ()


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
        self._environment = environments.find(options.project, name, options.values)
        self._programs = make(self._environment.name, self._environment.namespace)
        self._programs.context.must_be(self._environment.cluster, self._environment.name)
        self._chart = Chart(options.project, self._environment, options.values)

    def diff(self) -> int:
        """Show what an apply would change in Kubernetes."""
        self._keep_paused()
        found = self._differences(self._chart.manifests(self._programs))
        if self._options.json:
            _print_json({"version": 1, "objects": [each.document() for each in found]})
        else:
            self._show(found)
        return CHANGES if _count(found) else DONE

    def plan(self) -> int:
        """Show that, and what the hook jobs would do."""
        self._refuse_two_managers()
        self._keep_paused()
        found = self._differences(self._chart.manifests(self._programs))
        if not self._options.json:
            self._show(found)  # The plans can take minutes, when something does not answer.
        config = self._chart.verbs_config(self._programs)
        output = "json" if self._options.json else "text"
        areas = jobs_plan.plans(config) if config else []
        if config and (why := config.get("noBuckets")):
            _note(f"buckets: not kept by this release: {why}")
        if not revisions(self._programs):
            config = running.told(self._programs, config)
            if config and "predecessor" in config:
                areas = [each for each in areas if each != "settle"]
                take_over = self._typed("take-over")
                _note(f"what runs here was made without Helm: `{take_over}` puts the chart over it")
            elif "buckets" in areas:
                # Topics are made of Secrets and of enqueue's address, neither of which is there.
                areas.remove("buckets")
                _note("buckets: planned when Secrets and pods are there, after the first apply")
        plans = {}
        for area in areas:
            plans[area] = pipeline_verbs.jobs_plan(
                config or {}, area, output, self._chart, self._programs
            )
            if not self._options.json:
                _say(*plans[area].said.rstrip().split("\n"))
        if self._options.json:
            shown = {area: each.document() for area, each in plans.items()}
            _print_json({"version": 1, "objects": [each.document() for each in found], **shown})
        codes = {each.code for each in plans.values()}
        if codes - {DONE, CHANGES}:
            return FAILED
        return CHANGES if _count(found) or CHANGES in codes else DONE

    def apply(self) -> int:
        """Show the diff, ask, install or upgrade."""
        self._refuse_two_managers()
        self._refuse_pending()
        self._keep_paused()
        found = self._differences(self._chart.manifests(self._programs))
        self._show(found)
        self._refuse_first_over_others(found)
        self._refuse_what_helm_would(found)
        self._confirm("install or upgrade")
        config = self._chart.jobs_config(self._programs)
        words = upgrade.upgrade_words(
            self._chart.values(),
            str(self._options.project),
            self._options.take_over,
            self._programs.helm_major(),
        )
        undone = Undone(self._programs)
        self._work(["upgrade", "--install", self._environment.name, *words], config)
        return self._settled(undone)

    def take_over(self) -> int:
        """Show the diff, ask, put the chart over the manifests that run here without Helm."""
        self._refuse_two_managers()
        manifests = self._chart.manifests(self._programs)
        if self._options.back:
            self._confirm("put back what ran before the take-over")
            take_over.back(self._programs, diff.parsed(manifests), _note)
            return DONE
        config = self._chart.jobs_config(self._programs)
        found = take_over.check(self._programs, diff.parsed(manifests), config)
        differences = self._differences(manifests)
        self._show(differences)
        self._refuse_unchangeable(differences)
        self._confirm("take over what runs there")
        words = upgrade.take_over_words(
            self._chart.values(), str(self._options.project), self._programs.helm_major()
        )
        command = ["upgrade", "--install", self._environment.name, *words]
        undone = Undone(self._programs)
        take_over.take_over(
            self._programs,
            found,
            diff.parsed(manifests),
            lambda: self._work(command, config),
            _note,
        )
        undo = self._typed("take-over", "--back")
        _note(f"taken over; until the next upgrade `{undo}` puts back what was there")
        return self._settled(undone)

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
        config = jobs_config_of(self._programs, aim.number)
        before, undone = pausing.find(self._programs, wanted), Undone(self._programs)
        with pausing.held(self._programs, before):
            self._work(["rollback", self._environment.name, *words], config, back=True)
        self._scale_as(before)
        return self._settled(undone)

    def status(self) -> int:
        """Tell how the environment is."""
        name, namespace = self._environment.name, self._environment.namespace
        there = True
        with if_permitted():
            there = bool(revisions(self._programs) or running.workloads(self._programs))
        if not there:
            raise HooksError(
                f"there is no release {name} in namespace {namespace}: `{self._typed('apply')}`"
            )
        return self._pipeline("status", lambda: list(sections.look(self._programs, self._chart)))

    def trace(self) -> int:
        """Follow an exposure."""
        return self._pipeline("trace")

    def trigger(self) -> int:
        """Announce objects by hand."""
        return self._pipeline("trigger")

    def backfill(self) -> int:
        """Find what was never announced, or given up."""
        return self._pipeline("backfill")

    def visits(self) -> int:
        """Find exposures without a visit."""
        return self._pipeline("visits")

    def set_aside(self) -> int:
        """Take files out of ingest's way by name."""
        return self._pipeline("set-aside")

    def report(self) -> int:
        """Write a night's page."""
        return self._pipeline("report")

    def audit(self) -> int:
        """Tell whether what is there is still as declared."""
        return self._pipeline("audit")

    def buckets(self) -> int:
        """Plan, apply, renew or import what is declared about buckets."""
        if {"plan", "apply", "renew"}.intersection(self._options.words[:1]):
            self._refuse_two_managers()
        return self._pipeline("buckets")

    def import_(self) -> int:
        """Print what the object store has; or confirm by it what is unconfirmed in the file."""
        if not self._options.confirm:
            return self._pipeline("buckets", words=("import",))
        name = self._environment.name
        file = confirm.of(self._options.project, name)
        document, _ = pipeline_verbs.document(self._chart, self._programs, True, "import")
        if not confirm.marked(file):
            _say(f"{name}: nothing is unconfirmed; `{self._typed('buckets', 'plan')}` compares")
            return DONE
        found = confirm.confirmed(
            file,
            jobs_plan.as_operator(document),
            lambda config: Connections(config, "buckets", kubectl=self._programs),
            Report("import", sys.stderr, sys.stderr, False),
            lambda other: self._chart.with_buckets(other).verbs_config(self._programs) or {},
        )
        (_note if self._options.json else _say)(*found.lines())
        told = found.document()
        if found.confirmation.facts:
            self._confirm(f"write {file.path}")
            file.save()
        if self._options.json:
            _print_json(told)
        else:
            _say(found.summary(self._typed("buckets", "plan")))
        return DONE if found.seen else FAILED

    def config(self) -> int:
        """Print what the release's jobs are told, with the operator's own login."""
        found = self._chart.verbs_config(self._programs)
        print(yaml.safe_dump(jobs_plan.as_operator(found or {}), sort_keys=False), end="")
        return DONE

    def vault_policy(self) -> int:
        """Print the least policy in Vault, and the role."""
        return self._pipeline("vault-policy")

    def pause(self) -> int:
        """Bring ingest to no pods, and keep it there over releases."""
        ingest, name = self._ingest(), self._environment.name
        if paused := ingest.paused:
            _say(f"{name} is paused since {paused['since']} by {paused['by']}")
            if not ingest.replicas:
                return DONE
            # A pause or a resume was cut short, or somebody has scaled it.
            _say(f"{name}: but ingest has {ingest.replicas} pods, so it is paused again")
        self._refuse_unfinished(ingest)
        self._confirm(f"pause ingest, {ingest.replicas} pods to none")
        pausing.pause(self._programs, ingest, _note)
        _say(
            f"{name}: ingest is paused; what arrives waits in Redis, and what the pods had in hand "
            f"idle gives back to the queue within 21 s. `{self._typed('resume')}` goes on with "
            f"{ingest.before}."
        )
        return DONE

    def resume(self) -> int:
        """Bring ingest back to what it was before it was paused."""
        ingest = self._ingest()
        if ingest.paused is None:
            _say(f"{self._environment.name} is not paused: ingest has {ingest.replicas} pods")
            return DONE
        self._refuse_unfinished(ingest)
        replicas = pausing.resume(self._programs, ingest, _note)
        _say(f"{self._environment.name}: ingest is at work again, {replicas} pods")
        return DONE

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

    def _settled(self, undone: Undone) -> int:
        """Tell how the release is; what the last hook has restarted gets the time to come back."""
        for _ in until(time.monotonic() + _SETTLING_SECONDS, 2):
            found = status(self._programs)
            if not any(found.problems()):
                break
        found = replace(found, undone=undone.told())
        if self._options.json:
            _print_json(found.document())
        else:
            _say(*found.text())
        return FAILED if any(found.problems()) else DONE

    def _pipeline(
        self,
        verb: str,
        ahead: Callable[[], Sequence[Section]] = tuple,
        words: Sequence[str] | None = None,
    ) -> int:
        given = self._options.words if words is None else words
        output = ("--output", "json") if self._options.json else ()
        # What all its verbs take stands after the second word.
        second = 1 if verb == "buckets" else 0
        typed = [*given[:second], *output, *given[second:]]
        return pipeline_verbs.run(verb, typed, self._chart, self._programs, ahead)

    def _ingest(self) -> pausing.Ingest:
        deployed = last_deployed(revisions(self._programs))
        found = pausing.find(self._programs, self._manifest(deployed) if deployed else "")
        if found is None:
            raise HooksError(
                f"{self._environment.name}: there is no Deployment of ingest in namespace "
                f"{self._environment.namespace}; `{self._typed('status')}` tells what there is"
            )
        return found

    def _refuse_unfinished(self, ingest: pausing.Ingest) -> None:
        """Refuse to scale what Helm 4 has applied while its last release is not the live one.

        Its Deployment is then written whole, as the last good revision has it, and what the failed
        one has changed of it would go without having been shown.
        """
        if not (ingest.counted and ingest.applied):
            return
        newest = revisions(self._programs)[-1]
        if newest.status == "deployed":
            return
        self._refuse_pending()
        name, namespace = self._environment.name, self._environment.namespace
        raise HooksError(
            f"{name}: revision {newest.number} is {newest.status}, not deployed, and to scale "
            "ingest would put back the whole Deployment of the revision before, nothing was done: "
            f"first `{self._typed('apply')}` or `{self._typed('rollback')}`; for now "
            f"`kubectl scale -n {namespace} deployment/{ingest.name} --replicas=0` stops ingest"
        )

    def _keep_paused(self) -> None:
        """Have what is rendered from now on leave a paused ingest at no pods."""
        ingest = pausing.find(self._programs)
        if ingest is None or ingest.paused is None:
            return
        _note(
            f"ingest is paused since {ingest.paused['since']} and stays so: "
            f"`{self._typed('resume')}`"
        )
        manifest = self._chart.manifests(self._programs)
        # Where the chart leaves the number to people, what they have set lasts by itself.
        if pausing.counts(manifest, ingest.name):
            self._chart = replace(self._chart, suspended=True)

    def _scale_as(self, before: pausing.Ingest | None) -> None:
        """After a rollback: a pause stays a pause, and one of that time does not come back."""
        now = pausing.find(self._programs, self._manifest(revisions(self._programs)[-1]))
        if before is None or now is None:
            return
        if before.paused:
            pausing.hold(self._programs, now)
        elif before.replicas and not now.replicas:
            pausing.scale(self._programs, now, before.replicas)

    def _typed(self, *words: str) -> str:
        return targets.make(self._environment.name, *words)

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

    def _refuse_two_managers(self) -> None:
        policy_managers.refuse_two(self._options.project, self._environment.name)

    def _refuse_pending(self) -> None:
        if lock := unlock.pending(self._programs):
            raise HooksError(f"{lock.found()} First: `{self._typed('unlock')}`")

    def _refuse_first_over_others(self, found: list[Difference]) -> None:
        """Leave a site that runs without Helm to the verb that can put it back."""
        running = [each.name for each in found if each.owner and each.kind in WORKLOADS]
        if running and not revisions(self._programs):
            raise HooksError(
                f"{', '.join(running)} run here without this release, nothing was done: "
                f"`{self._typed('take-over')}` puts the chart over them, and them back if it fails"
            )

    def _refuse_what_helm_would(self, found: list[Difference]) -> None:
        """Stop before Helm's hooks have run, not in the middle."""
        self._refuse_unchangeable(found)
        theirs = [each for each in found if each.owner or each.conflicts]
        if theirs and not self._options.take_over:
            names = ", ".join(f"{each.kind} {each.name}" for each in theirs)
            raise HooksError(
                f"others have made or changed {names} (see above), nothing was done: "
                "put it into the values, or let this release take it over (TAKE_OVER=1)"
            )

    def _refuse_unchangeable(self, found: list[Difference]) -> None:
        stuck = [f"{each.kind} {each.name}" for each in found if each.unchangeable]
        if stuck:
            raise HooksError(
                f"{', '.join(stuck)} cannot change so on a running object, nothing was done: "
                "leave these fields as they are, or delete the object first"
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

    def _work(self, words: list[str], config: dict[str, Any] | None, back: bool = False) -> None:
        out = sys.stderr if self._options.json else sys.stdout
        with ExitStack() as tokens:
            if config and wrapped_tokens.wanted(config):
                try:
                    tokens.enter_context(wrapped_tokens.handed_over(config, self._programs))
                except HooksError as error:
                    # An older revision may declare what is refused by now.
                    if not back:
                        raise
                    _note(f"the rollback goes on, and its jobs get nothing of Vault: {error}")
            upgrade.run(self._programs, words, _note, out)


def _count(found: list[Difference]) -> int:
    return sum(each.change not in ("same", "kept") for each in found)


def _say(*lines: str) -> None:
    terminal.show(*lines)


def _note(*lines: str) -> None:
    terminal.show(*lines, file=sys.stderr)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2))
