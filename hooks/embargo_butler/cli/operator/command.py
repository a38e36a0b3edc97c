"""The operators' command line: arguments, wiring, exit codes.

Exit codes: 0 done, or nothing to do; 2 there would be changes (`plan`, `diff`, `backfill`); 1 an
error, or (of `status` and `trace`) something that is not well.
"""

from __future__ import annotations

import argparse
import json
import keyword
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from embargo_butler import terminal
from embargo_butler.adapters.programs import Programs
from embargo_butler.cli.operator import pipeline_verbs
from embargo_butler.cli.operator.verbs import CHANGES, DONE, FAILED, MakePrograms, Options, Verbs
from embargo_butler.errors import HooksError, Terminated
from embargo_butler.release import environments, promotion, registry, targets
from embargo_butler.release.image_tags import ImageTags


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
    typed = list(sys.argv[1:] if argv is None else argv)
    if typed[:1] != ["make"]:
        return _run(typed, (), make, ask)
    (target,) = typed[1:]
    try:
        typed, names = targets.read(target, os.environ)
    except HooksError as error:
        terminal.show(f"{target}: {error}", file=sys.stderr)
        return FAILED
    code = _run(typed, names, make, ask)
    return DONE if code == CHANGES and targets.TARGETS[target].shows else code


def _run(
    typed: Sequence[str], names: Sequence[str], make: MakePrograms, ask: Callable[[str], str]
) -> int:
    """Run a verb that was typed, over what it is about where that was typed apart."""
    parser = _parser()
    arguments, words = parser.parse_known_args(typed)
    words += ["--", *names] if any(each.startswith("-") for each in names) else names
    verb = arguments.verb
    if words and verb not in pipeline_verbs.NAMES:
        parser.error(f"{verb}: does not know {' '.join(words)}")
    options = Options(
        project=arguments.project,
        values=arguments.values,
        revision=getattr(arguments, "revision", None),
        yes=getattr(arguments, "yes", False),
        take_over=getattr(arguments, "take_over", False),
        back=getattr(arguments, "back", False),
        confirm=getattr(arguments, "confirm", False),
        json=arguments.output == "json",
        words=words,
    )
    try:
        if verb == "environments":
            return _environments(options)
        if verb in ("pin", "promote"):
            return _change_images(arguments, options)
        verbs = Verbs(arguments.environment, options, make, ask)
        run: Callable[[], int] = getattr(verbs, _method(verb))
        return run()
    except HooksError as error:
        # What helm and kubectl say has several lines.
        terminal.show(*f"{verb}: {error}".split("\n"), file=sys.stderr)
        return FAILED
    except Terminated as stop:
        terminal.show(f"{verb}: {stop}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        terminal.show(f"{verb}: interrupted", file=sys.stderr)
        return FAILED


def _environments(options: Options) -> int:
    found = environments.all_of(options.project)
    if options.json:
        document = {"version": 1, "environments": [each.document() for each in found]}
        print(json.dumps(document, indent=2))
    else:
        terminal.show(*environments.table(found))
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
        promotion.refuse_moving(changes, environment, source.name)
    promotion.make(tags, changes)
    if options.json:
        document = {"version": 1, "images": [each.document() for each in changes]}
        print(json.dumps(document, indent=2))
    else:
        done = f"{tags.path}: {len(changes)} images changed, nothing deployed"
        terminal.show(*map(str, changes), done)
    return DONE


class Parser(argparse.ArgumentParser):
    """A parser whose exit code for a mistake in the arguments is that of an error, 1."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong; 2, as argparse has it, would say that a plan has changes."""
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{terminal.visible(f'{self.prog}: {message}')}\n")


_VERBS = {
    "environments": "list the environments",
    "status": "show how an environment is, on one screen",
    "trace": "follow the files of an exposure: EXPOSURE [--rows]",
    "trigger": "announce objects by hand, and follow them: EXPOSURE|KEY...",
    "backfill": "find what was never announced, or given up: --since TIME [--apply]",
    "visits": "find exposures without a visit: --since TIME [--apply]",
    "set-aside": "take files out of ingest's way: PATH...; --list, --return PATH...",
    "report": "write a night's page: --night YYYYMMDD",
    "pause": "bring ingest to no pods; what arrives waits in Redis",
    "resume": "bring ingest back to what it was",
    "plan": "show what an apply would change in Kubernetes, in Secrets and in buckets",
    "audit": "tell whether what is there is still as declared",
    "buckets": "topics, notifications, policies: plan, apply, renew TOPIC, withdraw",
    "import": "print what the object store has as YAML; --confirm: into the file of bucket-config/",
    "vault-policy": "print the least policy in Vault, and the role for the jobs' login",
    "config": "print what the jobs are told: the FILE of `embargo-butler job ... --config FILE`",
    "diff": "show what an apply would change in Kubernetes",
    "apply": "show the diff, ask, install or upgrade",
    "rollback": "show the diff, ask, go back to an earlier revision",
    "unlock": "free a release that a killed Helm left pending",
    "take-over": "put the chart over manifests that run without Helm; put them back if it fails",
    "pin": "write what the image tags mean now, as digests, into the values file",
    "promote": "give an environment the images of another, in its values file",
}
_ASKING = ("apply", "rollback", "unlock", "take-over", "pause", "import")


def _method(verb: str) -> str:
    """Return the name of the method of `Verbs`, which Python's own words cannot be."""
    return f"{verb.replace('-', '_')}{'_' if keyword.iskeyword(verb) else ''}"


def _parser() -> Parser:
    parser = Parser(prog="embargo-operator", description=(__doc__ or "").split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, about in _VERBS.items():
        # What a verb over the pipeline takes beside this is its own matter, help included.
        adding = verbs.add_parser(name, help=about, description=about, allow_abbrev=False)
        if name != "environments":
            adding.add_argument("environment", nargs="?", default="", help="the environment's name")
        adding.add_argument(
            "--values", action="append", default=[], metavar="FILE", help="one more values file"
        )
        adding.add_argument("--output", choices=("text", "json"), default="text")
        adding.add_argument("--project", type=Path, default=Path(), help="the project's folder")
        if name in _ASKING:
            adding.add_argument("--yes", action="store_true", help="go on without asking")
        if name in ("apply", "rollback"):
            adding.add_argument(
                "--take-over",
                action="store_true",
                help="make what others have made or changed ours",
            )
        if name == "rollback":
            adding.add_argument("--revision", type=int, help="where to go back to")
        if name == "take-over":
            adding.add_argument("--back", action="store_true", help="put back what was there")
        if name == "import":
            adding.add_argument(
                "--confirm",
                action="store_true",
                help="make what is unconfirmed in bucket-config/ what the object store has",
            )
        if name == "promote":
            adding.add_argument("--from", dest="source", default="", help="whose images")
    return parser
