"""`status`: how the environment is, on one screen."""

from __future__ import annotations

import io
import time
from dataclasses import asdict

from embargo_hooks.commands._running import DONE, FAILED, Areas, Run, add
from embargo_hooks.report import Report
from embargo_hooks.status import Section, status

# Reading a worker's list sets back the clock by which idle finds dead pods, on Redis before 7.2.
_LEAST_SECONDS = 30


def add_to(areas: Areas) -> None:
    """Add the verb."""
    showing = add(areas, "status", _status, "show how the environment is; exit code 1: not well")
    showing.set_defaults(verb="", limited=False, quiet=True)
    showing.add_argument(
        "--watch",
        type=int,
        nargs="?",
        const=_LEAST_SECONDS,
        metavar="SECONDS",
        help=f"again and again, every {_LEAST_SECONDS} s or less often, until interrupted",
    )
    showing.add_argument(
        "--pipeline-only",
        action="store_true",
        help="leave out the comparison with what is declared, which takes a login to Vault",
    )


def _status(run: Run) -> int:
    if run.arguments.watch is None:
        return _once(run)
    pause, code = max(run.arguments.watch, _LEAST_SECONDS), DONE
    try:
        while True:
            print("\033[2J\033[H", end="")
            code = _once(run)
            time.sleep(pause)
    except KeyboardInterrupt:
        return code


def _once(run: Run) -> int:
    compared = not run.arguments.pipeline_only
    # One screen: what the plans say on their way is not for it.
    muted = Report("status", io.StringIO(), io.StringIO(), as_json=False)
    sections = list(status(run.config, run.world, muted, compared))
    problems = [f"{each.name}: {problem}" for each in sections for problem in each.problems]
    hidden = [each.name for each in sections if each.hidden]
    run.report.show("sections", [asdict(each) for each in sections])
    run.report.show("healthy", not problems)
    if run.arguments.output == "text":
        for each in sections:
            print("\n".join(_text(each)))
    unseen = f"; not to be seen: {', '.join(hidden)}" if hidden else ""
    if problems:
        run.report.end("unhealthy", f"{run.name}: {len(problems)} problems{unseen}: {problems[0]}")
        return FAILED
    run.report.end("healthy", f"{run.name}: well{unseen}")
    return DONE


def _text(section: Section) -> list[str]:
    lines = [f"  {line}" for line in section.lines]
    lines += [f"  ! {problem}" for problem in section.problems]
    if section.hidden:
        lines = [f"  cannot be shown: {section.hidden}"]
    return [section.name, *lines]
