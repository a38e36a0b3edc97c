from __future__ import annotations

import io
from typing import Any

import pytest

from embargo_hooks import jobs
from embargo_hooks.apply import apply
from embargo_hooks.config import load
from embargo_hooks.errors import Problems, VaultError
from embargo_hooks.report import Report
from embargo_hooks.resources import KubernetesSecret
from embargo_hooks.secret import Secret
from tests.unit.hooks.conftest import Write
from tests.unit.hooks.fakes import FakeWorld


def run(site: dict[str, Any], write: Write, world: FakeWorld) -> list[str]:
    report = Report("secrets apply", io.StringIO(), io.StringIO(), False)
    job = jobs.secrets(load(write(site)), world, report)
    apply(job.plan, job.cluster, job.gateways, report)
    return [str(change) for change in job.plan.changes]


def values(world: FakeWorld, name: str) -> dict[str, bytes]:
    return {key: value.reveal() for key, value in world.fake_cluster.secrets[name].data.items()}


def test_fresh_then_nothing_to_do(site: dict[str, Any], write: Write, world: FakeWorld) -> None:
    assert run(site, write, world) == [
        "apply Secret redis: new redis-password",
        "apply Secret notification: new secret",
    ]
    assert values(world, "redis") == {"redis-password": b"redis-value"}
    world.fake_cluster.writes.clear()
    world.fake_vault.calls.clear()
    assert run(site, write, world) == []
    assert world.fake_cluster.writes == []
    assert world.fake_vault.calls == ["login", "read site/summit", "revoke"]


def test_only_what_changed_is_written(site: dict[str, Any], write: Write, world: FakeWorld) -> None:
    run(site, write, world)
    world.fake_cluster.writes.clear()
    world.fake_vault.documents["site/summit"] = {
        "redis": "new",
        "notification": "notification-value",
    }
    assert run(site, write, world) == ["apply Secret redis: changed redis-password"]
    assert world.fake_cluster.writes == ["redis"]


def test_sources(site: dict[str, Any], write: Write, world: FakeWorld) -> None:
    text = "line\r\nünï\n" + "x" * 100_000 + "\n"
    world.fake_vault.documents["big"] = {"file": text, "access": "A/K", "secret": "s@:"}
    site["secrets"]["all"] = {
        "file": {"path": "big", "field": "file"},
        "pinned": {"path": "big", "field": "file", "version": 3},
        "empty": {"value": ""},
        "absent": {"path": "big", "field": "nothing", "optional": True},
        "profile": {
            "template": "https://{{ a.access | urlencode }}:{{ a.secret | urlencode }}@host\n",
            "from": {"a": {"path": "big"}},
        },
    }
    run(site, write, world)
    assert values(world, "all") == {
        "file": text.encode(),
        "pinned": text.encode(),
        "empty": b"",
        "profile": b"https://A%2FK:s%40%3A@host\n",
    }
    assert world.fake_vault.calls.count("read big") == 1
    assert world.fake_vault.calls.count("read big@3") == 1


def test_every_problem_at_once_and_nothing_written(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    world.fake_vault.documents |= {
        "site/summit": {"redis": "", "other": "x"},
        "denied": VaultError("denied: permission denied"),
    }
    site["secrets"]["more"] = {
        "a": {"path": "denied", "field": "x"},
        "b": {"path": "denied", "field": "y"},
        "c": {"path": "absent", "field": "y"},
        "d": {"template": "{{ s.nope }}", "from": {"s": {"path": "site/summit"}}},
    }
    with pytest.raises(Problems) as caught:
        run(site, write, world)
    assert [str(problem) for problem in caught.value.found] == [
        "denied: permission denied",
        "absent: there is nothing",
        "Secret redis, key redis-password: field 'redis' of Vault path site/summit is empty; "
        'fill it, or declare `value: ""` if it is meant to be',
        "Secret notification, key secret: Vault path site/summit has no field 'notification'; "
        "its fields: other, redis",
        "Secret more, key d: {{ s.nope }}: no 'nope' under s; there: other, redis",
    ]
    assert world.fake_cluster.writes == []
    assert world.fake_vault.calls[-1] == "revoke"


def test_a_secret_of_others_stays(site: dict[str, Any], write: Write, world: FakeWorld) -> None:
    theirs = KubernetesSecret("redis", {"redis-password": Secret("theirs")}, ours=False)
    world.fake_cluster.secrets["redis"] = theirs
    with pytest.raises(Problems, match=r"Secret redis: .*hooks\.secrets\.takeOver"):
        run(site, write, world)
    assert world.fake_cluster.writes == []
    site["hooks"]["secrets"] = {"takeOver": ["redis"]}
    run(site, write, world)
    assert values(world, "redis") == {"redis-password": b"redis-value"}


def test_keys_of_others_stay_and_ours_go(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    site["secrets"]["redis"]["old"] = {"value": "x"}
    run(site, write, world)
    live = world.fake_cluster.secrets["redis"]
    data = {**live.data, "foreign": Secret("kept")}
    world.fake_cluster.secrets["redis"] = KubernetesSecret("redis", data, True, live.applied)
    del site["secrets"]["redis"]["old"]
    assert run(site, write, world) == ["apply Secret redis: no longer declared old"]
    assert values(world, "redis") == {"redis-password": b"redis-value", "foreign": b"kept"}
    assert run(site, write, world) == []
