"""helm and kubectl that are not there: what they would say, and what they were asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from embargo_butler.adapters.programs import Done, Kubectl, Programs


class Fake:
    """Answers by the first words of a command that match; everything else is found empty.

    Attributes:
        asked: Every command, with what it was given on its standard input.
        answers: What to say to the commands that begin so.
    """

    def __init__(self, cluster: str = "usdf-embargo-dmz") -> None:
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, Done] = {}
        clusters = [{"cluster": {"server": "https://rig"}}]
        self.says("kubectl config", {"current-context": cluster, "clusters": clusters})
        self.says("helm list", [])

    def says(self, command: str, answer: Any, error: str = "") -> None:
        """Answer a command with an object, a list of objects, or a text; or fail with an error."""
        if isinstance(answer, list) and any("kind" in each for each in answer):
            answer = {"kind": "List", "items": answer}
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.answers[command] = Done(int(bool(error)), text, error)

    def run(self, words: Sequence[str], stdin: str = "", seconds: float | None = 120) -> Done:
        """Take the part of a program."""
        command = " ".join(words).replace("helm-of-test", "helm")
        self.asked.append((command, stdin))
        fitting = [begin for begin in self.answers if command.startswith(begin)]
        return self.answers[max(fitting, key=len)] if fitting else Done(0, "", "")

    def programs(self, release: str, namespace: str) -> Programs:
        """Return them as the verbs use them."""
        made = Programs(release, namespace, self.run)
        made.helm_program = "helm-of-test"
        return made

    def kubectl(self) -> Kubectl:
        """Return kubectl as the connections use it."""
        return Kubectl("summit", self.run)

    def commands(self, begin: str) -> list[str]:
        """Return the commands that begin so."""
        return [command for command, _ in self.asked if command.startswith(begin)]


def history(*statuses: str) -> list[dict[str, Any]]:
    """Return a release's history as helm tells it, its first revision first."""
    return [
        {
            "revision": number,
            "updated": f"2026-11-24T00:0{number}:00Z",
            "status": status,
            "chart": "embargo-butler-0.1.0",
            "app_version": "0.1.0",
            "description": "Upgrade complete",
        }
        for number, status in enumerate(statuses, 1)
    ]
