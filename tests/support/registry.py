"""A registry near the node: what a pull policy of Always asks for, under its real name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from tests.rig import images, packages
from tests.rig.command import run, wait_for
from tests.rig.site import NODE, STATE
from tests.support.ports import free_port

PROGRAMS = ("docker-registry", "skopeo")


@contextmanager
def serving(folder: Path, host: str) -> Iterator[None]:
    """Have an empty registry at `host:port`."""
    packages.install(PROGRAMS, print)
    config, log = folder / "config.yml", folder / "registry.log"
    storage = {"filesystem": {"rootdirectory": str(folder / "storage")}}
    config.write_text(yaml.safe_dump({"version": 0.1, "storage": storage, "http": {"addr": host}}))
    with log.open("w") as output:
        command = [packages.program("docker-registry"), "serve", str(config)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for("the registry answers", lambda: _answers(host), timeout=30, log=log)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def mirrored(folder: Path, wanted: Sequence[images.Image]) -> Iterator[None]:
    """Have the node find images of one registry near, whatever it pulls them by."""
    registry = wanted[0].name.partition("/")[0]
    host = f"{NODE}:{free_port()}"
    file = STATE / "containerd/registries" / registry / "hosts.toml"
    with serving(folder, host):
        for image in wanted:
            name = image.name.partition("/")[2]
            copy(f"oci-archive:{images.archive(image, print)}", f"{host}/{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        near = f'server = "http://{host}"\n[host."http://{host}"]\n'
        file.write_text(f'{near}capabilities = ["pull", "resolve"]\n')
        try:
            yield
        finally:
            file.unlink()


def copy(source: str, to: str) -> None:
    """Copy an image into a registry, with all that its tag means."""
    plain = ("--insecure-policy", "copy", "--all", "--src-tls-verify=false")
    run(
        *(packages.program("skopeo"), *plain, "--dest-tls-verify=false", source, f"docker://{to}"),
        timeout=300,
    )


def _answers(host: str) -> bool:
    try:
        return requests.get(f"http://{host}/v2/", timeout=5).ok
    except requests.RequestException:
        return False
