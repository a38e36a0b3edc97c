"""`report`: one night as a page for people."""

from __future__ import annotations

from pathlib import Path

import click

from embargo_butler.cli.job.running import DONE, Run, Verb
from embargo_butler.delivery.night_page import page
from embargo_butler.delivery.nightly import look
from embargo_butler.errors import HooksError


def _report(run: Run) -> int:
    config, day = run.config.required_pipeline, run.arguments.night
    run.report.step(f"bucket {config.bucket}: looking through night {day}")
    night = look(run.config.environment, config, run.world.objects(), run.world.records(), day)
    file = run.arguments.file or Path(f"{run.config.environment}-{day}.html")
    try:
        file.write_text(page(night, run.typed), encoding="utf-8")
    except OSError as error:
        raise HooksError(f"{file}: cannot be written: {error.strerror}") from None
    run.report.show("file", str(file))
    run.report.show("stages", night.stages())
    run.report.end("written", f"{run.name}: {len(night.arrivals)} files in {file}")
    return DONE


REPORT = Verb(
    "report",
    _report,
    "Write a night's page: delays, detectors, failures.",
    "--night 20260603",
    [
        click.Option(["--night"], required=True, metavar="YYYYMMDD", help="The observation day."),
        click.Option(
            ["--file"],
            type=click.Path(path_type=Path),
            help="By default ENVIRONMENT-YYYYMMDD.html.",
        ),
    ],
    limited=False,
    quiet=True,
)
