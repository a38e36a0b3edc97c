"""The names of what we made in the object store: nothing else is ours to take away.

With them stand the names of topics that are gone, which are not to be used again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from embargo_butler.config.buckets import BucketConfig, Unconfirmed, tenant_of
from embargo_butler.errors import KubernetesError
from embargo_butler.model import times

STAMP = "%Y%m%dt%H%M%S"
_GENERATION = r"-\d{8}t\d{6}"
"""What the name of a topic or notification that replaced another has after the declared one."""


@dataclass(frozen=True)
class Owned:
    """A declared name and the names it has had; the last is the one in use.

    Attributes:
        owner: The user whose keys can take it away: who made it, or whose it has become.
        names: The real names that may still be there.
        pending: Whether the last one was about to be made when this was written.
        shared: Who else uses it; then it is nobody's to take away.
        left: Names that nothing announces to any more, with the UTC time since when.
        made: Names that we made, with the UTC time.
        copied: Whether a topic's notifications may have an older copy of it, as 16 and 18 keep one.
    """

    owner: str
    names: tuple[str, ...]
    pending: bool = False
    shared: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    copied: bool = False

    @property
    def current(self) -> str:
        """The name in use."""
        return self.names[-1]

    def only(self, keep: Collection[str], left: Mapping[str, str] | None = None) -> Owned:
        """Return it as a whole run leaves it: with those of its names that are kept.

        Args:
            keep: Names, of which some may be its own.
            left: Names that nothing announces to any more, with the UTC time since when.
        """
        names = tuple(name for name in self.names if name in keep)
        since = {name: time for name, time in (left or {}).items() if name in names}
        made = {name: time for name, time in self.made.items() if name in names}
        return Owned(self.owner, names, shared=self.shared, left=since, made=made)


@dataclass(frozen=True)
class Inventory:
    """What we made on one object store.

    Attributes:
        topics: By declared name.
        notifications: By bucket and declared Id.
        policies: The owner, by bucket whose policy has statements of ours.
        used: Declared names of topics that are gone: a queue may be left under such a name, in
            which new events would stand still (18, 20) or be sent again and again (16).
    """

    topics: Mapping[str, Owned] = field(default_factory=dict)
    notifications: Mapping[tuple[str, str], Owned] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    used: frozenset[str] = frozenset()

    def real(self, topic: str) -> str:
        """Return what a declared topic is called; just so, as long as nothing is known of it."""
        return self.topics[topic].current if topic in self.topics else topic

    def without_buckets(self, gone: Mapping[str, str]) -> Inventory:
        """Return it without buckets that are gone.

        Args:
            gone: Who was told so, by bucket. A bucket of another tenant is another bucket.
        """

        def went(bucket: str, owner: str) -> bool:
            return bucket in gone and tenant_of(gone[bucket]) == tenant_of(owner)

        return replace(
            self,
            notifications={
                key: each
                for key, each in self.notifications.items()
                if not went(key[0], each.owner)
            },
            policies={name: by for name, by in self.policies.items() if not went(name, by)},
        )

    def without(self, aside: Unconfirmed) -> Inventory:
        """Return it without what is set aside."""
        return Inventory(
            {name: each for name, each in self.topics.items() if name not in aside.topics},
            {
                key: each
                for key, each in self.notifications.items()
                if not aside.has_notification(*key)
            },
            {name: each for name, each in self.policies.items() if not aside.has_policy(name)},
            self.used,
        )


def generations(declared: str, names: Iterable[str]) -> list[str]:
    """Return those of some names that have replaced a declared one, the last one last."""
    return sorted(name for name in names if re.fullmatch(re.escape(declared) + _GENERATION, name))


def is_one(real: str, declared: str) -> bool:
    """Whether a name is a declared one, or that of a generation that has replaced it."""
    return real == declared or bool(generations(declared, [real]))


def by_declaration(inventory: Inventory, config: BucketConfig) -> Inventory:
    """Return it with an entry of its own for each real name that is declared by now.

    Somebody may have declared a generation as it is called: it is not to be taken away because the
    name that it had before is declared no longer.
    """
    aside = config.unconfirmed
    topics = _split(
        {("", name): each for name, each in inventory.topics.items()},
        {("", name) for name in {*config.topics, *aside.topics}},
    )
    return replace(
        inventory,
        topics={name: each for (_, name), each in topics.items()},
        notifications=_split(inventory.notifications, config.ids | aside.notifications.keys()),
    )


def _split(
    entries: Mapping[tuple[str, str], Owned], declared: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Owned]:
    split = dict(entries)
    for (bucket, name), owned in entries.items():
        if (bucket, name) in declared:
            continue
        own = [real for real in owned.names if (bucket, real) in declared]
        for real in own:
            split[bucket, real] = replace(owned.only({real}), copied=owned.copied)
        if own and len(own) < len(owned.names):
            split[bucket, name] = owned.only(set(owned.names) - set(own), owned.left)
        elif own:
            del split[bucket, name]
    return split


class Ledger:
    """The stored text: one inventory for each object store that this environment ever had."""

    def __init__(self, text: str | None, where: str) -> None:
        """Parse the stored text, none for the first run."""
        self._where = where
        self._stores: dict[str, Any] = {}
        if text is None:
            return
        try:
            document = json.loads(text)
            version, self._stores = document["version"], dict(document["stores"])
        except (ValueError, KeyError, TypeError):
            raise self._unreadable() from None
        if version != 1:
            raise KubernetesError(
                f"{where}: format {version!r}, expected 1; use the release's newer image"
            )

    def of(self, endpoint: str) -> Inventory:
        """Return one store's inventory."""
        store = self._stores.get(endpoint, {})
        try:
            return Inventory(
                topics={name: _owned(entry) for name, entry in store.get("topics", {}).items()},
                notifications={
                    (bucket, name): _owned(entry)
                    for bucket, entries in store.get("notifications", {}).items()
                    for name, entry in entries.items()
                },
                policies={str(name): str(by) for name, by in store.get("policies", {}).items()},
                used=frozenset(map(str, store.get("used", ()))),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._unreadable() from None

    def elsewhere(self, endpoint: str) -> list[str]:
        """Return the other stores that still have topics or notifications of ours."""
        return [
            other
            for other in self._stores
            if other != endpoint and (self.of(other).topics or self.of(other).notifications)
        ]

    def text(self, endpoint: str, inventory: Inventory) -> str:
        """Return the text to store, with one store's inventory replaced."""
        notifications: dict[str, dict[str, Any]] = {}
        for (bucket, name), owned in inventory.notifications.items():
            notifications.setdefault(bucket, {})[name] = _entry(owned)
        store = {
            "topics": {name: _entry(owned) for name, owned in inventory.topics.items()},
            "notifications": notifications,
            "policies": dict(inventory.policies),
            "used": sorted(inventory.used),
        }
        document = {"version": 1, "stores": {**self._stores, endpoint: store}}
        return json.dumps(document, indent=1, sort_keys=True)

    def _unreadable(self) -> KubernetesError:
        return KubernetesError(
            f"{self._where}: cannot be read as an inventory; restore it, or delete it and name "
            "what is to be adopted with `takeOver: true`"
        )


def _owned(entry: Mapping[str, Any]) -> Owned:
    names = entry["names"]
    if not (isinstance(names, list) and names):
        raise ValueError("no names")
    return Owned(
        owner=str(entry["owner"]),
        names=tuple(str(name) for name in names),
        pending=bool(entry.get("pending", False)),
        shared=tuple(str(name) for name in entry.get("shared", ())),
        left=_times(entry.get("left", {})),
        made=_times(entry.get("made", {})),
        copied=bool(entry.get("copied", False)),
    )


def _times(found: Mapping[str, Any]) -> dict[str, str]:
    for time in found.values():
        times.read(time)
    return dict(found)


def _entry(owned: Owned) -> dict[str, Any]:
    entry: dict[str, Any] = {"owner": owned.owner, "names": list(owned.names)}
    if owned.pending:
        entry["pending"] = True
    if owned.shared:
        entry["shared"] = list(owned.shared)
    if owned.left:
        entry["left"] = dict(owned.left)
    if owned.made:
        entry["made"] = dict(owned.made)
    if owned.copied:
        entry["copied"] = True
    return entry
