"""A misfortune stops what depends on it, fails no release, and is told until it ends."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig import ceph, environment, vault
from tests.rig.release import Release
from tests.support.foreign import FOREIGN
from tests.support.gateway import Gateway
from tests.support.operated import Operated, Said

RELEASE = Release(f"undone-{secrets.token_hex(3)}")


class Place(Operated):
    """A release, its gateway, and an operator with a login to Vault."""

    def type(self, verb: str, *words: str, **change: Any) -> Said:
        return self.run(verb, *words, token=str(vault.admin().token), **change)

    def ids(self) -> list[str]:
        """Return the Ids of the raw bucket's notifications."""
        gateway = Gateway(self.release.bucket)
        return sorted(each.id for each in gateway.notifications(self.release.bucket))

    def events(self) -> list[str]:
        """Return what the release's jobs have told of misfortunes."""
        found = self.get("events", "--field-selector=reason=Misfortune")["items"]
        return [each["message"] for each in found]

    def forget_events(self) -> None:
        self.kubectl("delete", "events", "--field-selector=reason=Misfortune")


@pytest.fixture(scope="module")
def place(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Everything is there but the owners' keys."""
    environment.make(RELEASE)
    kv = vault.admin().secrets.kv.v2
    for path in (vault.OWNER_KEYS, vault.USERS_OWNER_KEYS):
        kv.delete_metadata_and_all_versions(RELEASE.renamed(path), mount_point=vault.MOUNT)
    yield Place(RELEASE, tmp_path_factory.mktemp("operator"), {})
    environment.remove(RELEASE)


def test_missing_keys_fail_no_release_and_are_taken_once_they_are_there(place: Place) -> None:
    said = place.type("apply", "--yes")
    print(said.all)
    assert said.status == 0, said.all
    assert place.ids() == [FOREIGN], "nothing is written without keys"
    told = place.events()
    assert len(told) == 2
    status = place.type("status")
    assert status.status == 1
    owners = {vault.OWNER_KEYS: RELEASE.bucket, vault.USERS_OWNER_KEYS: RELEASE.users_bucket}
    for path, owner in owners.items():
        [event] = (each for each in told if f"owner {owner}:" in each)
        [command] = re.findall("`(vault kv put .*)`", event)
        vault_, kv, put, where, *fields = shlex.split(command)
        assert (vault_, kv, put) == ("vault", "kv", "put")
        assert where == f"{vault.MOUNT}/{RELEASE.renamed(path)}"
        assert command in status.out
        keys = vault.secrets(RELEASE)[RELEASE.renamed(path)]
        assert [each.partition("=")[0] for each in fields] == list(keys)
        vault.admin().secrets.kv.v2.create_or_update_secret(
            RELEASE.renamed(path), keys, mount_point=vault.MOUNT
        )
    place.forget_events()
    done = place.type("apply", "--yes")
    assert done.status == 0, done.all
    assert len(place.ids()) == 2
    assert place.events() == []
    assert place.type("audit").status == 0
    kv, path = vault.admin().secrets.kv.v2, RELEASE.renamed(vault.USERS_OWNER_KEYS)
    kv.delete_metadata_and_all_versions(path, mount_point=vault.MOUNT)
    audit = place.type("audit")
    assert audit.status == 2, audit.all
    assert f"vault kv put {vault.MOUNT}/{path} " in audit.out
    keys = vault.secrets(RELEASE)[path]
    kv.create_or_update_secret(path, keys, mount_point=vault.MOUNT)


@pytest.fixture
def by_hand(place: Place) -> Iterator[str]:
    """A topic and a notification that somebody has made in the users' bucket; the topic's name."""
    owner = bucket = RELEASE.users_bucket
    s3, sns, name = ceph.client("s3", owner), ceph.client("sns", owner), f"{bucket}-by-hand"
    attributes = {"push-endpoint": "http://127.0.0.1:9/by-hand", "verify-ssl": "false"}
    arn = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    rules: Any = [{"Name": "prefix", "Value": "raw/"}, {"Name": "suffix", "Value": ".fits"}]
    notification: Any = {
        "Id": "made-by-hand",
        "TopicArn": arn,
        "Events": ["s3:ObjectCreated:Put"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [notification]}
    )
    yield name
    for each in (gateway := Gateway(owner)).notifications(bucket):
        gateway.forget(bucket, each)
    sns.delete_topic(TopicArn=arn)


def test_what_nobody_knew_is_confirmed_from_the_store(place: Place, by_hand: str) -> None:
    name, users = f"bucket-config/{RELEASE.name}.yaml", RELEASE.users_bucket
    as_it_was = place.text(name)
    raw, mark = RELEASE.bucket, "unconfirmed: no source tells it"
    guessed = as_it_was.replace(
        f"    {raw}:\n      owner: {raw}\n      attributes:",
        f"    # A guess.\n    guessed:\n      owner: {users} # taken to be so\n      {mark}\n"
        "      attributes: {push-endpoint: http://127.0.0.1:9/by-hand}\n"
        f"    {raw}:\n      owner: {raw}\n      {mark}\n      attributes:",
    )
    guessed = guessed.replace(
        f"    {users}:\n      owner: {users}\n",
        f"    {users}:\n      owner: {users}\n      notifications:\n"
        '        guessed: {topic: guessed, events: ["s3:ObjectCreated:*"]}\n',
    )
    place.give(name, guessed)
    try:
        before = place.type("buckets", "plan")
        assert f"unconfirmed, not written: topic {raw}: no source tells it" in before.out
        assert f"`make import ENV={RELEASE.name} CONFIRM=1` confirms of it" in before.out
        said = place.type("import", "--confirm", "--yes")
        print(said.all)
        assert said.status == 0
        confirmed = guessed.replace(f"      {mark}\n", "")
        confirmed = confirmed.replace("    guessed:\n      owner", f"    {by_hand}:\n      owner")
        confirmed = confirmed.replace("9/by-hand}", "9/by-hand, verify-ssl: false}").replace(
            'guessed: {topic: guessed, events: ["s3:ObjectCreated:*"]}',
            f'made-by-hand: {{topic: {by_hand}, events: ["s3:ObjectCreated:Put"], '
            'filter: {prefix: raw/, suffix: ".fits"}}',
        )
        assert place.text(name) == confirmed
        plan = place.type("buckets", "plan")
        assert plan.status == 0, plan.all
        assert "unconfirmed, not written: topic" not in plan.out
        assert f"buckets plan: {RELEASE.name}: nothing to do" in plan.out
        again = place.type("import", "--confirm", "--yes")
        assert f"{name}: 0 confirmed, 3 left unconfirmed; nothing was written" in again.out
    finally:
        place.give(name, as_it_was)
        assert place.type("buckets", "apply").status == 0


def test_ours_is_put_back_though_another_teams_is_missing(place: Place) -> None:
    gateway = Gateway(RELEASE.bucket)
    [ours] = [each for each in place.ids() if each != FOREIGN]
    for notification in gateway.notifications(RELEASE.bucket):
        gateway.unsubscribe(RELEASE.bucket, notification)
    said = place.type("apply", "--yes")
    assert said.status == 0, said.all
    assert place.ids() == [ours]
    [event] = place.events()
    assert f"the foreign notification {FOREIGN} is not there" in event
    audit = place.type("audit", "--output", "json")
    assert audit.status == 2, audit.all
    [misfortune] = json.loads(audit.out)["misfortunes"]
    assert misfortune["about"] == f"bucket {RELEASE.bucket}"
    rolled = place.type("rollback", "--yes")
    assert rolled.status == 0, rolled.all
    assert "all is well" not in rolled.out
    assert f"the foreign notification {FOREIGN} is not there" in rolled.out


def test_a_bucket_that_its_owner_deleted_stops_nothing_not_even_an_uninstall(place: Place) -> None:
    s3, more = ceph.client("s3", RELEASE.bucket), f"{RELEASE.bucket}-more"
    events = {"topic": RELEASE.bucket, "events": ["s3:ObjectCreated:*"]}
    bucket = {"owner": RELEASE.bucket, "notifications": {"more": events}}
    declared: dict[str, Any] = {"bucketConfig": {"buckets": {more: bucket}}}
    s3.create_bucket(Bucket=more)
    made = place.type("apply", "--yes", **declared)
    assert made.status == 0, made.all
    assert len(Gateway(RELEASE.bucket).notifications(more)) == 1
    s3.delete_bucket(Bucket=more)
    place.forget_events()
    said = place.type("apply", "--yes", **declared)
    assert said.status == 0, said.all
    assert f"bucket {more}: there is no such bucket" in " ".join(place.events())
    assert place.type("audit", **declared).status == 2

    s3.create_bucket(Bucket=more)
    assert place.type("apply", "--yes", **declared).status == 0
    s3.delete_bucket(Bucket=more)
    plan = place.type("buckets", "plan")
    assert plan.all.count(f"bucket {more}: there is no such bucket") == 1, plan.all
    RELEASE.run_helm("uninstall", RELEASE.name, "-n", RELEASE.namespace, "--wait")
    ours = "--field-selector=type=Opaque"
    assert place.get("secrets", ours)["items"] == []
    assert [each for each in place.ids() if each != FOREIGN] == []
