"""The outside world in memory: what the ports promise, with the ways of Ceph 16, and a call log."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from embargo_butler.adapters.redis.records import RedisRecords
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.connections import Connections
from embargo_butler.errors import HooksError, KubernetesError, NoBucketError, RedisError, VaultError
from embargo_butler.model.ports import Keys, LeaseState, Pod, Right, Rollout, ServiceState, Stored
from embargo_butler.model.resources import KubernetesSecret, Notification, Topic
from embargo_butler.secret import Secret
from embargo_butler.secrets.redis_password import digest


class FakeVault:
    """Paths and their fields; a path may hold an error instead."""

    def __init__(self, documents: Mapping[str, Mapping[str, str] | HooksError]) -> None:
        self.documents = dict(documents)
        self.calls: list[str] = []
        self.refuses: HooksError | None = None

    def __enter__(self) -> FakeVault:
        if self.refuses:
            raise self.refuses
        self.calls.append("login")
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append("revoke")

    def read(self, path: str, version: int | None = None) -> Mapping[str, Secret]:
        self.calls.append(f"read {path}" + (f"@{version}" if version else ""))
        found = self.documents.get(path)
        if found is None:
            raise VaultError(f"{path}: there is nothing", "path-absent")
        if isinstance(found, HooksError):
            raise found
        return {key: Secret(value) for key, value in found.items()}


class FakeCluster:
    """A namespace."""

    def __init__(self) -> None:
        self.secrets: dict[str, KubernetesSecret] = {}
        self.kept_rights: list[Right] = []
        self.live_pods: list[Pod] = []
        self.rollouts: dict[str, Rollout] = {}
        self.restarted: list[str] = []
        self.refused: set[str] = set()
        self.config_maps: dict[str, dict[str, str]] = {}
        self.states = [ServiceState("198.19.200.1", True)]
        self.leases: dict[str, LeaseState] = {}
        self.one_at_a_time = threading.Lock()
        self.events: list[str] = []
        self.writes: list[str] = []

    def secret(self, name: str) -> KubernetesSecret | None:
        return self.secrets.get(name)

    def apply_secret(self, secret: KubernetesSecret, rehearse: bool = False) -> None:
        if secret.name in self.refused:
            raise KubernetesError(f"Secret {secret.name}: the API answered 422 Invalid")
        if rehearse:
            return
        self.writes.append(secret.name)
        live = self.secrets.get(secret.name)
        foreign = {k: v for k, v in live.data.items() if k not in live.applied} if live else {}
        data = {**foreign, **secret.data}
        self.secrets[secret.name] = KubernetesSecret(
            secret.name, data, True, frozenset(secret.data), dict(secret.since)
        )

    def delete_secret(self, name: str) -> None:
        self.writes.append(f"delete {name}")
        if name in self.secrets and self.secrets[name].ours:
            del self.secrets[name]

    def rights(self) -> Sequence[Right]:
        return list(self.kept_rights)

    def delete_right(self, right: Right) -> None:
        self.writes.append(f"delete {right.name}")
        self.kept_rights.remove(right)

    def pods(self) -> Sequence[Pod]:
        return list(self.live_pods)

    def running(self, pod: str) -> bool:
        return any(each.name == pod for each in self.live_pods)

    def rollout(self, owner: str) -> Rollout | None:
        return self.rollouts.get(owner)

    def restart(self, owner: str, now: datetime) -> None:
        self.restarted.append(owner)

    def service(self, name: str) -> ServiceState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def config_map(self, name: str) -> Mapping[str, str] | None:
        return self.config_maps.get(name)

    def apply_config_map(self, name: str, data: Mapping[str, str]) -> None:
        self.writes.append(name)
        self.config_maps[name] = dict(data)

    def lease(self, name: str) -> LeaseState | None:
        return self.leases.get(name)

    def write_lease(
        self, name: str, seen: LeaseState | None, holder: str, seconds: int
    ) -> LeaseState | None:
        with self.one_at_a_time:
            if self.leases.get(name) != seen:
                return None
            version = str(int(seen.version) + 1 if seen else 1)
            self.leases[name] = LeaseState(holder, seconds, version)
            return self.leases[name]

    def warn(self, about: str, reason: str, message: str) -> None:
        self.events.append(f"{about}: {reason}: {message}")


class Store:
    """The object store itself, which all owners' gateways share.

    Attributes:
        copies: What each notification sends its events with, by bucket and Id: its topic's
            attributes when it was put, as 16 and 18 keep them.
        owners: Whose a bucket is, where there are several owners.
        gone: Buckets that are not there.
    """

    def __init__(self) -> None:
        self.copies: dict[tuple[str, str], Mapping[str, Secret]] = {}
        self.topics: dict[str, Topic] = {}
        self.notifications: dict[str, list[Notification]] = {}
        self.owners: dict[str, str] = {}
        self.gone: set[str] = set()
        self.policies: dict[str, list[Mapping[str, Any]]] = {}
        self.calls: list[str] = []
        self.follows = False

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith(("list", "get"))]


class FakeGateway:
    """One owner's view of the store."""

    def __init__(self, store: Store, owner: str) -> None:
        self.store = store
        self.owner = owner

    def topics(self) -> Mapping[str, int]:
        self.store.calls.append("list topics")
        entries = [n.topic for each in self.store.notifications.values() for n in each]
        # As Ceph 20 lists them, and as 16 and 18 do.
        return {n: 0 if self.store.follows else entries.count(n) for n in self.store.topics}

    def topic(self, name: str) -> Topic | None:
        self.store.calls.append(f"get topic {name}")
        return self.store.topics.get(name)

    def put_topic(self, name: str, attributes: Mapping[str, Secret]) -> None:
        self.store.calls.append(f"put topic {name}")
        self.store.topics[name] = Topic(name, dict(attributes), self.store.follows)

    def delete_topic(self, name: str) -> None:
        self.store.calls.append(f"delete topic {name}")
        self.store.topics.pop(name, None)

    def buckets(self) -> Sequence[str]:
        self.store.calls.append("list buckets")
        owners = self.store.owners
        return [b for b in self.store.notifications if owners.get(b, self.owner) == self.owner]

    def notifications(self, bucket: str) -> tuple[Notification, ...]:
        self.store.calls.append(f"get notifications {bucket}")
        self._must_be(bucket)
        return tuple(self.store.notifications.get(bucket, ()))

    def put_notification(self, bucket: str, notification: Notification) -> None:
        self.store.calls.append(f"put notification {bucket}/{notification.name}")
        assert notification.topic in self.store.topics, "NoSuchKey"
        entries = self.store.notifications.setdefault(bucket, [])
        same = [n for n in entries if (n.name, n.topic) == (notification.name, notification.topic)]
        for entry in same:
            entries.remove(entry)
        entries.append(notification)
        held = self.store.topics[notification.topic].attributes
        self.store.copies[bucket, notification.name] = held

    def delete_notification(self, bucket: str, name: str) -> None:
        self.store.calls.append(f"delete notification {bucket}/{name}")
        entries = self.store.notifications.get(bucket, [])
        if first := next((entry for entry in entries if entry.name == name), None):
            entries.remove(first)

    def policy(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        self.store.calls.append(f"get policy {bucket}")
        self._must_be(bucket)
        return copy.deepcopy(self.store.policies.get(bucket, []))

    def _must_be(self, bucket: str) -> None:
        if bucket in self.store.gone:
            raise NoBucketError(f"bucket {bucket}: NoSuchBucket")

    def put_policy(self, bucket: str, statements: Sequence[Mapping[str, Any]]) -> None:
        self.store.calls.append(f"put policy {bucket}")
        self.store.policies[bucket] = copy.deepcopy(list(statements))


class FakeObjects:
    """A bucket: keys, when each was PUT, and what it holds."""

    def __init__(self) -> None:
        self.put: dict[str, float] = {}
        self.content: dict[str, bytes] = {}
        self.listed: list[str] = []

    def folders(self, prefix: str) -> list[str]:
        below = (key.removeprefix(prefix) for key in self.put if key.startswith(prefix))
        return sorted({f"{prefix}{key.partition('/')[0]}/" for key in below if "/" in key})

    def listing(self, prefix: str) -> Iterator[Sequence[Stored]]:
        self.listed.append(prefix)
        found = [Stored(key, put) for key, put in self.put.items() if key.startswith(prefix)]
        for start in range(0, len(found), 1000):
            yield found[start : start + 1000]

    def stored(self, keys: Sequence[str]) -> list[Stored | None]:
        return [Stored(key, self.put[key]) if key in self.put else None for key in keys]

    def head(self, key: str, count: int) -> bytes:
        return self.content.get(key, b"")[:count]


class FakeButler:
    """A repository: the paths that it has, and the exposures that are visits."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.visits: set[str] = set()
        self.exposures: list[tuple[str, str]] = []
        self.refuses = False

    def known(self, subjects: Sequence[tuple[str, str, str]]) -> tuple[set[str], dict[str, bool]]:
        science = {name for _, name in self.exposures} | self.visits
        return set(self.paths), {name: name in self.visits for name in science}

    def unvisited(self, days: Sequence[str], since: float, until: float) -> list[tuple[str, str]]:
        return [(i, n) for i, n in self.exposures if n not in self.visits]

    def define_visits(self, instrument: str, exposures: Sequence[str]) -> None:
        if not self.refuses:
            self.visits |= set(exposures)


class FakeLogs:
    """What the pods wrote, by component."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def mentions(self, component: str, names: Sequence[str]) -> Mapping[str, str]:
        lines = self.lines.get(component, [])
        return {name: line for line in lines for name in names if name in line}

    def count(self, component: str, phrase: str) -> int:
        return sum(phrase in line for line in self.lines.get(component, []))


class FakeAnnouncer:
    """Notes what was announced."""

    def __init__(self) -> None:
        self.announced: list[list[str]] = []

    def announce(self, keys: Sequence[str]) -> None:
        self.announced.append(list(keys))


class FakePasswords:
    """Redis, as far as it lets somebody in."""

    def __init__(self) -> None:
        self.runs = True
        self.let_in: set[str] = set()

    def admitted(self, by: Sequence[Secret]) -> frozenset[str] | None:
        return frozenset(self.let_in) if self._enter(by) else None

    def admit(self, by: Sequence[Secret], digest: str) -> None:
        if self._enter(by):
            self.let_in.add(digest)

    def dismiss(self, by: Sequence[Secret], digest: str) -> None:
        if self._enter(by):
            self.let_in.discard(digest)

    def _enter(self, by: Sequence[Secret]) -> bool:
        if self.runs and not self.let_in & {digest(each) for each in by}:
            raise RedisError("Redis refuses the password")
        return self.runs


class FakeWorld(Connections):
    """All of it."""

    by_hand = True

    def __init__(self, documents: Mapping[str, Mapping[str, str] | HooksError]) -> None:
        self.fake_vault = FakeVault(documents)
        self.fake_cluster = FakeCluster()
        self.store = Store()
        self.fake_objects = FakeObjects()
        self.fake_butler = FakeButler()
        self.fake_logs = FakeLogs()
        self.fake_announcer = FakeAnnouncer()
        self.redis: RedisRecords | None = None
        self.fake_passwords = FakePasswords()
        self.profiles: list[str] = []
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def records(self) -> RedisRecords:
        assert self.redis is not None, "this test needs a Redis"
        return self.redis

    def passwords(self) -> FakePasswords:
        return self.fake_passwords

    def objects(self) -> FakeObjects:
        return self.fake_objects

    def logs(self) -> FakeLogs:
        return self.fake_logs

    def announcer(self) -> FakeAnnouncer:
        return self.fake_announcer

    def butler(self) -> FakeButler:
        return self.fake_butler

    def profile(self, name: str) -> Keys:
        self.profiles.append(name)
        return Keys(Secret("rubin-summit-access"), Secret("s"))

    def vault(self) -> FakeVault:
        return self.fake_vault

    def cluster(self) -> FakeCluster:
        return self.fake_cluster

    def gateway(self, config: BucketConfig, owner: str, keys: Keys) -> FakeGateway:
        assert keys.access.text() == f"{owner}-access"
        return FakeGateway(self.store, owner)
