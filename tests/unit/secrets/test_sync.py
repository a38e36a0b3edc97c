from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from embargo_butler.config.config import load
from embargo_butler.engine.apply import apply
from embargo_butler.engine.report import Report
from embargo_butler.errors import KubernetesError, Problems, VaultError, VaultKind
from embargo_butler.jobs import secrets as secrets_job
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret
from tests.unit.conftest import Write
from tests.unit.fakes import FakeWorld


def run(site: dict[str, Any], write: Write, world: FakeWorld) -> list[str]:
    report = Report("secrets apply", io.StringIO(), io.StringIO(), False)
    job = secrets_job.plan(load(write(site)), world, report)
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


def test_paths_are_read_at_the_same_time(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fake_vault.documents["other"] = {"x": "y"}
    site["secrets"]["more"] = {"k": {"path": "other", "field": "x"}}
    together = threading.Barrier(2)
    one_by_one = world.fake_vault.read

    def read(path: str, version: int | None = None) -> Mapping[str, Secret]:
        together.wait(timeout=10)
        return one_by_one(path, version)

    monkeypatch.setattr(world.fake_vault, "read", read)
    run(site, write, world)
    assert values(world, "more") == {"k": b"y"}


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
    world.fake_vault.documents["big"] = {
        "file": text,
        "access": "A/K",
        "secret": "s@:",
    }
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


READING: list[VaultKind] = [
    "unreachable",
    "tls",
    "sealed",
    "forbidden",
    "path-absent",
    "version-deleted",
    "version-destroyed",
    "not-kv2",
    "rate-limited",
    "server-error",
]
LOGIN: list[VaultKind] = ["unreachable", "tls", "sealed", "no-login", "login-refused"]
A = {"a": {"path": "a"}}
SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "field-missing": ({"path": "a", "field": "none"}, "its fields: binary, empty, word"),
    "value-empty": ({"path": "a", "field": "empty"}, "fill it, or declare `value: "),
    "template": ({"template": "{{ a.word | nosuch }}", "from": A}, "filter"),
    "template of nothing": ({"template": "{{ a.nope }}", "from": A}, "no 'nope' under a"),
    "template of empty": ({"template": "{{ a.empty }}", "from": A}, "'empty' of Vault path a"),
    "template of a method": ({"template": "{{ a.items }}", "from": A}, 'write a["items"]'),
    "optional template": (
        {"template": "{{ a.word + 1 }}", "from": A, "optional": True},
        "fails with TypeError",
    ),
}
KINDS = {"template of nothing": "field-missing", "template of empty": "value-empty"}
KINDS |= {"optional template": "template", "template of a method": "template"}


def unchanged(site: dict[str, Any], write: Write, world: FakeWorld) -> Problems:
    """Change everything in Vault, run, and see that no Secret has changed."""
    before = dict(world.fake_cluster.secrets)
    world.fake_cluster.writes.clear()
    if isinstance(world.fake_vault.documents["site/summit"], dict):
        world.fake_vault.documents["site/summit"] = {"redis": "2", "notification": "2"}
    with pytest.raises(Problems) as caught:
        run(site, write, world)
    assert world.fake_cluster.secrets == before
    assert world.fake_cluster.writes == []
    return caught.value


@pytest.mark.parametrize("kind", READING)
def test_nothing_is_written_when_a_path_cannot_be_read(
    site: dict[str, Any], write: Write, world: FakeWorld, kind: VaultKind
) -> None:
    run(site, write, world)
    site["secrets"]["more"] = {"k": {"path": "a", "field": "x"}}
    world.fake_vault.documents["a"] = VaultError("a: broken", kind)
    (problem,) = unchanged(site, write, world).found
    assert problem.kind == kind


@pytest.mark.parametrize("kind", LOGIN)
def test_nothing_is_written_without_a_login(
    site: dict[str, Any], write: Write, world: FakeWorld, kind: VaultKind
) -> None:
    run(site, write, world)
    world.fake_cluster.secrets["notification"] = KubernetesSecret("notification", {}, ours=False)
    world.fake_vault.refuses = VaultError("broken", kind)
    found = unchanged(site, write, world).found
    assert [problem.kind for problem in found] == [kind, "not-ours"], "and whose they are is told"


@pytest.mark.parametrize("case", SOURCES)
def test_nothing_is_written_when_a_value_is_wrong(
    site: dict[str, Any], write: Write, world: FakeWorld, case: str
) -> None:
    run(site, write, world)
    source, message = SOURCES[case]
    site["secrets"]["more"] = {"k": source}
    world.fake_vault.documents["a"] = {"word": "hunter2", "empty": "", "binary": "hunter2!"}
    (problem,) = unchanged(site, write, world).found
    assert problem.kind == KINDS.get(case, case)
    assert str(problem).startswith("Secret more, key k: ")
    assert message in str(problem)
    assert "hunter2" not in str(problem)


def test_nothing_is_written_when_the_cluster_cannot_be_read_or_would_refuse(
    site: dict[str, Any], write: Write, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    site["secrets"]["more"] = {"k": {"path": "a", "field": "x"}}
    world.fake_vault.documents["a"] = {"x": "x" * ((1 << 20) + 1)}
    (problem,) = unchanged(site, write, world).found
    assert "1048577 bytes" in str(problem)

    def refuses(name: str) -> None:
        raise KubernetesError(f"Secret {name}: permission denied")

    monkeypatch.setattr(world.fake_cluster, "secret", refuses)
    assert len(unchanged(site, write, world).found) == 4


def test_an_optional_template_may_want_what_is_not_there(
    site: dict[str, Any], write: Write, world: FakeWorld
) -> None:
    optional = {
        "template": "{{ s.none }}",
        "from": {"s": {"path": "site/summit"}},
        "optional": True,
    }
    site["secrets"]["redis"]["maybe"] = optional
    run(site, write, world)
    assert values(world, "redis") == {"redis-password": b"redis-value"}
