"""The demonstration: takes one exposure and shows how far each of its files comes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from tests.rig import cluster, site
from tests.rig.command import wait_for
from tests.rig.errors import RigError
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
    camera = connect.camera(SUMMIT)
    seq = camera.next_seq(Exposure.now(0).day)
    exposure = Exposure.now(seq)
    with connect.watcher(SUMMIT, [exposure]) as watcher:
        _show(display, camera, exposure, watcher, timeout)
    return 0


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
    console.print(_next_steps(watcher, exposure), soft_wrap=True)


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


def _next_steps(watcher: Watcher, exposure: Exposure) -> str:
    asked = watcher.presence.address(exposure.group, Detector("R22", "S11").name)
    vault_keys = site.STATE / "vault" / "init.json"
    s3_keys = site.STATE / "credentials.json"
    kubectl = f"kubectl -n {SUMMIT.namespace}"
    programs = f"{Path(sys.executable).parent}:{cluster.programs()}"
    upgrade = " ".join(SUMMIT.full_command)
    text = f"""
The site stays up. How to reach it:
  Kubernetes  export KUBECONFIG={site.KUBECONFIG} PATH={programs}:$PATH
              {kubectl} get pods,services,jobs
  Vault       export VAULT_ADDR={site.VAULT_URL}    token: field root_token of {vault_keys}
  S3          {site.RGW_URL}    keys: s3/<user>/access and s3/<user>/secret in {s3_keys}
  Presence    curl {asked}

What to try next:
  more ingest pods         {kubectl} scale deploy/{FULLNAME}-ingest --replicas=3
  a bad tag                {upgrade} --set ingest.image.tag=no-such-tag
  and back again           helm rollback {SUMMIT.name} -n {SUMMIT.namespace}
  one more exposure        make demo
  take everything away     make demo-down"""
    return escape(text)
