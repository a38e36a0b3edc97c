"""The command line: arguments, wiring, exit codes.

Exit codes: 0 nothing to do, or done; 2 the plan has changes (`plan`, `audit`); 1 an error.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TextIO

from embargo_butler.cli.hooks.running import DONE, FAILED, Caller, Parser, Run, Verb, command, plain
from embargo_butler.config.config import Config, load
from embargo_butler.connections import RESERVE_SECONDS, Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import DeadlineReached, HooksError, Outage, Stop, Terminated

_AREAS = {
    "secrets": ("secrets", "vault-policy"),
    "settle": ("settle",),
    "buckets": ("buckets",),
    "audit": ("plan", "audit"),
    "status": ("status",),
    "trace": ("trace",),
    "trigger": ("trigger",),
    "backfill": ("backfill", "reconcile"),
    "visits": ("visits",),
    "clean_up": ("clean-up",),
    "night": ("report",),
}
"""The modules of `commands`, and the first words that each adds."""


def main(
    argv: Sequence[str] | None = None,
    world: Connections | None = None,
    caller: Caller | None = None,
) -> int:
    """Run a command.

    Args:
        argv: The arguments, those of the process by default.
        world: The outside world, the real one by default.
        caller: The program that runs this, if it has the configuration at hand; a person's file
            by default.

    Returns:
        The exit code.

    Raises:
        Terminated: The process was told to end, and there is a caller to be told.
    """
    typed = sys.argv[1:] if argv is None else argv
    parser = _parser(typed)
    arguments = parser.parse_args(typed)
    if not (arguments.config or caller):
        parser.error(f"{arguments.what}: --config FILE is missing")
    name = command(arguments)
    as_json = arguments.output == "json"
    # What is printed is to be read by a program.
    progress: TextIO = sys.stderr if as_json or arguments.quiet else sys.stdout
    report = Report(name, sys.stdout, progress, as_json)
    config: Config | None = None
    try:
        config = caller.config if caller else load(arguments.config, arguments.config_hash)
        if arguments.rollback:
            # Its job is run again when it ends in the middle, and Helm waits no longer for two.
            hooks = replace(config.hooks, deadline=config.hooks.deadline // 2)
            config = replace(config, hooks=hooks)
        report.environment = config.environment
        _limit(config.hooks.deadline if arguments.limited else 0, report)
        until = time.monotonic() + max(config.hooks.deadline - RESERVE_SECONDS, 0)
        verb: Verb = arguments.run
        kubectl = caller.kubectl if caller else None
        with closing(Connections(config, arguments.what, report.step, kubectl)) as real:
            run = Run(arguments, config, world or real, report, until, plain(arguments.config))
            if caller:
                run = replace(run, spell=caller.spell, ahead=caller.ahead)
            return verb(run)
    except HooksError as error:
        return _failed(error, arguments, config, world, report)
    except DeadlineReached as stop:
        return _failed(HooksError(str(stop)), arguments, config, world, report)
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
        return _failed(found, arguments, config, world, report)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _failed(
    error: HooksError,
    arguments: argparse.Namespace,
    config: Config | None,
    world: Connections | None,
    report: Report,
) -> int:
    """Tell what went wrong; a release goes on without Vault, a rollback without whatever it is.

    Only when nothing was written yet. A failing rollback hook leaves the release where Helm refuses
    upgrades and rollbacks alike.
    """
    signal.setitimer(signal.ITIMER_REAL, 0)
    passed_over = not report.wrote and (
        arguments.rollback or (isinstance(error, Outage) and _is_a_hook(arguments, config, world))
    )
    found = report.problem(error, "warning" if passed_over else "error")
    count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
    name = command(arguments)
    if not passed_over:
        written = "stopped in the middle, run it again" if report.wrote else "nothing was written"
        report.end("failed", f"{name}: {count}, {written}: {found[0]}")
        return FAILED
    if config:
        try:
            job = f"Job/{config.fullname}-{arguments.what}"
            cluster = (world or Connections(config, arguments.what)).cluster()
            cluster.warn(job, "PassedOver", "; ".join(found))
        except Exception as error:
            report.warn(f"no Event could be left ({type(error).__name__})")
    what = "rollback" if arguments.rollback else "release"
    report.end("passed-over", f"{name}: {what} goes on without it, {count}: {found[0]}")
    return DONE


def _is_a_hook(
    arguments: argparse.Namespace, config: Config | None, world: Connections | None
) -> bool:
    """Whether a release waits for this; who types a verb is to learn that it did nothing."""
    if config is None or getattr(arguments, "topic", None):
        return False
    return not (world or Connections(config, arguments.what)).by_hand


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


def _parser(typed: Sequence[str]) -> Parser:
    """Return the parser of what was typed; of everything where that begins with no known word.

    All modules together take longer to import than a job with nothing to do takes to run.
    """
    parser = Parser(prog="embargo-hooks", description=(__doc__ or "").split("\n")[0])
    areas = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    asked = [module for module, words in _AREAS.items() if typed and typed[0] in words]
    for module in asked or _AREAS:
        import_module(f"embargo_butler.cli.hooks.{module}").add_to(areas)
    return parser
