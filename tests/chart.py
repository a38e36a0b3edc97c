"""The chart's own checks, beside those of pytest: what other programs say of it."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.rig import binaries
from tests.rig.errors import RigError
from tests.rig.progress import Say
from tests.rig.site import PROJECT
from tests.tools import defaults, schemas
from tests.unit.chart.helm import CHART, HelmError, lint, load, template

README = CHART / "README.md"
SCHEMA = CHART / "values.schema.json"
_DOCS = ("--chart-search-root", str(CHART.parent), "--sort-values-order", "file")
# What no environment has, for kubeconform to see.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "summit": {
        "ingest": {"replicas": None, "autoscaling": {"enabled": True}},
        "presence": {"replicas": 2, "service": {"sourceRanges": ["10.0.0.0/8"]}},
        "idle": {
            "volumes": {"extra": {"emptyDir": {"sizeLimit": "1Mi"}}},
            "volumeMounts": {"/extra": {"name": "extra"}},
            "tolerations": [{"key": "ingest", "operator": "Exists"}],
        },
        "pods": {"imagePullSecrets": [{"name": "registry"}]},
        "redis": {"persistence": {"existingClaim": "old"}},
        "networkPolicy": {"enabled": True},
        "monitoring": {
            "exporter": {"enabled": True},
            "scrape": "podMonitor",
            "rules": {"enabled": True},
            "dashboard": {"enabled": True},
        },
    },
    "summit-new": {"enqueue": {"kafka": {"drain": {"topic": "old"}}}},
}


def main(arguments: list[str]) -> int:
    """Run the checks, or with `docs` write what its values make; return 1 if anything is wrong."""
    try:
        if arguments == ["docs"]:
            for path, made in _MADE.items():
                path.write_text(made(), encoding="utf-8")
            return 0
        results = [check() for check in (_lint, _unittest, _docs, _conform)]
        return int(not all(results))
    except RigError as error:
        print(error, file=sys.stderr)
        return 1


def _say(name: str) -> Say:
    return lambda text: print(f"{name}: {text}", flush=True)


def _environments() -> list[str]:
    found = sorted(path.stem for path in (PROJECT / "values").glob("*.yaml"))
    if not found:
        raise RigError("no environment in values/")
    return found


def _lint() -> bool:
    results = [_lint_environment(name) for name in _environments()]
    return all(results)


def _lint_environment(name: str) -> bool:
    # An environment's chart renders for its own namespace only.
    namespace = str(load(PROJECT / "values" / f"{name}.yaml")["namespace"])
    said = "ok"
    try:
        lint(name, namespace)
    except HelmError as error:
        said = f"failed:\n{error}"
    print(f"helm lint {name}: {said}", flush=True)
    return said == "ok"


def _unittest() -> bool:
    program = binaries.helm_unittest(_say("helm-unittest"))
    return not subprocess.run([program, "--strict", CHART], check=False).returncode


def _readme() -> str:
    command = [str(binaries.helm_docs(_say("helm-docs"))), "--dry-run", *_DOCS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        raise RigError(f"helm-docs failed: {done.stderr.strip()}")
    return done.stdout.strip() + "\n"


def _schema() -> str:
    return defaults.schema(SCHEMA.read_text(encoding="utf-8"), load(CHART / "values.yaml"))


_MADE = {README: _readme, SCHEMA: _schema}


def _docs() -> bool:
    results = [_is_as_made(path, made()) for path, made in _MADE.items()]
    return all(results)


def _is_as_made(path: Path, wanted: str) -> bool:
    found = path.read_text(encoding="utf-8")
    name = str(path.relative_to(PROJECT))
    for line in difflib.unified_diff(found.splitlines(), wanted.splitlines(), name, "values.yaml"):
        print(line)
    if wanted != found:
        print(f"{name} is not what values.yaml says: make docs", flush=True)
    return wanted == found


def _conform() -> bool:
    program = binaries.kubeconform(_say("kubeconform"))
    known = schemas.folder(_say("schemas"))
    rendered = [template(name) for name in _environments()]
    rendered += [template(name, values) for name, values in _OPTIONS.items()]
    results = [_conforms(program, known / minor, rendered) for minor in schemas.KUBERNETES]
    return all(results)


def _conforms(program: Path, known: Path, rendered: list[str]) -> bool:
    location = f"{known}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [str(program), "-strict", "-summary", "-schema-location", location, "-"]
    done = subprocess.run(
        command, input="---\n".join(rendered), capture_output=True, text=True, check=False
    )
    print(f"kubeconform {known.name}: {done.stdout.strip()}", flush=True)
    return not done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
