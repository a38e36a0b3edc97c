"""Run Helm on the chart."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[3]
CHART = PROJECT / "charts" / "embargo-butler"

Manifest = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the message is what it said."""


def helm(*arguments: str, stdin: str = "") -> str:
    """Run Helm (`$HELM`, or the one on PATH) and return its output.

    Raises:
        HelmError: It refused.
    """
    return _run(*arguments, stdin=stdin).stdout


def lint(environment: str, namespace: str) -> str:
    """Lint the chart with an environment's files, strictly, and return all that Helm said.

    Raises:
        HelmError: It found something. A rule of ours that fails is not among what Helm counts: it
            ends with 0 then, and writes the sentence beside.
    """
    words = ("lint", str(CHART), "--strict", "--namespace", namespace, *files(environment))
    done = _run(*words)
    said = done.stdout + done.stderr
    # Helm 3 and 4 name it by another word each.
    if (
        re.search("Fail:|funcMap fail|WARNING", said)
        or "1 chart(s) linted, 0 chart(s) failed" not in said
    ):
        raise HelmError(said)
    return said


def _run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = os.environ.get("HELM") or shutil.which("helm")
    if not program:
        raise AssertionError("no helm: put it on PATH or name it in HELM")
    done = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise HelmError(done.stderr.strip())
    return done


def files(environment: str, *, buckets: bool = True) -> list[str]:
    """Return the arguments that name an environment's files, or without that of its buckets."""
    bucket_config = PROJECT / "bucket-config" / f"{environment}.yaml"
    return [
        "--values",
        str(PROJECT / "values" / f"{environment}.yaml"),
        *(["--values", str(bucket_config)] if buckets and bucket_config.exists() else []),
    ]


def template(
    environment: str, values: Mapping[str, Any] | None = None, namespace: str | None = None
) -> str:
    """Render an environment as text, with some values changed.

    Raises:
        HelmError: Helm refused.
    """
    namespace = namespace or load(PROJECT / "values" / f"{environment}.yaml")["namespace"]
    changed = yaml.safe_dump(dict(values or {}))
    return helm(
        "template",
        environment,
        str(CHART),
        "--namespace",
        namespace,
        *files(environment),
        "--values",
        "-",
        stdin=changed,
    )


def render(environment: str, values: Mapping[str, Any] | None = None) -> dict[str, Manifest]:
    """Render an environment as its manifests by kind and name.

    Raises:
        HelmError: Helm refused.
    """
    return parsed(template(environment, values) if values else unchanged(environment))


@cache
def unchanged(environment: str) -> str:
    """Render an environment as text, once for all who ask."""
    return template(environment)


def parsed(text: str) -> dict[str, Manifest]:
    """Parse what Helm rendered as manifests by kind and name."""
    found: dict[str, Manifest] = {}
    for manifest in yaml.load_all(text, Loader=yaml.CSafeLoader):
        key = f"{manifest['kind']}/{manifest['metadata']['name']}"
        assert key not in found, f"rendered twice: {key}"
        found[key] = manifest
    return found


def names(path: Sequence[str], message: str) -> bool:
    """Tell whether a message is of a key that is not there or wrong, as any Helm writes of it."""
    *above, last = path
    here, parent = re.escape(".".join(path)), re.escape(".".join(above) or "(root)")
    below, pointer = re.escape("/".join(("", *path))), re.escape("/".join(("", *above)))
    earlier = rf"^ *- ({here}: |{parent}: {re.escape(last)} is required)"
    later = rf"^ *- at ('{below}': |'{pointer}': missing propert.*'{re.escape(last)}')"
    return bool(re.search(f"{earlier}|{later}", message, re.MULTILINE))


def load(path: Path) -> Any:
    """Parse a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two trees of values as Helm does: the right one wins, leaf by leaf."""
    result = dict(left)
    for key, value in right.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def paths(tree: Any, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk all maps and leaves of a tree of values."""
    if above:
        yield above, tree
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from paths(value, *above, key)


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the tree that has nothing but one value."""
    for key in reversed(path):
        value = {key: value}
    return dict(value)
