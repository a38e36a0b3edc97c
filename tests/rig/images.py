"""The container images, built with buildah from their Containerfiles under the real names.

Archives are cached by a hash of all that went into them.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from tests.rig import binaries, packages
from tests.rig.command import run
from tests.rig.files import locked
from tests.rig.progress import Say
from tests.rig.roots import Root
from tests.rig.site import CACHE, PROJECT, STATE
from tests.services import versions

_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_RIG_IMAGES = PROJECT / "tests/rig/images"
_builds = threading.Semaphore(2)


_PYTHON = Root("trixie", "python3,python3-venv,ca-certificates")
_REDIS = Root("bookworm", "redis-server")
_EXPORTER = Root("bookworm", "prometheus-redis-exporter")


@dataclass(frozen=True)
class Image:
    """One image of the site.

    Attributes:
        name: What it is called in manifests, with its tag.
        context: The folder of its Containerfile.
        root: The root folder that its Containerfile adds, if it starts from nothing; others start
            from the rig's stand-in for the official Python image.
        arguments: What its Containerfile asks for.
    """

    name: str
    context: Path
    root: Root | None = None
    arguments: tuple[tuple[str, str], ...] = ()


PAUSE = "localhost/rig/pause:1"
_BASE = Image("localhost/rig/python:3.13-slim", _RIG_IMAGES / "python", _PYTHON)
_SERVICES = "ghcr.io/lsst-dm/embargo-butler-"
REDIS = Image("docker.io/library/redis:7.0.15", _RIG_IMAGES / "redis", _REDIS)
EXPORTER = Image("docker.io/oliver006/redis_exporter:v1.45.0", _RIG_IMAGES / "exporter", _EXPORTER)


def service(name: str, tag: str) -> Image:
    """Return the stand-in of one of the services under a tag of the real one, by which it acts."""
    # The rig's camera sends guiders to all of them.
    does = versions.behaviour(tag) | {"guiders": True}
    arguments = {"STAND_IN": json.dumps(does)}
    arguments |= {row.upper(): str(does[row]) for row in ("redis_py", "presence_workers")}
    context = PROJECT / "tests/services" / name
    return Image(f"{_SERVICES}{name}:{tag}", context, arguments=tuple(arguments.items()))


def hooks(tag: str) -> Image:
    """Return the image of the hook jobs."""
    return Image(f"{_SERVICES}hooks:{tag}", PROJECT / "hooks")


def base(say: Say) -> str:
    """Return the name of the stand-in for the official Python image, building it if need be."""
    name = f"{_BASE.name}-{_key(_BASE)}"
    _PYTHON.archive(say)
    if not run(*_command("images", "-q", name), check=False).strip():
        _build(replace(_BASE, name=name), _log("image-base"), say)
    return name


def archive(image: Image, say: Say) -> Path:
    """Return the OCI archive of an image, building it if need be."""
    short = image.name.rpartition("/")[2].replace(":", "-")
    done = CACHE / "images" / f"{short}-{_key(image)}.tar"
    with locked(done):
        if done.exists():
            return done
        log = _log(f"image-{short}")
        if image.root:
            image.root.archive(say)
        say(f"waiting to build {image.name}")
        with _builds:
            _build(image, log, say)
            _export(image.name, done, log)
    return done


def _key(image: Image) -> str:
    folders = [image.context] if image.root else [image.context, _BASE.context]
    return binaries.source_hash(*folders, more=repr(image.arguments) if image.arguments else "")


def _build(image: Image, log: Path, say: Say) -> None:
    """Build an image into buildah's storage."""
    say(f"building {image.name} (log: {log})")
    if image.root:
        _bud(image.name, _with_root(image.context, image.root.archive(say)), log)
        return
    arguments = (("BASE", base(say)), *image.arguments)
    words = (word for name, value in arguments for word in ("--build-arg", f"{name}={value}"))
    _bud(image.name, image.context, log, *words)


def pause(say: Say) -> Path:
    """Return the OCI archive of the pause image."""
    program = binaries.site(say) / "pause"
    done = program.parent / "pause-image.tar"
    if not done.exists():
        folder = CACHE / "images" / "pause"
        folder.mkdir(parents=True, exist_ok=True)
        _link(program, folder / "pause")
        _link(_RIG_IMAGES / "pause/Containerfile", folder / "Containerfile")
        log = _log("image-pause")
        _bud(PAUSE, folder, log)
        _export(PAUSE, done, log)
    return done


def load(name: str, archive: Path, say: Say) -> bool:
    """Have containerd hold an image as it is in its archive.

    Returns:
        Whether it was not there, or another one under the name.
    """
    record = STATE / "images.json"
    with locked(record):
        loaded: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
        present = run(*_ctr("images", "ls", "-q")).split()
        if loaded.get(name) == archive.name and name in present:
            return False
        say(f"loading {name}")
        run(*_ctr("images", "import", "--no-unpack", archive), timeout=300)
        loaded[name] = archive.name
        record.write_text(json.dumps(loaded, indent=1))
        return True


def tag(image: Image, name: str) -> None:
    """Have containerd know an image that it holds by one more name."""
    run(*_ctr("images", "tag", "--force", image.name, name))


def _ctr(*arguments: str | Path) -> tuple[str | Path, ...]:
    return ("ctr", "-a", STATE / "containerd/containerd.sock", "-n", "k8s.io", *arguments)


def _with_root(context: Path, root: Path) -> Path:
    """Return a build context that holds the root folder's archive beside a Containerfile."""
    folder = CACHE / "images" / f"context-{context.name}"
    folder.mkdir(parents=True, exist_ok=True)
    _link(root, folder / "root.tar")
    for source in context.iterdir():
        _link(source, folder / source.name)
    return folder


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        target.write_bytes(source.read_bytes())
        target.chmod(source.stat().st_mode)


def _bud(name: str, context: Path, log: Path, *options: str) -> None:
    # pip inside the build trusts what this machine trusts.
    pip = CACHE / "images" / "pip.conf"
    pip.write_text(f"[global]\ncert = {_CA_BUNDLE}\ndisable-pip-version-check = true\n")
    mounts = (f"{_CA_BUNDLE}:{_CA_BUNDLE}:ro", f"{pip}:/etc/pip.conf:ro")
    _buildah(
        *("bud", "--isolation", "chroot", "--layers=false", "-t", name),
        *(word for mount in mounts for word in ("--volume", mount)),
        *(*options, "-f", str(context / "Containerfile"), str(context)),
        log=log,
    )


def _export(name: str, archive: Path, log: Path) -> None:
    """Move a built image out of buildah's storage into an archive."""
    aside = archive.with_suffix(".new")
    aside.unlink(missing_ok=True)
    _buildah("push", "-q", name, f"oci-archive:{aside}:{name}", log=log)
    _buildah("rmi", name, log=log)
    aside.rename(archive)


def _buildah(*arguments: str, log: Path) -> None:
    run(*_command(*arguments), timeout=900, log=log)


def _command(*arguments: str) -> tuple[str, ...]:
    storage = CACHE / "buildah"
    return (
        *(packages.program("buildah"), "--storage-driver", "overlay"),
        *("--root", str(storage / "root"), "--runroot", str(storage / "run")),
        *arguments,
    )


def _log(name: str) -> Path:
    log = CACHE / "log" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log
