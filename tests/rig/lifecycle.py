"""Bring the site up, or take it down: the steps, and which of them wait for which."""

from __future__ import annotations

import contextlib
import functools
import graphlib
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from tests.rig import (
    binaries,
    butler,
    ceph,
    cluster,
    environment,
    gateways,
    images,
    kafka,
    network,
    packages,
    postgres,
    preflight,
    supervisor,
    vault,
)
from tests.rig import listener as listening
from tests.rig.errors import RigError
from tests.rig.progress import Display, Say
from tests.rig.release import SUMMIT
from tests.rig.site import PROJECT, STATE

_IDENTITY = STATE / "identity"
_LOCK = "\0embargo-butler-rig"
"""An abstract socket: it is gone with the process that holds it, and leaves no file."""
_WORKERS = 16
"""More than ever work: some only wait for another."""


@dataclass(frozen=True)
class Step:
    """One step of bringing the site up, idempotent by itself."""

    title: str
    run: Callable[[Say], object]
    after: tuple[str, ...] = ()


def _load(image: images.Image, loaded: list[str]) -> Callable[[Say], None]:
    def run(say: Say) -> None:
        built = images.archive(image, say)
        if images.load(image.name, built, say):
            loaded.append(image.name)

    return run


def _load_pause(say: Say) -> None:
    images.load(images.PAUSE, images.pause(say), say)


def _build(image: images.Image) -> Callable[[Say], object]:
    return lambda say: images.archive(image, say)


def steps(
    site_images: tuple[images.Image, ...], loaded: list[str], *, for_tests: bool = False
) -> dict[str, Step]:
    """Return the steps by their names.

    Args:
        site_images: The images that containerd is to hold.
        loaded: Gets the names of those that had to be loaded.
        for_tests: Whether to have too what only the tests want: newer gateways, a Kafka
            broker, and newer Helms.
    """
    found = {
        "packages": Step("Debian packages", packages.up),
        "network": Step("network", network.up, ("packages",)),
        "base image": Step("Python base image", images.base, ("packages",)),
        "cluster programs": Step("build Kubernetes", binaries.site),
        "vault program": Step("build Vault", binaries.vault),
        "containers": Step("containerd", cluster.containers, ("packages", "network")),
        "control plane": Step(
            "control plane", cluster.control_plane, ("cluster programs", "packages", "network")
        ),
        "pause image": Step("pause image", _load_pause, ("cluster programs", "containers")),
        "node": Step("node", cluster.node, ("control plane", "pause image")),
        "dns": Step("DNS", cluster.dns, ("control plane",)),
        "load balancer": Step("load balancer", cluster.load_balancer, ("control plane",)),
        "volumes": Step("volumes", cluster.volumes, ("control plane",)),
        "listener": Step("listener", listening.up, ("network",)),
        "ceph": Step("Ceph object store", ceph.up, ("packages", "network", "listener")),
        "postgres": Step("PostgreSQL", postgres.up, ("packages", "network")),
        "butler": Step("Butler repository", butler.up, ("postgres",)),
        "vault": Step("Vault", vault.up, ("vault program", "network")),
        "vault login": Step("Vault login", vault.up_login, ("vault", "control plane")),
        "summit": Step(
            *("summit", functools.partial(environment.make, SUMMIT)),
            ("ceph", "butler", "vault login"),
        ),
    }
    if for_tests:
        newer = {store.name: store for store in gateways.NEWER}
        for name, store in newer.items():
            found[name] = Step(f"Ceph {store.major} gateway", store.up, ("packages", "network"))
        found["gateways"] = Step("contract's gateways", gateways.describe, ("ceph", *newer))
        found["kafka"] = Step("Kafka broker", kafka.up, ("packages", "network"))
        # After those that the whole site waits for.
        after = ("cluster programs", "vault program")
        for each in binaries.HELMS:
            building = functools.partial(binaries.helm, each)
            found[f"helm {each}"] = Step(f"build Helm {each}", building, after)
    for image in site_images:
        short = image.name.rpartition("/")[2]
        # Built as soon as the tools are there; loaded when containerd is.
        needed = "packages" if image.root else "base image"
        found[f"build {short}"] = Step(f"build {short}", _build(image), (needed,))
        found[f"load {short}"] = Step(
            f"load {short}", _load(image, loaded), (f"build {short}", "containers")
        )
    return found


def up(
    display: Display,
    site_images: tuple[images.Image, ...],
    *,
    as_is: bool = False,
    for_tests: bool = False,
) -> list[str]:
    """Bring the site up; what is right stays as it is, what is missing or broken is mended.

    Args:
        display: Where progress is shown.
        site_images: The images that containerd is to hold.
        as_is: Keep a site that another state of the rig's sources brought up.
        for_tests: Have too what only the tests want: newer gateways, a Kafka
            broker, and newer Helms.

    Returns:
        The names of the images that were not there, or had changed.

    Raises:
        RigError: A step failed; the others that ran then were let end first.
    """
    with _alone():
        # First, because what an interrupted site left running holds the ports that are asked for.
        supervisor.end_orphans()
        preflight.check()
        ours = binaries.source_hash(PROJECT / "tests/rig")
        found = _IDENTITY.read_text() if _IDENTITY.exists() else ""
        if STATE.exists() and found != ours and not as_is:
            display.line("a site of other sources is here: taking it down first")
            _down(display)
        STATE.mkdir(parents=True, exist_ok=True)
        # Others (PostgreSQL's user) pass through; what is secret in it has its own mode.
        STATE.chmod(0o755)
        cluster.remember_elsewhere()
        _IDENTITY.write_text(ours)
        loaded: list[str] = []
        _run_all(display, steps(site_images, loaded, for_tests=for_tests))
        return loaded


def down(display: Display) -> None:
    """Take the site away: processes, mounts, devices, addresses, rules and files."""
    with _alone():
        _down(display)


def _down(display: Display) -> None:
    with display.step("stop the programs"):
        supervisor.shut_down()
    with display.step("stop the containers"):
        cluster.stop_containers()
    with display.step("clear the network"):
        if shutil.which("iptables-save", path="/usr/sbin:/usr/bin"):
            network.down()
    with display.step("remove the files"):
        shutil.rmtree(STATE, ignore_errors=True)
        if STATE.exists():
            raise RigError(f"{STATE} could not be removed; something in it is in use or mounted")


def _run_all(display: Display, wanted: dict[str, Step]) -> None:
    order = graphlib.TopologicalSorter({name: step.after for name, step in wanted.items()})
    order.prepare()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None

    def work(step: Step) -> None:
        with display.step(step.title) as say:
            step.run(say)

    with _interruptible(), ThreadPoolExecutor(_WORKERS) as pool:
        while order.is_active():
            if failure is None:
                for name in order.get_ready():
                    running[pool.submit(work, wanted[name])] = name
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                if error := future.exception():
                    if failure is None and running:
                        left = ", ".join(wanted[name].title for name in running.values())
                        display.line(f"nothing more is begun; still working: {left}")
                    failure = failure or error
                else:
                    order.done(name)
    if failure is not None:
        raise failure


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """End at once on an interrupt: every step may be cut off anywhere and is mended next time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        os.write(2, b"\ninterrupted; the same command goes on from here\n")
        os._exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time work on the machine's one site."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(_LOCK)
        except OSError as error:
            raise RigError(
                "another make demo, test or demo-down works on this machine's site now",
                hint="wait for its end, or end it",
            ) from error
        yield
