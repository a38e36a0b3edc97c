"""The chart's own checks: `helm lint` for each environment, and its helm-unittest suites."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from tests.rig import binaries
from tests.rig.errors import RigError
from tests.rig.release import CHART, helm
from tests.rig.site import PROJECT


def main() -> int:
    """Run the checks; return the first exit status that is not 0."""
    environments = sorted((PROJECT / "values").glob("*.yaml"))
    if not environments:
        print("no environment in values/", file=sys.stderr)
        return 1
    for values in environments:
        if status := _lint(values):
            return status
    try:
        unittest = binaries.helm_unittest(lambda text: print(f"helm-unittest: {text}", flush=True))
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    return subprocess.run([unittest, "--strict", CHART], check=False).returncode


def _lint(values: Path) -> int:
    files = [values, PROJECT / "bucket-config" / values.name]
    options = [word for file in files if file.exists() for word in ("-f", str(file))]
    # An environment's chart renders for its own namespace only.
    namespace = _namespace(values)
    command = [helm(), "lint", "--strict", "--quiet", str(CHART), "-n", namespace, *options]
    done = subprocess.run(command, check=False, cwd=PROJECT)
    print(f"helm lint {values.stem}: {'ok' if not done.returncode else 'failed'}", flush=True)
    return done.returncode


def _namespace(values: Path) -> str:
    return str(yaml.safe_load(values.read_text())["namespace"])


if __name__ == "__main__":
    sys.exit(main())
