"""The aws command line, in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.rig.site import CACHE

VERSION = "1.46.3"


def program() -> Path:
    """Return it, installed if need be."""
    folder = CACHE / f"awscli-{VERSION}"
    found = folder / "bin" / "aws"
    if not found.exists():
        uv, python = str(Path(sys.executable).with_name("uv")), str(folder / "bin" / "python")
        subprocess.run([uv, "venv", "-q", "--clear", str(folder)], check=True)
        install = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python]
        subprocess.run([*install, f"awscli=={VERSION}"], check=True)
    return found


def reads(endpoint: str, arns: Sequence[str], buckets: Sequence[str]) -> list[list[str]]:
    """Return the commands that read what a plan reads."""
    aws = [str(program()), "--endpoint-url", endpoint, "--output", "json"]
    found = [[*aws, "sns", "list-topics"]]
    found += [[*aws, "sns", "get-topic-attributes", "--topic-arn", arn] for arn in arns]
    for bucket in buckets:
        for verb in ("get-bucket-notification-configuration", "get-bucket-policy"):
            found.append([*aws, "s3api", verb, "--bucket", bucket])
    return found
