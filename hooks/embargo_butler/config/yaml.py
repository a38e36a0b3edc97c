"""YAML in which no key stands twice: of two, YAML's own rule silently takes the last."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from embargo_butler.errors import ConfigError
from embargo_butler.terminal import command


class _GivenTwice(yaml.MarkedYAMLError):
    """A key stands twice in one mapping."""

    def __init__(self, key: str, mark: yaml.Mark) -> None:
        super().__init__(problem_mark=mark)
        self.key = key


class _Loader(yaml.CSafeLoader):
    """Parses in C: in Python, a configuration takes longer to parse than its buckets to plan."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            # A merge key may stand there several times.
            if isinstance(key.value, str):
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise _GivenTwice(key.value, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(path: Path, declared: str = "") -> Any:
    """Read a document.

    Args:
        path: The file.
        declared: `ENVIRONMENT/NAMESPACE/CONFIGMAP:SHA256`: where it is from, and what its release
            has rendered; empty where it may hold anything.

    Raises:
        ConfigError: It cannot be read, is not what is declared, is not YAML, or a key stands twice
            in one mapping.
    """
    try:
        content = path.read_bytes()
        if declared:
            _check(content, *declared.rsplit(":", 1))
        return yaml.load(content.decode(), _Loader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except _GivenTwice as error:
        raise ConfigError(f"{_place(path, error)}: the key {error.key!r} is given twice") from None
    # PyYAML lets out the ValueError of what is no UTF-8, or no date.
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{_place(path, error)}: is not YAML ({type(error).__name__})") from None


def _check(content: bytes, place: str, wanted: str = "") -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        # Of the file nothing is told: it may hold anything.
        environment, _, place = place.partition("/")
        namespace, _, name = place.partition("/")
        look = ("kubectl", "get", "configmap", name, "-n", namespace, "-o", "yaml")
        apply = ("make", "apply", f"ENV={environment}")
        raise ConfigError(
            f"ConfigMap {name} of namespace {namespace}: has another configuration than its "
            f"release: expected SHA-256 {wanted[:12]}, found {found[:12]}; nothing was connected "
            "to. Unless an upgrade is under way, after which the next run is right, somebody has "
            "changed it: "
            f"`{command(look)} --show-managed-fields` tells who, and `{command(apply)}` puts the "
            "release's own back"
        )


def _place(path: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}, line {mark.line + 1}" if mark else str(path)
