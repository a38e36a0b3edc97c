"""What the Rubin stack adds to the command `butler`: `register-instrument`, here for LSSTCam."""

from __future__ import annotations

import click
from lsst.daf.butler import Butler

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
