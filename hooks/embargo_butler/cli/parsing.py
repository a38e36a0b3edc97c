"""How click reads what is typed: groups that import late, usage errors that end with 1."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from embargo_butler import terminal

_FAILED = 1


class Command(click.Command):
    """A verb, whose help ends with an example."""

    def __init__(
        self,
        name: str,
        callback: Callable[..., int],
        about: str,
        example: str,
        params: Sequence[click.Parameter] = (),
        hidden: bool = False,
    ) -> None:
        """Make it.

        Args:
            name: The word that is typed.
            callback: Does it, and returns the exit code.
            about: What it does.
            example: An example, without the program's name.
            params: What it takes.
            hidden: Whether it is left out of the list.
        """
        epilog = f"\b\nExample:\n  embargo-butler {example}"
        super().__init__(
            name,
            callback=callback,
            help=about,
            epilog=epilog,
            params=list(params),
            hidden=hidden,
        )


class Lazy(click.Group):
    """A group whose verbs are imported when they are asked for."""

    def __init__(
        self, name: str, about: str, names: Sequence[str], find: Callable[[str], click.Command]
    ) -> None:
        """Make it.

        Args:
            name: The word that is typed.
            about: What its verbs have in common.
            names: Those of its verbs, in the order in which they are listed.
            find: Returns a verb.
        """
        super().__init__(name, help=about)
        self._names = names
        self._find = find

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs."""
        return list(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, None where there is no such one."""
        return self._find(cmd_name) if cmd_name in self._names else None


def run(command: click.Command, argv: Sequence[str] | None, name: str, given: Any = None) -> int:
    """Run what was typed.

    Args:
        command: What reads it.
        argv: The arguments, those of the process by default.
        name: How the program is called.
        given: What the verbs find in click's context.

    Returns:
        The exit code; a mistake in the arguments is an error, 1, as 2 says that there are changes.
    """
    try:
        code = command.main(
            None if argv is None else list(argv), name, standalone_mode=False, obj=given
        )
    except click.ClickException as error:
        if isinstance(error, NoArgsIsHelpError):
            terminal.show(*error.format_message().split("\n"), file=sys.stderr)
            return _FAILED
        at = name
        if isinstance(error, click.UsageError) and error.ctx:
            terminal.show(*error.ctx.get_usage().split("\n"), file=sys.stderr)
            at = error.ctx.command_path
        terminal.show(*f"{at}: {error.format_message()}".split("\n"), file=sys.stderr)
        return _FAILED
    return int(code or 0)
