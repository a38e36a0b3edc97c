from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.errors import GatewayError, KubernetesError, VaultError
from embargo_butler.model.resources import Notification
from tests.unit.conftest import Write
from tests.unit.fakes import FakeCluster, FakeGateway, FakeWorld

BUCKET = "rubin-summit"
THEIRS = Notification("theirs", "their-topic", frozenset({"s3:ObjectCreated:*"}))
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def file(site: dict[str, Any], write: Write, world: FakeWorld) -> Path:
    """The site as declared, with a notification of somebody else beside."""
    world.store.notifications[BUCKET] = [THEIRS]
    path = write(site)
    for area in ("secrets", "buckets"):
        assert main([area, "--config", str(path)], world) == 0
    world.store.calls.clear()
    return path


@pytest.fixture
def run(file: Path, world: FakeWorld, capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        code = main([*words, "--output", "json", "--config", str(file)], world)
        return {"code": code, **json.loads(capsys.readouterr().out)}

    return ran


def ids(world: FakeWorld) -> list[str]:
    return [each.name for each in world.store.notifications[BUCKET]]


def test_ours_goes_and_theirs_stays_and_apply_puts_it_back_and_has_it_looked_for(
    world: FakeWorld, run: Run
) -> None:
    assert run("withdraw")["code"] == 2
    assert ids(world) == ["theirs", "to-http"], "dry by default"
    assert run("withdraw", "--apply")["code"] == 0
    assert ids(world) == ["theirs"]
    assert list(world.store.topics) == [BUCKET], "what waits there is delivered later"
    assert run("withdraw", "--apply")["result"] == "unchanged"
    done = run("buckets")
    assert ids(world) == ["theirs", "to-http"]
    assert "notification to-http was not there" in str(done["backfill"])
    noted = json.loads(world.fake_cluster.config_maps["embargo-butler-lookups"]["lookups.json"])
    assert [each["bucket"] for each in noted] == [BUCKET]


def test_one_that_was_there_before_us_is_looked_for_as_well(world: FakeWorld, run: Run) -> None:
    world.fake_cluster.config_maps.clear()  # as if somebody else had made just the same
    assert run("buckets")["code"] == 0
    assert run("withdraw", "--apply")["code"] == 0
    assert ids(world) == ["theirs"]
    assert "notification to-http was not there" in str(run("buckets")["backfill"])


def test_a_later_generation_is_withdrawn_as_well(world: FakeWorld, run: Run) -> None:
    run("renew", BUCKET)
    [now] = set(ids(world)) - {"theirs"}
    assert now != "to-http"
    run("withdraw", "--apply")
    assert ids(world) == ["theirs"]


def test_without_persistence_nothing_waits(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    site["bucketConfig"]["topics"][BUCKET]["attributes"]["persistent"] = False
    assert main(["buckets", "--config", str(write(site))], world) == 0
    before = ids(world)
    assert run("withdraw", "--apply")["result"] == "unchanged"
    assert ids(world) == before


def test_a_shared_topic_is_left_to_its_other_consumers(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    site["bucketConfig"]["topics"][BUCKET]["shared"] = ["Prompt Processing"]
    write(site)
    done = run("withdraw", "--apply")
    assert done["result"] == "unchanged"
    assert "is consumed by Prompt Processing too" in str(done["warnings"])


def test_a_foreign_one_on_our_topic_stays_and_is_told_of(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    world.store.notifications[BUCKET].append(replace(THEIRS, name="on-ours", topic=BUCKET))
    site["bucketConfig"]["buckets"][BUCKET]["foreign"] = ["on-ours"]
    write(site)
    done = run("withdraw", "--apply")
    assert (done["code"], ids(world)) == (0, ["theirs", "on-ours"])
    assert "on-ours of bucket rubin-summit stays: it is declared foreign" in str(done["warnings"])


def test_two_of_one_topic_go_once_each(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    declared = site["bucketConfig"]["buckets"][BUCKET]["notifications"]
    declared["second"] = {**declared["to-http"], "filter": {"prefix": "LSSTCam/"}}
    write(site)
    assert run("buckets")["code"] == 0
    done = run("withdraw", "--apply")
    assert [each["object"].split()[1] for each in done["done"]] == ["to-http", "second"]
    assert ids(world) == ["theirs"]


def test_a_gateway_that_fails_is_told_and_nothing_is_written(
    world: FakeWorld, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: FakeGateway, bucket: str) -> None:
        raise GatewayError(f"bucket {bucket}: cannot be reached")

    monkeypatch.setattr(FakeGateway, "notifications", fails)
    done = run("withdraw", "--apply")
    assert (done["code"], world.store.writes) == (1, [])
    assert "cannot be reached" in done["summary"]


def second_owner(site: dict[str, Any], write: Write, world: FakeWorld) -> None:
    """Give another owner a bucket that announces to a topic of that owner."""
    declared = site["bucketConfig"]
    declared["owners"]["second"] = {"path": "owners/second"}
    topic = copy.deepcopy(declared["topics"][BUCKET])
    declared["topics"]["others"] = {**topic, "owner": "second"}
    declared["buckets"]["others"] = {
        "owner": "second",
        "notifications": {"other": {"topic": "others", "events": ["s3:ObjectCreated:*"]}},
    }
    keys = {"access_key": "second-access", "secret_key": "s"}
    world.fake_vault.documents["owners/second"] = keys
    assert main(["buckets", "--config", str(write(site))], world) == 0


def test_one_owner_without_keys_keeps_no_other(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    second_owner(site, write, world)
    keys = world.fake_vault.documents.pop("owners/second")
    assert run("withdraw")["code"] == 2
    done = run("withdraw", "--apply")
    assert (done["code"], ids(world)) == (1, ["theirs"])
    assert "owner second: its keys are not there, so bucket others" in done["summary"]
    assert "`vault kv put secret/owners/second " in done["summary"]
    assert [each.name for each in world.store.notifications["others"]] == ["other"]
    world.fake_vault.documents["owners/second"] = keys
    assert run("withdraw", "--apply")["code"] == 0
    assert world.store.notifications["others"] == []


@pytest.mark.parametrize("fails", ["notifications", "delete_notification"])
def test_one_bucket_that_fails_keeps_no_other(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    fails: str,
) -> None:
    second_owner(site, write, world)
    works = getattr(FakeGateway, fails)

    def failing(self: FakeGateway, bucket: str, *more: str) -> Any:
        if bucket == BUCKET:
            raise GatewayError(f"bucket {bucket}: cannot be reached")
        return works(self, bucket, *more)

    monkeypatch.setattr(FakeGateway, fails, failing)
    done = run("withdraw", "--apply")
    assert (done["code"], ids(world)) == (1, ["theirs", "to-http"])
    assert "bucket rubin-summit: cannot be reached" in done["summary"]
    assert world.store.notifications["others"] == []


def test_what_is_declared_no_longer_is_known_by_the_inventory(
    site: dict[str, Any], write: Write, world: FakeWorld, file: Path, run: Run
) -> None:
    declared = site["bucketConfig"]
    declared["topics"], declared["buckets"] = {}, {}
    write(site)
    assert run("withdraw", "--apply")["code"] == 0
    assert ids(world) == ["theirs"]


def test_the_cluster_may_be_away(
    world: FakeWorld, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise KubernetesError("ConfigMap embargo-butler-inventory: no answer of the API")

    monkeypatch.setattr(FakeCluster, "config_map", away)
    done = run("withdraw", "--apply")
    assert (done["code"], ids(world)) == (0, ["theirs"])
    assert "only what is declared is looked for: ConfigMap" in done["warnings"][0]


def test_what_was_made_for_others_too_stays(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    site["bucketConfig"]["topics"][BUCKET]["shared"] = ["prompt-processing"]
    write(site)
    assert run("buckets")["code"] == 0
    site["bucketConfig"]["topics"], site["bucketConfig"]["buckets"] = {}, {}
    write(site)
    done = run("withdraw", "--apply")
    assert ids(world) == ["theirs", "to-http"]
    assert "is consumed by prompt-processing too" in done["warnings"][0]


def test_nobody_s_keys_are_asked_for_whose_buckets_announce_nothing(
    site: dict[str, Any], write: Write, world: FakeWorld, run: Run
) -> None:
    site["bucketConfig"]["owners"]["others"] = {"path": "owners/missing"}
    site["bucketConfig"]["buckets"]["others"] = {"owner": "others", "grants": {"read": ["a"]}}
    write(site)
    assert run("withdraw", "--apply")["code"] == 0
    assert ids(world) == ["theirs"]


@pytest.mark.parametrize("there", [True, False])
def test_vault_is_not_asked_where_a_person_has_the_keys(
    site: dict[str, Any],
    write: Write,
    world: FakeWorld,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,
) -> None:
    site["bucketConfig"]["owners"][BUCKET]["profile"] = "wsummit"
    write(site)
    if there:
        world.fake_vault.refuses = VaultError("Vault login: refused", "login-refused")
    else:

        def lacking(self: FakeWorld, name: str) -> Any:
            raise GatewayError(f"AWS profile {name}: is not there")

        monkeypatch.setattr(FakeWorld, "profile", lacking)
    assert run("withdraw", "--apply")["code"] == 0
    assert ids(world) == ["theirs"]
