"""`import --confirm`: what is declared as unconfirmed becomes what the object store has.

The file is changed only once a person has seen the difference, and only if it can be read and
rendered afterwards and says what was found.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from embargo_butler.config import config as hooks_config
from embargo_butler.config.config import Config
from embargo_butler.config.reader import kind_of, part
from embargo_butler.connections import Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import ConfigError, HooksError
from embargo_butler.migration import live
from embargo_butler.migration.confirming import (
    Confirmation,
    Fact,
    confirmation,
    marks,
    visible,
    without_marks,
)
from embargo_butler.release.environments import BUCKETS
from embargo_butler.release.yaml_file import YamlFile

_KEY = "bucketConfig"


@dataclass(frozen=True)
class Confirmed:
    """What would become of the file.

    Attributes:
        file: The file, changed in memory.
        confirmation: What was found.
    """

    file: YamlFile
    confirmation: Confirmation

    def difference(self) -> list[str]:
        """Return what changes in the file, without the secrets that somebody wrote into it."""
        name = str(self.file.path)
        before, after = self.file.versions(_hide)
        return list(
            difflib.unified_diff(
                before.splitlines(),
                after.splitlines(),
                name,
                f"{name}, as the object store has it",
                lineterm="",
            )
        )

    def lines(self) -> list[str]:
        """Return all that a person has to read before the file is written."""
        found = self.confirmation
        unknown = [each for fact in found.facts for each in fact.unknown]
        return [
            *(f"confirmed: {fact}" for fact in found.facts),
            *(f"stays unconfirmed: {about}: {why}" for about, why in found.left.items()),
            *(f"cannot be known from here: {each}" for each in unknown),
            *(f"mind: {each}" for each in found.notes),
            *self.difference(),
        ]

    @property
    def seen(self) -> bool:
        """Whether anything could be read of what is unconfirmed."""
        return bool(self.confirmation.facts) or not self.confirmation.unread

    def summary(self, compare: str) -> str:
        """Return how it ended, in a line.

        Args:
            compare: The command that compares the store with what is declared.
        """
        facts, left = self.confirmation.facts, self.confirmation.left
        count = f"{len(facts)} confirmed, {len(left)} left unconfirmed"
        done = "written, and nothing changed in the store" if facts else "nothing was written"
        return f"{self.file.path}: {count}; {done}: `{compare}` compares"

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "version": 1,
            "file": str(self.file.path),
            "confirmed": [str(fact) for fact in self.confirmation.facts],
            "unconfirmed": dict(self.confirmation.left),
            "unknown": [each for fact in self.confirmation.facts for each in fact.unknown],
            "notes": list(self.confirmation.notes),
            "difference": self.difference(),
            "written": bool(self.confirmation.facts),
        }


def of(project: Path, environment: str) -> YamlFile:
    """Return an environment's file.

    Raises:
        ConfigError: There is no such file, or it cannot be read.
    """
    file = YamlFile(project / BUCKETS / f"{environment}.yaml")
    found = part(file.document).get(_KEY)
    if not isinstance(found, dict):
        raise ConfigError(f"{file.path}: {_KEY}: expected a mapping, found {kind_of(found)}")
    return file


def marked(file: YamlFile) -> bool:
    """Whether anything in a file is marked unconfirmed."""
    return bool(marks(file.document[_KEY]))


def confirmed(
    file: YamlFile,
    document: Mapping[str, Any],
    world: Callable[[Config], Connections],
    report: Report,
    rendered: Callable[[Path], Mapping[str, Any]],
) -> Confirmed:
    """Look at the object store, and change the file in memory.

    Args:
        file: The environment's file.
        document: What the chart tells the verbs now.
        world: Makes the connections.
        report: Is told what is done.
        rendered: Returns what the chart tells them with another file in that one's place.

    Raises:
        HooksError: There is no login, or the changed file would not be as it should be.
    """
    now = copy.deepcopy(dict(document))
    if _KEY not in now:
        raise ConfigError(f"hooks.buckets: is off, so nobody looks at what {file.path} declares")
    declared = _parsed(now, file)
    whole = _parsed({**now, _KEY: without_marks(copy.deepcopy(now[_KEY]))}, file)
    there = live.as_far_as_seen(whole, whole.required_buckets, world(whole), report)
    if whole.enqueue and whole.enqueue.address:
        there = replace(there, address=there.address or whole.enqueue.address)
    places = marks(now[_KEY])
    elsewhere = places - marks(file.document[_KEY])

    def refusal(fact: Fact) -> str:
        wanted = copy.deepcopy(now[_KEY])
        if not elsewhere.isdisjoint(fact.paths()):
            return "another values file marks it: confirm it there"
        try:
            fact.write(wanted)
            _parsed({**now, _KEY: wanted}, file)
            fact.write(copy.deepcopy(file.document[_KEY]))
        except KeyError as error:
            return f"{error.args[0]} stands in another values file: confirm it there"
        except HooksError as error:
            return f"cannot be declared as it is: {error}"
        return ""

    found = confirmation(declared.required_buckets, whole.required_buckets, places, there, refusal)
    for fact in found.facts:
        fact.write(now[_KEY])
        fact.write(file.document[_KEY])
    if found.facts:
        _refuse_otherwise(file, now[_KEY], rendered)
    return Confirmed(file, found)


def _refuse_otherwise(
    file: YamlFile, wanted: Mapping[str, Any], rendered: Callable[[Path], Mapping[str, Any]]
) -> None:
    """Refuse a file with which the chart would tell the jobs anything but what was found."""
    with TemporaryDirectory() as folder:
        aside = Path(folder) / file.path.name
        aside.write_text(file.text())
        try:
            found = rendered(aside)[_KEY]
        except HooksError as error:
            raise ConfigError(
                f"{file.path}: nothing was written, because the chart refuses what the object "
                f"store has: {error}"
            ) from None
    if found != wanted:
        places = [
            f"{_KEY}.{kind}.{name}"
            for kind in ("topics", "buckets")
            for name in {**wanted.get(kind, {}), **found.get(kind, {})}
            if found.get(kind, {}).get(name) != wanted.get(kind, {}).get(name)
        ]
        raise ConfigError(
            f"{file.path}: nothing was written, because another values file, or a YAML anchor, "
            f"says otherwise of {', '.join(places) or _KEY}: confirm it there, by hand"
        )


def _parsed(document: Mapping[str, Any], file: YamlFile) -> Config:
    return hooks_config.parse(document, str(file.path))


def _hide(document: MutableMapping[str, Any]) -> None:
    """Take out of a document what somebody has written into it and nobody is to see."""
    for topic in (document[_KEY].get("topics") or {}).values():
        attributes = topic.get("attributes") or {}
        for name, value in list(attributes.items()):
            text = str(value)
            if (shown := visible(name, text)) != text:
                attributes[name] = shown
