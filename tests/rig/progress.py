"""What a person sees while the site comes up: every step, what it does now, and its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tests.rig.command import tail
from tests.rig.errors import RigError

Say = Callable[[str], None]
"""Tells what a step is doing now."""


class Display:
    """Shows running steps in place on a terminal, and as plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<22}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=self.console,
            transient=True,
        )

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        """Print one line, after the time since the beginning."""
        with self._lock:
            elapsed = time.monotonic() - self._began
            self._say(f"[dim]{elapsed:6.1f} s[/dim]  {text}")

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Show a step from its beginning to its end."""
        began = time.monotonic()
        task = self._live.add_task(title, total=None, doing="")
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            self._live.update(task, doing=escape(text))
            if not self.console.is_terminal:
                self.line(f"  {title}: {escape(text)}")

        try:
            yield say
        except BaseException as error:
            self.line(f"[red]✗ {title}[/red]  {time.monotonic() - began:.1f} s  {_short(error)}")
            raise
        else:
            # Elsewhere than on a terminal it was printed when it was said.
            last = said[-1] if said and self.console.is_terminal else ""
            doing = f"  [dim]{escape(last)}[/dim]" if last else ""
            self.line(f"[green]✓[/green] {title:<22} {time.monotonic() - began:6.1f} s{doing}")
        finally:
            self._live.remove_task(task)

    def failure(self, error: RigError) -> None:
        """Print what failed, the log to read with its last lines, and what to do."""
        self._say(f"\n[red bold]failed:[/red bold] {escape(str(error))}")
        if error.log and error.log.exists():
            self._say(f"\nlast lines of {error.log}:")
            shown = tail(error.log.read_text(errors="replace"))
            self._say(f"[dim]{escape(shown)}[/dim]")
        if error.hint:
            self._say(f"\n{escape(error.hint)}")

    def _say(self, text: str) -> None:
        # Not wrapped: commands and paths are there to be copied.
        self.console.print(text, soft_wrap=True)


def _short(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return escape(text.splitlines()[0])
