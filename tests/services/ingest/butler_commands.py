"""What the Rubin stack adds to the command `butler`, here for LSSTCam."""

from __future__ import annotations

import click
from lsst.daf.butler import Butler

import visits
from lsstcam import CLASS_NAME, register_camera


@click.command()
@click.argument("repo")
@click.argument("instruments", nargs=-1, required=True)
def register_instrument(repo: str, instruments: tuple[str, ...]) -> None:
    """Register instruments, given by their classes, in a repository."""
    for name in instruments:
        if name != CLASS_NAME:
            raise click.ClickException(f"Instrument class {name} could not be imported")
    with Butler.from_config(repo, writeable=True) as butler:
        register_camera(butler)


@click.command()
@click.argument("repo")
@click.argument("instrument")
@click.option("--collections", help="Not used here: the camera's geometry is not looked up.")
@click.option("--where", default="", help="Which exposures.")
def define_visits(repo: str, instrument: str, collections: str, where: str) -> None:
    """Define the visits of exposures that are in a repository."""
    with Butler.from_config(repo, writeable=True) as butler:
        for record in butler.query_dimension_records(
            "exposure", instrument=instrument, where=where, explain=False, limit=None
        ):
            visits.define(butler, record)
