"""How long the queue of a persistent topic lasts while nobody takes its events.

The gateway keeps room in it before each PUT. Once it is full, PUTs are answered with 503, the
camera's too (`docs/buckets.md` has what was seen on Ceph 16, 18 and 20).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from embargo_butler.config.delivery import PipelineConfig
from embargo_butler.errors import HooksError
from embargo_butler.model.ports import Records
from embargo_butler.model.resources import Topic
from embargo_butler.secret import Secret

EVENTS = 130_000
"""What a queue holds: 128 MiB, at some 1 KB an event."""
_LIFE = "time_to_live"
_DAYS = 7


@dataclass(frozen=True)
class Night:
    """The busiest of the last nights: its observation day, and how many objects it had."""

    day: str
    objects: int


def busiest(config: PipelineConfig | None, records: Callable[[], Records]) -> Night | None:
    """Return the busiest of the last nights by what enqueue has counted; None if nobody knows."""
    if config is None:
        return None
    try:
        counts = records().counters("RECINSTR", config.bucket)
    except HooksError:
        return None
    days = sorted({day for each in counts.values() for day in each})[-_DAYS:]
    nights = [Night(day, sum(each.get(day, 0) for each in counts.values())) for day in days]
    return max(nights, key=lambda night: night.objects, default=None)


def endless(topic: Topic) -> bool:
    """Whether events wait in a live topic for ever, though its gateway could end that.

    A time to live of 0 is none (Ceph's documentation of topics).
    """
    lives = topic.attributes.get(_LIFE, Secret("None"))
    return topic.follows and topic.persistent and lives in (Secret("None"), Secret("0"))


def lasts(night: Night | None) -> str:
    """Say how much its endpoint may miss before PUTs fail."""
    held = f"some {EVENTS:,} events (128 MiB"
    if night is None or not night.objects:
        return f"{held}; 640 exposures of 205 files)"
    nights = EVENTS / night.objects
    return f"{held}; {nights:.1f} nights like {night.day} with its {night.objects:,} objects)"
