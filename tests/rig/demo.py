"""The demonstration: takes one exposure and shows how far each of its files comes."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from tests.rig import cluster, release, site, vault
from tests.rig.command import wait_for
from tests.rig.errors import RigError
from tests.rig.files import write_private
from tests.rig.progress import Display
from tests.rig.release import SUMMIT
from tests.support import connect, pictures
from tests.support.camera import Camera, Put
from tests.support.detectors import Detector
from tests.support.exposure import Exposure
from tests.support.journey import Journey, Stage
from tests.support.namespace import FULLNAME
from tests.support.watch import Watcher

TIMES = site.STATE / "demo"
ACTIVATE = site.STATE / "activate"
"""What a shell sources to work on the site; only root may read it, as Vault's token is in it."""
_PROGRAMS = site.STATE / "bin"
_PLAIN_LINE_SECONDS = 2.0
_SHOWN_FILES = 10


def run(display: Display, timeout: float = 300) -> int:
    """Take one exposure, show it on its way into the Butler, and say what to try next.

    Args:
        display: Where to show it; on anything but a terminal it is a line every two seconds.
        timeout: Seconds after which the files have to be everywhere.

    Returns:
        The exit status, 0.

    Raises:
        RigError: Some files have not arrived in time, or something was left in a queue.
    """
    _write_activation()
    exposure, asked = _expose(display, timeout)
    display.console.print(escape(closing(exposure, asked)), soft_wrap=True)
    return 0


def expose(display: Display, timeout: float = 300) -> int:
    """Take one exposure more on a site that is up; as `run`, without what to try next.

    Raises:
        RigError: There is no site, a part of it is away, or as for `run`.
    """
    if not site.KUBECONFIG.exists():
        raise RigError("the demonstration's site is not up", hint="bring it up: make demo")
    try:
        _expose(display, timeout)
    except RigError:
        raise
    except Exception as error:  # whichever part of the site is away, and whose client says so
        first = (str(error).splitlines() or [""])[0]
        raise RigError(
            f"the site is not whole: {type(error).__name__}: {first}", hint="mend it: make demo"
        ) from error
    return 0


def _expose(display: Display, timeout: float) -> tuple[Exposure, str]:
    """Return the exposure that was taken, and where presence is asked for one of its files."""
    camera = connect.camera(SUMMIT)
    exposure = Exposure.now(camera.next_seq(Exposure.now(0).day))
    with connect.watcher(SUMMIT, [exposure]) as watcher:
        _show(display, camera, exposure, watcher, timeout)
        return exposure, watcher.presence.address(exposure.group, Detector("R22", "S11").name)


def _show(
    display: Display, camera: Camera, exposure: Exposure, watcher: Watcher, timeout: float
) -> None:
    console = display.console
    journey = watcher.journey
    console.print(
        f"\nThe camera takes exposure [bold]{exposure.name}[/bold]: {len(exposure.keys)} files to "
        f"s3://{camera.bucket}/{exposure.prefix}"
    )
    with ThreadPoolExecutor(1) as pool, _shown(console, journey, exposure) as show:
        puts = pool.submit(camera.put_all, exposure.files(), journey.note_put)

        def on_look() -> None:
            _raise_if_failed(puts, camera.bucket)
            show()

        arrived = watcher.until_complete(timeout, on_look)
    times = TIMES / f"{exposure.name}.csv"
    pictures.write_times(journey, times)
    console.print(pictures.closing_table(journey))
    console.print(f"File by file: {times}")
    if not arrived:
        raise _incomplete(watcher, timeout)
    wait_for(
        "no file is left in a queue or with a worker (Redis lists QUEUE:* and WORKER:*)",
        lambda: not watcher.queues.lists(),
        timeout=60,
    )
    console.print("Every queue is empty: nothing waits, and no worker holds a file.")


@contextmanager
def _shown(console: Console, journey: Journey, exposure: Exposure) -> Iterator[Callable[[], None]]:
    if console.is_terminal:
        with Live(console=console, transient=True, refresh_per_second=4) as live:
            yield lambda: live.update(pictures.live(journey, exposure))
        return
    begun = time.monotonic()
    next_line = begun

    def line() -> None:
        nonlocal next_line
        if (now := time.monotonic()) >= next_line or journey.complete:
            console.print(f"{now - begun:6.1f} s  {pictures.line(journey)}", soft_wrap=True)
            next_line = now + _PLAIN_LINE_SECONDS

    yield line


def _raise_if_failed(puts: Future[list[Put]], bucket: str) -> None:
    if puts.done() and (error := puts.exception()):
        raise RigError(
            f"the camera's PUT to s3://{bucket} failed: {error}",
            log=site.LOGS / "radosgw.log",
            hint=f"is the object gateway up at {site.RGW_URL}?",
        ) from error


def _incomplete(watcher: Watcher, timeout: float) -> RigError:
    failures = watcher.failures()
    lines = [f"after {timeout:g} s not all files have arrived"]
    for stage in Stage:
        if missing := watcher.journey.missing(stage):
            lines.append(f"not {stage}: {len(missing)}")
            lines += [
                f"  {key}{f': {failures[key]}' if key in failures else ''}"
                for key in missing[:_SHOWN_FILES]
            ]
            if len(missing) > _SHOWN_FILES:
                lines.append(f"  and {len(missing) - _SHOWN_FILES} more")
    lines.append(f"lists in Redis that are not empty: {watcher.queues.lists() or 'none'}")
    return RigError(
        "\n".join(lines),
        hint=f"look at: kubectl --kubeconfig {site.KUBECONFIG} -n {SUMMIT.namespace} logs "
        f"deploy/{FULLNAME}-ingest (or -enqueue, -presence)",
    )


def _write_activation() -> None:
    """Write what makes a shell one to work on the site with, by every verb and by hand."""
    _PROGRAMS.mkdir(exist_ok=True)
    bao = shutil.which("bao", path=str(Path(sys.executable).parent)) or "bao"
    programs = {
        "kubectl": str(cluster.programs() / "kubectl"),
        "helm": release.helm(),
        # OpenBao's command line is Vault's, with the same verbs and variables.
        "bao": bao,
        "vault": bao,
    }
    for name, program in programs.items():
        link = _PROGRAMS / name
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    variables = {
        **cluster.CLIENT_ENVIRONMENT,
        "VAULT_ADDR": site.VAULT_URL,
        "VAULT_TOKEN": str(vault.admin().token),
        "VALUES": shlex.join(str(site.PROJECT / each) for each in SUMMIT.rig_values()),
    }
    lines = [f"export {name}={shlex.quote(text)}" for name, text in variables.items()]
    lines.append(f"export PATH={_PROGRAMS}:$PATH")
    write_private(ACTIVATE, "\n".join(lines) + "\n")


def closing(exposure: Exposure, asked: str) -> str:
    """Return what to try next: what is indented is to be copied, and a test runs each line.

    Args:
        exposure: The one that was taken.
        asked: Where presence answers for one of its files.
    """
    name, namespace = SUMMIT.name, SUMMIT.namespace
    chart, bad = "charts/embargo-butler", "--set ingest.image.tag=9.9.9"
    return f"""
The site stays up. To work on it, in any shell:

    cd {shlex.quote(str(site.PROJECT))} && . {ACTIVATE}
    make status ENV={name}
    make plan ENV={name}
    kubectl -n {namespace} get pods,services,jobs
    vault kv list secret/rubin/usdf-embargo-dmz

Every verb of `make` works in that shell, with ENV={name} alone. Three things worth seeing:

    # 1. How far each file of the exposure has come
    make trace ENV={name} EXPOSURE={exposure.name}
    # 2. Ingest is killed in the middle of an exposure, and no file is lost
    (sleep 5; kubectl -n {namespace} delete pod -l app=ingest --now) & make expose
    # 3. A bad release, whose image is not there: the old pod works on, and a rollback ends it
    helm upgrade {name} {chart} -n {namespace} --reuse-values {bad}
    make status ENV={name}
    make rollback ENV={name}

The object store is at {site.RGW_URL}, its keys in {site.STATE}/credentials.json.
Presence answers at {asked}
`make demo-down` takes everything away."""
