"""What a run says: progress while it runs, then what it did; as text or as JSON.

The JSON document's keys and words stay as they are while its `version` does; sentences may change:

- `version` 1, `command`, `environment`, `summary` (the sentence that ends the text)
- `result`: `unchanged`, `changes` (a plan, an audit), `changed`, `failed`, `passed-over` (on a
  rollback)
- `planned` and `done`, in order: objects with `action`, `object`, `reason`
- `unconfirmed`: what is declared and left alone, a sentence each
- `backfill`: objects with `bucket`, `since`, `until` (UTC; `since` may be empty) and `reason`: what
  was PUT between them was perhaps not announced
- `warnings`: sentences
- `misfortunes`: objects with `about`, `text` and `remedy` (the words of a command, or none): what
  stands in the way, so that a part was left out
- `problems`: objects with `kind`, a word of `errors.py`, and `message`
- `keys`, of `secrets plan` and `secrets apply`: objects with `secret`, `key`, `state`, and the
  short hashes `live` and `declared`, which tell two values of one run apart (`comparison.py`)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from embargo_butler import terminal
from embargo_butler.config.confirmation import remedy
from embargo_butler.errors import HooksError, Problems
from embargo_butler.model import times
from embargo_butler.model.plan import Change, Plan
from embargo_butler.model.resources import KeyState


class Report:
    """One run's account.

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
            "unconfirmed": [],
            "backfill": [],
            "warnings": [],
            "misfortunes": [],
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
        for line in plan.unconfirmed:
            self._document["unconfirmed"].append(line)
            self._say(f"unconfirmed, not written: {line}")
        if plan.unconfirmed:
            self._say(f"`{remedy(self.environment)}` confirms of it what the object store has")
        for lookup in plan.lookups:
            self._document["backfill"].append(
                {
                    "bucket": lookup.bucket,
                    "since": lookup.since,
                    "until": lookup.until,
                    "reason": lookup.why,
                }
            )
            self._say(f"backfill: {lookup}")
        for warning in plan.warnings:
            self.warn(warning)
        for misfortune in plan.misfortunes:
            self._document["misfortunes"].append(asdict(misfortune))
            self._say(f"warning: {misfortune}")

    def keys(self, states: Sequence[KeyState], said: bool) -> None:
        """Show the state of each key of the Secrets, in the text only if it is to be said."""
        self._document["keys"] = [asdict(state) for state in states]
        for state in states if said else ():
            self._say(str(state))

    def show(self, name: str, value: object, lines: Sequence[str] = ()) -> None:
        """Add something of a verb's own to the document, and say it in lines."""
        self._document[name] = value
        for line in lines:
            self._say(line)

    def begin(self, change: Change) -> None:
        """Note that a change is being made now."""
        self.doing = f"{change.instruction.verb} {change.instruction.target}"
        self.wrote = True

    def did(self, change: Change) -> None:
        """Note that a change was made."""
        self._document["done"].append(_entry(change))
        self._say(f"done: {change}")

    @property
    def done(self) -> frozenset[str]:
        """What was changed."""
        return frozenset(each["object"] for each in self._document["done"])

    def problem(self, error: HooksError, severity: str = "error") -> list[str]:
        """Show a problem, or each of several, and return them."""
        problems = error.found if isinstance(error, Problems) else (error,)
        for each in problems:
            self._document["problems"].append({"kind": each.kind, "message": str(each)})
        found = [str(each) for each in problems]
        for message in found:
            self._say(f"{severity}: {message}")
        return found

    def end(self, result: str, sentence: str) -> None:
        """Close the account with its outcome in a word and in one sentence, the last line."""
        self._document["result"] = result
        # A second more: what is left of it after the last whole one belongs to the run too.
        ended = times.text(datetime.now(UTC) + timedelta(seconds=1))
        for lookup in self._document["backfill"]:
            lookup["until"] = lookup["until"] or ended
        if self._as_json:
            whole = {**self._document, "environment": self.environment, "summary": sentence}
            print(json.dumps(whole, indent=2), file=self._out, flush=True)
        else:
            terminal.show(sentence, file=self._out)

    def _say(self, line: str) -> None:
        terminal.show(line, file=self._progress)


def _entry(change: Change) -> dict[str, str]:
    instruction = change.instruction
    return {"action": instruction.verb, "object": instruction.target, "reason": change.reason}
