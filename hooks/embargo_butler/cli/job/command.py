"""`job`: what the image runs, and what people run over a configuration that they have as a file.

Exit codes: 0 nothing to do, or done; 2 the plan has changes (`plan`, `audit`); 1 an error.
"""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, TextIO

import click

from embargo_butler.cli import options
from embargo_butler.cli.job.running import DONE, FAILED, Caller, Run, Verb, plain
from embargo_butler.cli.parsing import Command, Lazy, run
from embargo_butler.config.config import Config, load
from embargo_butler.connections import RESERVE_SECONDS, Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import DeadlineReached, HooksError, Outage, Stop, Terminated

_MODULES = {
    "secrets": "secrets",
    "buckets": "buckets",
    "restart": "restart",
    "clean-up": "clean_up",
    "audit": "audit",
    "reconcile": "backfill",
    "plan": "audit",
    "status": "status",
    "trace": "trace",
    "report": "night",
    "trigger": "trigger",
    "backfill": "backfill",
    "visits": "visits",
    "set-aside": "set_aside",
    "renew": "buckets",
    "withdraw": "buckets",
    "import": "buckets",
    "vault-policy": "secrets",
}
"""The module of each verb: all together take longer to import than a job with nothing to do takes
to run.
"""


@dataclass(frozen=True)
class _Given:
    """The outside world and the caller, if not the real one and a person with a file."""

    world: Connections | None = None
    caller: Caller | None = None


def main(
    argv: Sequence[str] | None = None,
    world: Connections | None = None,
    caller: Caller | None = None,
) -> int:
    """Run a verb of the jobs.

    Args:
        argv: The arguments, those of the process by default.
        world: The outside world, the real one by default.
        caller: The program that runs this, if it has the configuration at hand; a person's file
            by default.

    Returns:
        The exit code.
    """
    return run(group(), argv, "embargo-butler job", _Given(world, caller))


def group() -> click.Group:
    """Return the group of the jobs' verbs."""
    return Lazy("job", "What the jobs in the cluster run.", tuple(_MODULES), _command)


def find(name: str) -> Verb:
    """Return a verb by its name."""
    module = import_module(f"embargo_butler.cli.job.{_MODULES[name]}")
    verbs = (each for each in vars(module).values() if isinstance(each, Verb))
    return next(each for each in verbs if each.name == name)


def _command(name: str) -> click.Command:
    verb = find(name)

    def callback(**typed: Any) -> int:
        context = click.get_current_context()
        given = context.find_object(_Given) or _Given()
        arguments = SimpleNamespace(**typed)
        if not (arguments.config or given.caller):
            raise click.UsageError(f"{name}: --config FILE is missing", context)
        return perform(verb, arguments, given.world, given.caller)

    params = [*verb.options, options.CONFIG, options.CONFIG_HASH, options.OUTPUT]
    example = f"job {name} --config FILE {verb.example}".rstrip()
    return Command(name, callback, verb.about, example, params, verb.hidden)


def perform(
    verb: Verb,
    arguments: SimpleNamespace,
    world: Connections | None = None,
    caller: Caller | None = None,
) -> int:
    """Run a verb over a configuration.

    Args:
        verb: The verb.
        arguments: What was typed.
        world: The outside world, the real one by default.
        caller: Who has the configuration, if it is in no file.

    Returns:
        The exit code.

    Raises:
        Terminated: The process was told to end, and there is a caller to be told.
    """
    name, rollback = verb.title(arguments), getattr(arguments, "rollback", False)
    as_json = arguments.output == "json"
    # What is printed is to be read by a program.
    progress: TextIO = sys.stderr if as_json or verb.quiet else sys.stdout
    report = Report(name, sys.stdout, progress, as_json)
    failing = _Failing(verb, arguments, name, rollback, world, report)
    config: Config | None = None
    try:
        config = caller.config if caller else load(arguments.config, arguments.config_hash)
        if rollback:
            # Its job is run again when it ends in the middle, and Helm waits no longer for two.
            hooks = replace(config.hooks, deadline=config.hooks.deadline // 2)
            config = replace(config, hooks=hooks)
        report.environment = config.environment
        _limit(config.hooks.deadline if verb.limited else 0, report)
        until = time.monotonic() + max(config.hooks.deadline - RESERVE_SECONDS, 0)
        kubectl = caller.kubectl if caller else None
        with closing(Connections(config, verb.what, report.step, kubectl)) as real:
            spell = plain(None if caller else arguments.config)
            run = Run(verb, arguments, config, world or real, report, until, spell)
            if caller:
                run = replace(run, spell=caller.spell, ahead=caller.ahead)
            return verb.run(run)
    except HooksError as error:
        return failing.end(error, config)
    except DeadlineReached as stop:
        return failing.end(HooksError(str(stop)), config)
    except Stop as stop:
        report.problem(HooksError(str(stop)))
        report.end("failed", f"{name}: stopped")
        if caller and isinstance(stop, Terminated):
            raise  # what that one would do next is not to be done either
        return FAILED
    except Exception as error:
        # A mistake of ours. Its text could hold anything, so only its kind and place are told.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        found = HooksError(
            f"internal error: {type(error).__name__} in {place} while {report.doing}"
        )
        return failing.end(found, config)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@dataclass(frozen=True)
class _Failing:
    """What has to be known of a run to tell how it failed."""

    verb: Verb
    arguments: SimpleNamespace
    name: str
    rollback: bool
    world: Connections | None
    report: Report

    def end(self, error: HooksError, config: Config | None) -> int:
        """Tell what went wrong; a release goes on without Vault, a rollback without whatever it is.

        Only when nothing was written yet. A failing rollback hook leaves the release where Helm
        refuses upgrades and rollbacks alike.
        """
        signal.setitimer(signal.ITIMER_REAL, 0)
        report, name = self.report, self.name
        passed_over = not report.wrote and (
            self.rollback or (isinstance(error, Outage) and self._is_a_hook(config))
        )
        found = report.problem(error, "warning" if passed_over else "error")
        count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
        if not passed_over:
            how = "stopped in the middle, run it again" if report.wrote else "nothing was written"
            report.end("failed", f"{name}: {count}, {how}: {found[0]}")
            return FAILED
        if config:
            try:
                job = f"Job/{config.fullname}-{self.verb.what}"
                with closing(Connections(config, self.verb.what)) as real:
                    cluster = (self.world or real).cluster()
                    cluster.warn(job, "PassedOver", "; ".join(found))
            except Exception as error:
                report.warn(f"no Event could be left ({type(error).__name__})")
        what = "rollback" if self.rollback else "release"
        report.end("passed-over", f"{name}: {what} goes on without it, {count}: {found[0]}")
        return DONE

    def _is_a_hook(self, config: Config | None) -> bool:
        """Whether a release waits for this; who types a verb is to learn that it did nothing."""
        if config is None or self.verb.hidden:
            return False
        return not (self.world or Connections(config, self.verb.what)).by_hand


def _limit(seconds: int, report: Report) -> None:
    """Cut the run short when its time is used up or the pod is told to end."""

    def late(number: int, frame: FrameType | None) -> None:
        raise DeadlineReached(
            f"the deadline of {seconds} s (hooks.deadlineSeconds) was reached while: {report.doing}"
        )

    def told(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated(f"told to end while: {report.doing}")

    signal.signal(signal.SIGALRM, late)
    signal.signal(signal.SIGTERM, told)
    signal.setitimer(signal.ITIMER_REAL, seconds)
