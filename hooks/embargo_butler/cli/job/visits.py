"""`visits`: define the visits that ingest left out.

Ingest defines an exposure's visit when it has just registered the exposure. Killed in between, or
without a database for that moment, it finds the exposure there the next time and defines none.
Source of the rule: facts of ingest, lsst-dm/embargo-butler 1.5.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from embargo_butler.cli import options
from embargo_butler.cli.job.running import CHANGES, DONE, Run, Verb
from embargo_butler.delivery.days import window
from embargo_butler.errors import HooksError

# Ingest may be at an exposure this new.
_GRACE = timedelta(seconds=300)
_AT_ONCE = 100
_SHOWN = 10


def _visits(run: Run) -> int:
    try:
        within = window(run.arguments.since, run.arguments.until, datetime.now(UTC), _GRACE)
    except ValueError as error:
        raise HooksError(f"--since, --until: {error}") from None
    run.report.step("asking the Butler in a pod of ingest")
    butler = run.world.butler()
    span = within.since.timestamp(), within.until.timestamp()
    found = defaultdict[str, list[str]](list)
    for instrument, name in butler.unvisited(within.days(), *span):
        found[instrument].append(name)
    names = [name for each in found.values() for name in each]
    more = [f"    and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    run.report.show("unvisited", names, [f"    {name}" for name in names[:_SHOWN]] + more)
    if not names:
        run.report.end("unchanged", f"{run.name}: every exposure on the sky has its visit")
        return DONE
    if not run.arguments.apply:
        until = ("--until", run.arguments.until) if run.arguments.until else ()
        command = run.typed(("visits", "--since", run.arguments.since, *until, "--apply"))
        sentence = f"{len(names)} exposures have no visit; `{command}` defines it"
        run.report.end("changes", f"{run.name}: {sentence}")
        return CHANGES
    run.report.wrote = True
    for instrument, each in found.items():
        for start in range(0, len(each), _AT_ONCE):
            butler.define_visits(instrument, each[start : start + _AT_ONCE])
    if left := butler.unvisited(within.days(), *span):
        raise HooksError(
            f"{len(left)} of {len(names)} exposures still have no visit, the first {left[0][1]}: "
            "look into the log of `butler define-visits` in a pod of ingest"
        )
    run.report.end("changed", f"{run.name}: {len(names)} visits defined")
    return DONE


VISITS = Verb(
    "visits",
    _visits,
    "Find exposures without a visit, asked in ingest.",
    "--apply",
    [options.SINCE, options.UNTIL, options.APPLY],
    limited=False,
)
