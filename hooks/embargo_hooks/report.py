"""What a run says: progress while it runs, then what it did; as text or as JSON."""

from __future__ import annotations

import json
from typing import Any, TextIO

from embargo_hooks.errors import HooksError, Problems
from embargo_hooks.plan import Change, Plan


class Report:
    """One run's account; the only place that prints.

    Attributes:
        environment: Whose environment it is about.
        doing: What is being done now, for the message of a run that is cut short.
        wrote: Whether anything was written to the outside world.
    """

    def __init__(self, command: str, out: TextIO, progress: TextIO, as_json: bool) -> None:
        """Start an account.

        Args:
            command: The command, as typed.
            out: Where results go.
            progress: Where progress goes.
            as_json: Whether the result is one JSON document.
        """
        self.environment = ""
        self.doing = "starting"
        self.wrote = False
        self._out = out
        self._progress = progress
        self._as_json = as_json
        self._document: dict[str, Any] = {
            "version": 1,
            "command": command,
            "result": "",
            "planned": [],
            "done": [],
            "warnings": [],
            "problems": [],
        }

    def step(self, doing: str) -> None:
        """Say what comes now."""
        self.doing = doing
        self._say(doing)

    def warn(self, message: str) -> None:
        """Say what a person should know."""
        self._document["warnings"].append(message)
        self._say(f"warning: {message}")

    def plan(self, plan: Plan) -> None:
        """Show a plan."""
        for change in plan.changes:
            self._document["planned"].append(_entry(change))
            self._say(f"plan: {change}")
        for warning in plan.warnings:
            self.warn(warning)

    def begin(self, change: Change) -> None:
        """Note that a change is being made now."""
        self.doing = f"{change.instruction.verb} {change.instruction.target}"
        self.wrote = True

    def did(self, change: Change) -> None:
        """Note that a change was made."""
        self._document["done"].append(_entry(change))
        self._say(f"done: {change}")

    def problem(self, error: HooksError, severity: str = "error") -> list[str]:
        """Show a problem, or each of several, and return them."""
        found = [str(each) for each in (error.found if isinstance(error, Problems) else (error,))]
        self._document["problems"].extend(found)
        for message in found:
            self._say(f"{severity}: {message}")
        return found

    def end(self, result: str, sentence: str) -> None:
        """Close the account with its outcome in a word and in one sentence, the last line."""
        self._document["result"] = result
        if self._as_json:
            whole = {**self._document, "environment": self.environment, "summary": sentence}
            print(json.dumps(whole, indent=2), file=self._out, flush=True)
        else:
            print(sentence, file=self._out, flush=True)

    def _say(self, line: str) -> None:
        print(line, file=self._progress, flush=True)


def _entry(change: Change) -> dict[str, str]:
    instruction = change.instruction
    return {"action": instruction.verb, "object": instruction.target, "reason": change.reason}
