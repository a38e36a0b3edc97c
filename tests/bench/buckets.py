"""What the buckets job costs, on the site's gateway: `python -m tests.bench.buckets`.

Times are medians of pairs: both sides are measured in turn, in one run. It ends with 1 where a
figure is beyond what is promised of it.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import yaml

from embargo_butler.config.config import load
from embargo_butler.jobs import buckets as buckets_job
from tests.bench import awscli
from tests.bench.cost import Cost, cost
from tests.bench.store import NOTIFICATIONS, OWNER, ManyBuckets
from tests.contract.calls import counted
from tests.contract.site import World, silent
from tests.rig import credentials
from tests.rig.cluster import programs
from tests.rig.store import REGION
from tests.support.bucket_place import BucketPlace

SIZES = (10, 100, 1000)
ENVIRONMENT_BUCKETS = 4
"""As summit has them."""
_CLIENTS = ("rgw.client", "vault.client", "kubernetes.client")
_MANY_PAIRS, _PROCESS_PAIRS = 3, 7
_MOST_MEBIBYTES = 150
_beyond: list[str] = []


def main() -> None:
    """Measure, and print."""
    many = ManyBuckets()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        place = BucketPlace(folder)
        try:
            print(f"gateway: Ceph {many.store.version()}")
            command = _Command(many, place)
            _calls(many, folder)
            _environment(many, command)
            _scale(many, folder)
            _memory(command)
        finally:
            print("taking the buckets away", file=sys.stderr)
            many.remove()
            place.remove()
    if _beyond:
        raise SystemExit("\n".join(_beyond))


def _promised(what: str, found: float, *, least: float = 0, most: float = math.inf) -> None:
    if not least <= found <= most:
        _beyond.append(f"{what}: {found:.2f}, promised is {least} to {most}")


def _calls(many: ManyBuckets, folder: Path) -> None:
    many.grow(ENVIRONMENT_BUCKETS)
    plan = _planning(many, ENVIRONMENT_BUCKETS, folder)
    with counted() as calls:
        plan()
    # A listing, the topic, and of each bucket notifications and policy; nothing else.
    _promised("calls", len(calls), most=2 + 2 * ENVIRONMENT_BUCKETS)
    counts = ", ".join(f"{number} {call}" for call, number in sorted(Counter(calls).items()))
    print(f"nothing to do, 1 owner, 1 topic, {ENVIRONMENT_BUCKETS} buckets: {counts}")


def _scale(many: ManyBuckets, folder: Path) -> None:
    """Plan ever more buckets; the most of them against the same reads one after another."""
    before, a_bucket = 0.0, list[float]()
    for size in SIZES:
        print(f"making {size} buckets", file=sys.stderr)
        many.grow(size)
        took = [_timed(_planning(many, size, folder)) for _ in range(5)]
        ratio = f", {median(took) / before:.1f} times the line above" if before else ""
        before = median(took)
        a_bucket.append(before / size)
        print(
            f"plan of {size:5} buckets with {len(NOTIFICATIONS)} notifications each: "
            f"{before * 1000:7.0f} ms, {before / size * 1000:5.2f} ms a bucket{ratio}"
        )
    plan, one_by_one = _planning(many, SIZES[-1], folder), _one_by_one(many, SIZES[-1])
    pairs = [(_timed(one_by_one), _timed(plan)) for _ in range(_MANY_PAIRS)]
    # What a run begins with counts for ten buckets; beyond that it is as much for each.
    _promised("cost of the most buckets to a hundred, each", a_bucket[-1] / a_bucket[1], most=1.5)
    what = f"{SIZES[-1]} buckets: read one by one, planned"
    _promised(what, _print_pairs(what, pairs, "s", inverse=True), least=8)


class _Command:
    """`buckets plan` as a process, with Vault, the cluster and the gateway of the site."""

    def __init__(self, many: ManyBuckets, place: BucketPlace) -> None:
        self._many, self._place = many, place
        keys = credentials.load().s3(OWNER)
        self._at = place.place.put("bench", access_key=keys.access_key, secret_key=keys.secret_key)
        self.env = {
            "KUBECONFIG": str(place.place.kubeconfig),
            "PATH": f"{os.environ['PATH']}{os.pathsep}{programs()}",
            "VAULT_TOKEN": place.place.admin.token,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_DEFAULT_REGION": REGION,
        }

    def declare(self, size: int) -> None:
        """Write the configuration of so many buckets."""
        config = self._many.declared(size)
        config["owners"][OWNER] |= self._at
        self._place.place.config["bucketConfig"] = config
        self._file = self._place.place.write()

    def plan(self) -> Cost:
        """Run it."""
        words = (
            "-m",
            "embargo_butler.cli",
            "job",
            "buckets",
            "--dry-run",
            "--config",
            str(self._file),
        )
        return cost([sys.executable, *words], self.env)


def _environment(many: ManyBuckets, command: _Command) -> None:
    """Plan one environment, against aws doing the same reads, and against importing the clients."""
    command.declare(ENVIRONMENT_BUCKETS)
    names = many.names[:ENVIRONMENT_BUCKETS]
    arns = [many.topics[topic] for topic in dict.fromkeys(map(many.topic, names))]
    reads = awscli.reads(many.store.url, arns, names)
    modules = ", ".join(f"embargo_butler.adapters.{name}" for name in _CLIENTS)
    # The last is what the cluster's client imports late.
    bare = [sys.executable, "-c", f"import {modules}, httpcore2"]
    for warm in (lambda: _all(reads[:2], command.env), command.plan):
        warm()
    pairs = [(_all(reads, command.env), command.plan().seconds) for _ in range(_MANY_PAIRS)]
    what = f"{len(names)} buckets: {len(reads)} times aws, one `buckets plan`"
    _promised(what, _print_pairs(what, pairs, "s", inverse=True), least=5)
    cpu = [(cost(bare, command.env).cpu, command.plan().cpu) for _ in range(_PROCESS_PAIRS)]
    what = "CPU: importing the clients, `buckets plan` with nothing to do"
    _promised(what, _print_pairs(what, cpu, "s"), most=1.3)


def _memory(command: _Command) -> None:
    command.declare(SIZES[-1])
    used = command.plan()
    print(
        f"`buckets plan` of {SIZES[-1]} buckets: {used.seconds:.1f} s, CPU {used.cpu:.1f} s, "
        f"{used.memory:.0f} MiB of memory"
    )
    _promised("MiB of memory", used.memory, most=_MOST_MEBIBYTES)


def _planning(many: ManyBuckets, count: int, folder: Path) -> Callable[[], object]:
    document = {
        "environment": "bench",
        "cluster": "none",
        "namespace": "none",
        "fullname": "bench",
        "vault": {"address": "http://127.0.0.1", "mount": "m", "auth": {"method": "token"}},
        "secrets": {},
        "bucketConfig": many.declared(count),
    }
    file = folder / "planning.yaml"
    file.write_text(yaml.safe_dump(document))
    config, world = load(file), World(many.gateway())
    world.fake_vault.documents["owner"] = {"access_key": "x", "secret_key": "x"}

    def plan() -> None:
        job = buckets_job.plan(config, world, silent(), 0)
        assert job.plan.changes == (), "this was to find nothing to do"

    return plan


def _one_by_one(many: ManyBuckets, count: int) -> Callable[[], object]:
    gateway = many.gateway()

    def read() -> None:
        gateway.topics()
        for topic in dict.fromkeys(map(many.topic, many.names[:count])):
            gateway.topic(topic)
        for name in many.names[:count]:
            gateway.notifications(name)
            gateway.policy(name)

    return read


def _timed(do: Callable[[], object]) -> float:
    begun = time.monotonic()
    do()
    return time.monotonic() - begun


def _all(commands: Sequence[Sequence[str]], env: dict[str, str]) -> float:
    return sum(cost(each, env).seconds for each in commands)


def _print_pairs(
    what: str, pairs: Sequence[tuple[float, float]], unit: str, inverse: bool = False
) -> float:
    """Print both sides' medians and all pairs; return the median of their ratios."""
    left, right = (median(side) for side in zip(*pairs, strict=True))
    ratio = median(a / b if inverse else b / a for a, b in pairs)
    each = "; ".join(f"{a:.2f}, {b:.2f}" for a, b in pairs)
    print(f"{what}: {left:.2f} {unit}, {right:.2f} {unit}: {ratio:.2f} times  ({each})")
    return ratio


if __name__ == "__main__":
    main()
