"""What the buckets job leaves for reconcile: from when on a bucket has to be looked through.

The buckets job writes the ConfigMap `<fullname>-lookups` before it changes anything, so that a run
that is killed has said it; reconcile only reads it, and keeps in a ConfigMap of its own,
`<fullname>-reconcile`, what it last found and which of these it has done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from embargo_butler.config.config import Config
from embargo_butler.errors import KubernetesError
from embargo_butler.model import times
from embargo_butler.model.plan import Lookup
from embargo_butler.model.ports import Cluster

_KEY, _LAST = "lookups.json", "last.json"
_FRESH = timedelta(days=1)
_KEPT = timedelta(days=7)
"""As long as Redis remembers what was announced: all that is older would be queued again."""


@dataclass(frozen=True)
class Wanted:
    """A part of a bucket's time that has to be looked through.

    Attributes:
        noted: When that was noted (UTC).
        bucket: The bucket.
        since: From when on.
        until: To when.
        why: Why.
    """

    noted: str
    bucket: str
    since: str
    until: str
    why: str

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from the others, by which it is noted as done."""
        return self.noted, self.bucket, self.since, self.until

    @property
    def begin(self) -> datetime:
        """From when on."""
        return times.read(self.since)

    @property
    def end(self) -> datetime:
        """To when."""
        return times.read(self.until)


def note(config: Config, cluster: Cluster, lookups: Iterable[Lookup], now: datetime) -> None:
    """Write down what a plan wants to be looked through, beside what stands there already."""
    stamp = times.text(now)
    latest = times.text(now + timedelta(seconds=config.hooks.deadline))
    earliest = times.text(now - _KEPT)
    new = [
        Wanted(stamp, each.bucket, max(each.since, earliest), each.until or latest, each.why)
        for each in lookups
    ]
    if new:
        kept = [each for each in _noted(config, cluster) if times.read(each.noted) > now - _KEPT]
        text = json.dumps([asdict(each) for each in [*kept, *new]], indent=1)
        cluster.apply_config_map(_name(config), {_KEY: text})


def open_ones(config: Config, cluster: Cluster, bucket: str, now: datetime) -> list[Wanted]:
    """Return what nobody has looked through yet, and Redis still remembers."""
    noted = _noted(config, cluster)
    done = _done(config, cluster, noted)
    return [
        each
        for each in noted
        if each.bucket == bucket and each.key not in done and each.end > now - _KEPT
    ]


def last(config: Config, cluster: Cluster) -> Mapping[str, Any]:
    """Return what the last reconcile has written down; empty where that cannot be read.

    Nothing is lost by that: what is looked through twice is queued once.
    """
    found = cluster.config_map(f"{config.fullname}-reconcile") or {}
    try:
        document = dict(json.loads(found.get(_LAST, "{}")))
        times.read(document["time"])
    except (ValueError, TypeError, KeyError):
        return {}
    return document


def silence(
    found: Mapping[str, Any], mode: str, typed: Callable[[Sequence[str]], str], now: datetime
) -> str:
    """Tell of a topic that may announce nothing although its endpoint is there.

    Seen on Ceph 16.2 and 18.2: when an endpoint was away, some pushes never end, and the queue
    behind them stands still until the gateway is restarted or the topic has a new name.

    Args:
        found: What the last reconcile has written down.
        mode: How enqueue hears: `webhook` or `kafka`.
        typed: Spells the command that is advised.
        now: The time.

    Returns:
        A sentence; empty where all was announced, or nobody has looked for long.
    """
    number = found.get("unannounced")
    if not number or now - times.read(found["time"]) > _FRESH:
        return ""
    # Consumers read a topic of Kafka by its name, so that it gets no other by itself.
    renew = typed(("buckets", "renew", "TOPIC")) if mode == "webhook" else "docs/operators.md"
    return (
        f"{number} objects were never announced until reconcile found them at {found['time']}: if "
        f"that goes on while enqueue is ready, the topic's queue is stuck: `{renew}`"
    )


def done(
    config: Config, cluster: Cluster, result: Mapping[str, Any], looked: Collection[Wanted]
) -> None:
    """Write down what a reconcile has found, and what has been looked through with it."""
    finished = _done(config, cluster, _noted(config, cluster)) | {each.key for each in looked}
    document = {**result, "done": sorted(finished)}
    text = json.dumps(document, indent=1)
    cluster.apply_config_map(f"{config.fullname}-reconcile", {_LAST: text})


def _done(config: Config, cluster: Cluster, noted: Iterable[Wanted]) -> set[tuple[str, ...]]:
    """Return the keys of those that are done."""
    done = {tuple(each) for each in last(config, cluster).get("done", ())}
    return {each.key for each in noted if each.key in done}


def _noted(config: Config, cluster: Cluster) -> list[Wanted]:
    found = cluster.config_map(_name(config)) or {}
    try:
        noted = [Wanted(**each) for each in json.loads(found.get(_KEY, "[]"))]
        for text in (text for each in noted for text in (each.noted, each.since, each.until)):
            times.read(text)
    except (ValueError, TypeError):
        raise KubernetesError(
            f"ConfigMap {_name(config)} of namespace {config.namespace}: cannot be read as a list "
            "of lookups; backfill the bucket by hand with --since 7d, then delete it"
        ) from None
    return noted


def _name(config: Config) -> str:
    return f"{config.fullname}-lookups"
