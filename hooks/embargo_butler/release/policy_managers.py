"""Which environment manages the policy of which bucket: never two the same.

Each would put its own statements in place of the other's, release after release.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from embargo_butler.config.buckets import tenant_of
from embargo_butler.config.reader import Node
from embargo_butler.errors import Gathering
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
    places = defaultdict[tuple[str, str, str], list[Node]](list)
    for file in sorted((project / BUCKETS).glob("*.yaml")):
        relative = f"{BUCKETS}/{file.name}"
        for bucket, place in _managed(Node(read_values(project / relative), relative)):
            places[bucket].append(place)
    gathering = Gathering()
    for (store, tenant, name), (first, *others) in places.items():
        found = {Path(each.file).stem for each in (first, *others)}
        for other in others if not environment or environment in found else ():
            of = f" of tenant {tenant}" if tenant else ""
            with gathering.catching():
                raise first.fail(
                    f"the policy of bucket {name}{of} at {store} is managed by {other.file} "
                    f"too: {other.path}; leave {', '.join(_PARTS)} of it to one of both"
                )
    gathering.check()


def _managed(root: Node) -> Iterator[tuple[tuple[str, str, str], Node]]:
    """Yield the buckets whose policy is managed, with the place that says so."""
    config = root.child("bucketConfig")
    buckets = config.child("buckets")
    for name in buckets.value if isinstance(buckets.value, dict) else ():
        bucket = buckets.child(str(name))
        parts = [part for part in _PARTS if bucket.child(part).value is not None]
        # What is unconfirmed is not written.
        if parts and bucket.child("unconfirmed").value is None:
            store = _store(str(config.child("endpoint").value))
            tenant = tenant_of(str(bucket.child("owner").value))
            yield (store, tenant, str(name)), bucket.child(parts[0])


def _store(endpoint: str) -> str:
    # One host has one object store, with TLS or without; one at another port may be another.
    return re.sub("^https?://|(:80|:443)?/*$", "", endpoint.lower())
