"""Objects of the last night that enqueue does not take, or fails on.

Enqueue answers 200 to a key that its expression does not match, and forgets it; to one that it
matches and cannot take apart it answers 500 at each redelivery, which can stop a persistent topic.
Neither is noted anywhere, so the bucket is looked through.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.delivery.days import Window, pages
from embargo_butler.delivery.stages import parse
from embargo_butler.model.ports import Objects, Stored

_SHOWN = 3


@dataclass
class LeftOut:
    """What was found.

    Attributes:
        taken: How many objects the expression takes.
        others: Keys that it does not take, by instrument and ending; sidecars of taken ones are
            not among them.
        unparsable: Keys that it takes, and that enqueue cannot take apart.
    """

    taken: int = 0
    others: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unparsable: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Return a line for each kind of what is not taken."""
        for kind, keys in sorted(self.others.items()):
            yield f"not taken by DATASET_REGEXP: {len(keys)} {kind}: {_first(keys)}"

    def findings(self, mode: str) -> Iterator[str]:
        """Return what is wrong for certain, a sentence each.

        Args:
            mode: How enqueue hears. By Kafka such a key stops nothing: the consumer goes on.
        """
        if self.unparsable and mode == "webhook":
            yield (
                f"{len(self.unparsable)} keys match DATASET_REGEXP and cannot be taken apart by "
                f"enqueue, which answers 500 for ever: {_first(self.unparsable)}; narrow "
                "enqueue.env.DATASET_REGEXP, or delete them"
            )
        if self.others and not self.taken:
            number = sum(map(len, self.others.values()))
            yield f"DATASET_REGEXP takes none of {number} objects of the last night"


def left_out(config: PipelineConfig, objects: Objects, within: Window) -> LeftOut:
    """Look through the bucket for what enqueue does not take, or fails on.

    Raises:
        HooksError: The bucket could not be read.
    """
    found, lock = LeftOut(), threading.Lock()

    def takes(key: str) -> bool:
        return bool(config.regexp.search(f"{config.bucket}/{key}"))

    def look(page: list[Stored]) -> None:
        with lock:
            for key in (stored.key for stored in page):
                if not takes(key):
                    sidecar = key.endswith(".json") and takes(re.sub(r"\.json$", ".fits", key))
                    if not sidecar:
                        found.others[_kind(key)].append(key)
                elif parse(f"{config.bucket}/{key}") is None:
                    found.unparsable.append(key)
                else:
                    found.taken += 1

    pages(config.bucket, objects, within, look)
    return found


def _kind(key: str) -> str:
    top, _, rest = key.partition("/")
    name = rest.rpartition("/")[2]
    ending = name.partition(".")[2]
    return f"{top}/**.{ending}" if ending else f"{top}/**"


def _first(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(sorted(keys)[:_SHOWN]) + more
