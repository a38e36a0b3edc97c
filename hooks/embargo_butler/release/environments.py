"""The environments, as `values/` and `bucket-config/` declare them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embargo_butler.config import reader
from embargo_butler.config import yaml as strict_yaml
from embargo_butler.errors import ConfigError

CHART = Path("charts/embargo-butler")
BUCKETS = Path("bucket-config")
_COMPONENTS = ("redis", "enqueue", "ingest", "idle", "presence")


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        name: Its name, and that of its release.
        cluster: The cluster that it lives in.
        production: Whether images are lost if it fails.
        namespace: Its namespace there.
        images: The tag (or digest) of each component that it has.
        replicas: The number of ingest's pods, 0 while it is suspended; None where the manifest
            leaves it to others.
        files: Its values files, in the order in which Helm is given them.
    """

    name: str
    cluster: str
    production: bool
    namespace: str
    images: Mapping[str, str]
    replicas: int | None
    files: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def all_of(project: Path) -> list[Environment]:
    """Read every environment.

    Raises:
        ConfigError: The folder is not the project's, or a file of it is not as it should be.
    """
    names = sorted(path.stem for path in (project / "values").glob("*.yaml"))
    if not names or not (project / CHART).is_dir():
        raise ConfigError(
            f"{project.resolve()}: has no {CHART} and values/*.yaml; "
            "call this in the folder of the project"
        )
    defaults = read_values(project / CHART / "values.yaml")
    return [_read(project, name, defaults) for name in names]


def find(project: Path, name: str, more: Sequence[str] = ()) -> Environment:
    """Return an environment by its name.

    Args:
        project: The folder of the project.
        name: The environment.
        more: Values files over its own, whose word on the cluster counts as all of theirs.

    Raises:
        ConfigError: There is none of that name; the nearest names are told. Or a file cannot
            be read.
    """
    there = {environment.name: environment for environment in all_of(project)}
    if name in there:
        defaults = read_values(project / CHART / "values.yaml")
        return _read(project, name, defaults, more) if more else there[name]
    known = f"there are: {', '.join(there)}"
    if not name:
        raise ConfigError(f"which environment (ENV=NAME)? {known}")
    near = " or ".join(difflib.get_close_matches(name, there))
    meant = f"did you mean {near}? " if near else ""
    raise ConfigError(f"there is no environment {name!r}: {meant}{known}")


def table(environments: list[Environment]) -> list[str]:
    """Return the environments as the lines of a table."""
    head = ("ENVIRONMENT", "CLUSTER", "NAMESPACE", *map(str.upper, _COMPONENTS), "REPLICAS")
    rows = [head]
    for each in environments:
        tags = (each.images.get(name, "-") for name in _COMPONENTS)
        replicas = "as scaled" if each.replicas is None else str(each.replicas)
        rows.append((each.name, each.cluster, each.namespace, *tags, replicas))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _read(
    project: Path, name: str, defaults: Mapping[str, Any], more: Sequence[str] = ()
) -> Environment:
    files = (f"values/{name}.yaml", f"{BUCKETS}/{name}.yaml")
    values = read_values(project / files[0])
    for each in more:
        values = _merged(values, read_values(Path(each)))
    try:
        components = {each: {**defaults[each], **values.get(each, {})} for each in _COMPONENTS}
        return Environment(
            name=name,
            cluster=values["cluster"],
            production=values.get("production", defaults["production"]),
            namespace=values["namespace"],
            images={
                each: component["image"].get("digest") or component["image"]["tag"]
                for each, component in components.items()
                if component.get("enabled", True)
            },
            replicas=0 if components["ingest"]["suspend"] else components["ingest"]["replicas"],
            files=tuple(file for file in files if (project / file).exists()),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{files[0]}: is missing or not as it should be: {error}") from None


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over others, as Helm does: maps are merged, all else is replaced."""
    return {
        **below,
        **{
            key: _merged(below[key], value)
            if isinstance(value, dict) and isinstance(below.get(key), dict)
            else value
            for key, value in above.items()
        },
    }


def read_values(path: Path) -> dict[str, Any]:
    """Read a values file.

    Raises:
        ConfigError: It cannot be read, or it is none.
    """
    found = strict_yaml.read(path)
    if found is None:
        return {}
    return reader.read(dict[reader.AnyText, Any], found, str(path))
