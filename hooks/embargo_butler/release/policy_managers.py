"""Which environment manages the policy of which bucket: never two the same.

Each would put its own statements in place of the other's, release after release.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from embargo_butler.config.buckets import tenant_of
from embargo_butler.errors import ConfigError, Gathering
from embargo_butler.release.environments import BUCKETS, read_values

_PARTS = ("grants", "deny")


def refuse_two(project: Path, environment: str = "") -> None:
    """Refuse a bucket whose policy two environments manage.

    Args:
        project: The folder of the project.
        environment: The one whose buckets are looked at; all by default.

    Raises:
        ConfigError: A file cannot be read.
        Problems: There is such a bucket; both files and key paths are told.
    """
    places = defaultdict[tuple[str, str, str], list[tuple[str, str]]](list)
    for file in sorted((project / BUCKETS).glob("*.yaml")):
        relative = f"{BUCKETS}/{file.name}"
        for bucket, path in _managed(read_values(project / relative)):
            places[bucket].append((relative, path))
    gathering = Gathering()
    for (store, tenant, name), (first, *others) in places.items():
        found = {Path(file).stem for file, _ in (first, *others)}
        for other, path in others if not environment or environment in found else ():
            of = f" of tenant {tenant}" if tenant else ""
            with gathering.catching():
                raise ConfigError(
                    f"{first[0]}: {first[1]}: the policy of bucket {name}{of} at {store} is "
                    f"managed by {other} too: {path}; leave {', '.join(_PARTS)} of it to one "
                    "of both"
                )
    gathering.check()


def _managed(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield the buckets whose policy is managed, with the key path that says so."""
    config = _part(values, "bucketConfig")
    buckets = _part(config, "buckets")
    for name in buckets:
        bucket = _part(buckets, name)
        parts = [part for part in _PARTS if bucket.get(part) is not None]
        # What is unconfirmed is not written.
        if parts and bucket.get("unconfirmed") is None:
            store, tenant = _store(str(config.get("endpoint"))), tenant_of(str(bucket.get("owner")))
            yield (store, tenant, str(name)), f"bucketConfig.buckets.{name}.{parts[0]}"


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of it; what is none is told by whoever reads it whole."""
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _store(endpoint: str) -> str:
    # One host has one object store, with TLS or without; one at another port may be another.
    return re.sub("^https?://|(:80|:443)?/*$", "", endpoint.lower())
