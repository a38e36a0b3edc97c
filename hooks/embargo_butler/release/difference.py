"""What an upgrade would change of one object, told without any value of a Secret. Pure."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from embargo_butler.release.refusals import Conflict

Manifest = dict[str, Any]

KEEP = {"helm.sh/resource-policy": "keep"}
_OF_THE_SERVER = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
_OF_OTHERS = (
    "deployment.kubernetes.io/revision",
    # It would hold a Secret's values.
    "kubectl.kubernetes.io/last-applied-configuration",
)
_NAMES_OF_ITEMS = ("name", "mountPath", "containerPort", "port")


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines line by line, so that a diff shows the ones that change."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


@dataclass(frozen=True)
class Difference:
    """What becomes of one object.

    Attributes:
        kind: Its kind.
        name: Its name.
        change: `new`, `changed`, `same`, `removed`, or `kept` (no longer in the chart, and stays).
        lines: The change, line by line.
        conflicts: Fields that others have changed, and the chart would change back.
        unchangeable: Why the API server would refuse it, empty if it would not.
        owner: Whose it is if not this release's, empty if it is.
    """

    kind: str
    name: str
    change: str
    lines: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    unchangeable: str = ""
    owner: str = ""

    def text(self) -> list[str]:
        """Return the lines for a person."""
        shown = [f"{self.kind} {self.name}: {self.change}", *(f"  {line}" for line in self.lines)]
        if self.owner:
            shown.append(f"  ! not this release's but {self.owner}: Helm refuses to change it")
        if self.unchangeable:
            shown.append(f"  ! cannot change on a running object: {self.unchangeable}")
        shown += [
            f"  ! conflict: {each.field} was changed by {each.manager}; "
            "Helm 4 refuses, Helm 3 changes it back"
            for each in self.conflicts
        ]
        return shown

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def compared(
    kind: str, before: Manifest | None, after: Manifest | None
) -> tuple[str, tuple[str, ...]]:
    """Compare an object with what becomes of it: the change in a word, and line by line."""
    old, new = (_shown(each) for each in (before, after))
    if kind == "Secret":
        old, new = _hidden(old, new)
    if before is None:
        return "new", ()
    if after is None:
        return "removed", ()
    old_lines, new_lines = (
        yaml.dump(each, Dumper=_Dumper, width=1000).splitlines() for each in (old, new)
    )
    lines = list(difflib.unified_diff(old_lines, new_lines, n=2, lineterm=""))[2:]
    return "changed" if lines else "same", tuple(lines)


def without_dropped(after: Any, old: Any, new: Any) -> Any:
    """Take out of an object what the last manifest had and the new one has not.

    A server-side dry run leaves fields that an earlier, client-side Helm has set; Helm itself
    takes them away.

    Args:
        after: The object as the dry run leaves it.
        old: The release's last manifest of it.
        new: The new manifest of it.
    """
    if isinstance(after, dict) and isinstance(old, Mapping) and isinstance(new, Mapping):
        return {
            key: without_dropped(value, old.get(key), new.get(key))
            for key, value in after.items()
            if not (key in old and key not in new)
        }
    if not all(isinstance(each, list) for each in (after, old, new)):
        return after
    key = next((each for each in _NAMES_OF_ITEMS if _all_have([*old, *new], each)), None)
    if key is None:
        return after
    olds, news = ({item[key]: item for item in each} for each in (old, new))
    return [
        without_dropped(item, olds.get(item.get(key)), news.get(item.get(key)))
        for item in after
        if not (item.get(key) in olds and item.get(key) not in news)
    ]


def _all_have(items: list[Any], key: str) -> bool:
    return bool(items) and all(isinstance(item, Mapping) and key in item for item in items)


def _shown(manifest: Manifest | None) -> Manifest:
    shown = copy.deepcopy(manifest or {})
    shown.pop("status", None)
    metadata = shown.get("metadata", {})
    for key in _OF_THE_SERVER:
        metadata.pop(key, None)
    for key in _OF_OTHERS:
        metadata.get("annotations", {}).pop(key, None)
    return shown


def _hidden(old: Manifest, new: Manifest) -> tuple[Manifest, Manifest]:
    for part in ("data", "stringData"):
        before, after = old.get(part) or {}, new.get(part) or {}
        changed = {key for key in before if key in after and before[key] != after[key]}
        for values, word in ((before, "old"), (after, "new")):
            for key in values:
                values[key] = f"*** ({word})" if key in changed else "***"
    return old, new
