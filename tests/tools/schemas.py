"""JSON schemas of Kubernetes' objects and of KEDA's and Prometheus' operators', for kubeconform.

Made from their Go modules.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.rig import binaries
from tests.rig.errors import RigError
from tests.rig.progress import Say
from tests.rig.site import CACHE

Schema = dict[str, Any]


@dataclass(frozen=True)
class Module:
    """A Go module in one version, known by Go's checksum of it."""

    path: str
    version: str
    checksum: str


KUBERNETES = {
    minor: Module("k8s.io/kubernetes", version, checksum)
    for minor, version, checksum in (
        ("1.30", "v1.30.14", "h1:MrlKXh9uhLIJpyxOeXhcndzRVSvwiV9iJ8NgH8nqPsg="),
        ("1.31", "v1.31.14", "h1:UtjLfqvXLuSVDdJ4+NpQCIfFkKkLnAAVmxAEMsnkhjk="),
        ("1.32", "v1.32.13", "h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ="),
        ("1.33", "v1.33.13", "h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ="),
        ("1.34", "v1.34.4", "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk="),
    )
}
KEDA = Module(
    "github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps="
)
_OPERATOR = "example/prometheus-operator-crd/monitoring.coreos.com"
PROMETHEUS_OPERATOR = Module(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.85.0",
    "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
)
_CUSTOM = (
    (KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    (KEDA, "config/crd/bases/keda.sh_triggerauthentications.yaml"),
    (PROMETHEUS_OPERATOR, f"{_OPERATOR}_podmonitors.yaml"),
    (PROMETHEUS_OPERATOR, f"{_OPERATOR}_prometheusrules.yaml"),
)
_GROUPS = ("", "apps", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io")


def folder(say: Say) -> Path:
    """Return the folder of schemas, with one below it for each minor version of Kubernetes.

    Raises:
        RigError: A module cannot be had, or is not what it was.
    """
    state = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    done = CACHE / f"schemas-{state}"
    if done.exists():
        say("made before")
        return done
    aside = done.with_suffix(".new")
    shutil.rmtree(aside, ignore_errors=True)
    for minor, module in KUBERNETES.items():
        say(f"making those of Kubernetes {minor}")
        (place := aside / minor).mkdir(parents=True)
        swagger = json.loads(_file(module, "api/openapi-spec/swagger.json").read_text())
        for name, schema in kinds(swagger["definitions"]):
            (place / f"{name}.json").write_text(json.dumps(schema))
        for owner, path in _CUSTOM:
            name, schema = _custom(yaml.safe_load(_file(owner, path).read_text()))
            (place / f"{name}.json").write_text(json.dumps(schema))
    aside.rename(done)
    return done


def _file(module: Module, path: str) -> Path:
    found = binaries.module(f"{module.path}@{module.version}")
    if found["Sum"] != module.checksum:
        raise RigError(
            f"{module.path} {module.version} has the checksum {found['Sum']}, "
            f"expected {module.checksum}: somebody has changed a published version"
        )
    return Path(found["Dir"]) / path


def kinds(definitions: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """Yield kubeconform's name of each kind, and a schema that needs nothing beside it."""
    for name, definition in definitions.items():
        for known in definition.get("x-kubernetes-group-version-kind", ()):
            group, version, kind = known["group"], known["version"], known["kind"]
            if group not in _GROUPS or "properties" not in definition:
                continue
            needed = {other: _strict(definitions[other]) for other in _needed(definitions, name)}
            api_version = f"{group}/{version}" if group else version
            needed[name]["required"] = ["apiVersion", "kind", "metadata"]
            needed[name]["properties"]["apiVersion"] = {"const": api_version}
            parts = [kind.lower(), group.partition(".")[0], version]
            yield (
                "-".join(part for part in parts if part),
                {"$ref": f"#/definitions/{name}", "definitions": needed},
            )


def _needed(definitions: dict[str, Schema], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting.extend(_references(definitions[one]))
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix("#/definitions/")
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _custom(resource: Schema) -> tuple[str, Schema]:
    spec = resource["spec"]
    version = spec["versions"][0]
    name = f"{spec['names']['kind'].lower()}-{spec['group'].partition('.')[0]}-{version['name']}"
    return name, _strict(version["schema"]["openAPIV3Schema"])


def _strict(node: Any) -> Any:
    """Copy a schema, without prose, and closed wherever it names properties."""
    if isinstance(node, list):
        return [_strict(value) for value in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "int-or-string" or "x-kubernetes-int-or-string" in node:
        return {"type": ["integer", "string"]}
    copy = {key: _strict(value) for key, value in node.items() if not _is_prose(key, value)}
    if isinstance(copy.get("properties"), dict):
        copy.setdefault("additionalProperties", False)
    return copy


def _is_prose(key: str, value: Any) -> bool:
    """Tell whether an entry is a schema's text or hint, and not a property that is called so."""
    return key.startswith("x-kubernetes-") or (
        key in ("description", "format") and isinstance(value, str)
    )
