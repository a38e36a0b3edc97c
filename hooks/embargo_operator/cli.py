"""The operators' command line: arguments, wiring, exit codes.

Exit codes: 0 done, or nothing to do; 2 there would be changes (`plan`, `diff`); 1 an error, or (of
`status`) something that is not well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from embargo_hooks.errors import HooksError
from embargo_operator import environments, promotion, registry
from embargo_operator.image_tags import ImageTags
from embargo_operator.programs import Programs
from embargo_operator.verbs import DONE, FAILED, MakePrograms, Options, Verbs


def main(
    argv: Sequence[str] | None = None,
    make: MakePrograms = Programs,
    ask: Callable[[str], str] = input,
) -> int:
    """Run a verb.

    Args:
        argv: The arguments, those of the process by default.
        make: Makes helm and kubectl for a release and its namespace.
        ask: Asks the operator.

    Returns:
        The exit code.
    """
    arguments = _parser().parse_args(argv)
    options = Options(
        project=arguments.project,
        values=arguments.values,
        revision=arguments.revision,
        yes=arguments.yes,
        take_over=arguments.take_over,
        json=arguments.output == "json",
    )
    try:
        if arguments.verb == "environments":
            return _environments(options)
        if arguments.verb in ("pin", "promote"):
            return _change_images(arguments, options)
        verbs = Verbs(arguments.environment, options, make, ask)
        verb: Callable[[], int] = getattr(verbs, arguments.verb)
        return verb()
    except HooksError as error:
        print(f"{arguments.verb}: {error}", file=sys.stderr)
        return FAILED


def _environments(options: Options) -> int:
    found = environments.all_of(options.project)
    if options.json:
        document = {"version": 1, "environments": [each.document() for each in found]}
        print(json.dumps(document, indent=2))
    else:
        print(*environments.table(found), sep="\n")
    return DONE


def _change_images(arguments: argparse.Namespace, options: Options) -> int:
    """Change the images in an environment's values file; nothing is deployed."""
    environment = environments.find(options.project, arguments.environment)
    tags = ImageTags(options.project, environment.name)
    if arguments.verb == "pin":
        changes = promotion.pinned(tags, registry.digest)
    else:
        source = environments.find(options.project, arguments.source)
        changes = promotion.promoted(ImageTags(options.project, source.name), tags)
        promotion.refuse_moving(changes, environment)
    promotion.make(tags, changes)
    if options.json:
        document = {"version": 1, "images": [each.document() for each in changes]}
        print(json.dumps(document, indent=2))
    else:
        done = f"{tags.path}: {len(changes)} images changed, nothing deployed"
        print(*map(str, changes), done, sep="\n")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="embargo-operator", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("verb", choices=_VERBS, help="what to do")
    parser.add_argument("environment", nargs="?", default="", help="the environment's name")
    parser.add_argument("--values", action="append", default=[], help="one more values file")
    parser.add_argument("--from", dest="source", default="", help="whose images are promoted")
    parser.add_argument("--revision", type=int, help="where a rollback goes back to")
    parser.add_argument("--yes", action="store_true", help="go on without asking")
    parser.add_argument(
        "--take-over", action="store_true", help="make what others have made or changed ours"
    )
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--project", type=Path, default=Path(), help="the folder of the project")
    return parser


_VERBS = ("environments", "plan", "diff", "apply", "status", "rollback", "unlock", "pin", "promote")
