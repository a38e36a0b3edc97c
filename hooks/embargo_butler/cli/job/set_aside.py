"""`set-aside`: take files off the lists by name, where they are in ingest's way."""

from __future__ import annotations

import time

import click

from embargo_butler.cli.job.running import DONE, Run, Verb
from embargo_butler.delivery import set_aside
from embargo_butler.errors import HooksError
from embargo_butler.health.tables import lasting


def _run(run: Run) -> int:
    arguments, bucket = run.arguments, run.config.required_pipeline.bucket
    if arguments.list == bool(arguments.paths) or (arguments.list and arguments.back):
        raise HooksError("set-aside: expected PATH..., --return PATH..., or --list alone")
    records, now = run.world.records(), time.time()
    paths = set_aside.named(bucket, arguments.paths)
    if arguments.list:
        found = sorted(records.aside(bucket).items())
        lines = [f"{path}, {lasting(now - when)} ago" for path, when in found]
        run.report.show("aside", dict(found), lines)
        run.report.end("unchanged", f"{run.name}: {len(found)} files are set aside")
    elif arguments.back:
        set_aside.give_back(bucket, paths, records, now)
        run.report.end("changed", f"{run.name}: {len(paths)} files queued again")
    else:
        set_aside.set_aside(bucket, paths, records, now)
        run.report.end("changed", f"{run.name}: {len(paths)} files set aside")
    return DONE


SET_ASIDE = Verb(
    "set-aside",
    _run,
    "Take files off the lists by name, where they block a worker; they count no more.",
    "LSSTCam/20260603/MC_O_20260603_000258/MC_O_20260603_000258_R00_SG0_guider.fits",
    [
        click.Argument(["paths"], nargs=-1, metavar="PATH..."),
        click.Option(["--list"], is_flag=True, help="Show what is set aside."),
        click.Option(["--return", "back"], is_flag=True, help="Put it into the queue again."),
    ],
    limited=False,
)
