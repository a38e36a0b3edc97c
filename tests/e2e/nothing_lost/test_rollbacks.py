"""Rollbacks while the camera works: over several revisions, without Vault or the gateway, and jobs
that are killed in the middle of them or of upgrades."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.nothing_lost.conftest import FOUR, Night, in_each_test
from tests.support import faults
from tests.support.changing import Changing
from tests.support.gate import Gate


def endpoint(changing: Changing, word: str) -> dict[str, Any]:
    """Return a change of the topic's endpoint, which is the same enqueue by another URL."""
    url = f"http://{{{{ enqueue.address }}}}:8080/notify?{word}"
    topics = {changing.release.bucket: {"attributes": {"push-endpoint": url}}}
    return {"bucketConfig": {"topics": topics}}


def keys(changing: Changing) -> set[str]:
    """Return the keys of the Secret whose shape is changed."""
    return set(changing.namespace.secret("db-env"))


def more_keys(changing: Changing) -> dict[str, Any]:
    at = {"path": changing.release.renamed("rubin/usdf-butler/postgres"), "field": "username"}
    return {"secrets": {"db-env": {"more": at}}}


@in_each_test(FOUR)
def test_over_several_revisions(changing: Changing, changing_night: Night) -> None:
    with changing_night() as load:
        good, before, shape = changing.revision(), changing.declared(), keys(changing)
        change = endpoint(changing, "second")
        assert changing.upgrade(change).status == 0
        load.wait_for_more(20)
        change |= more_keys(changing)
        assert changing.upgrade(change).status == 0
        assert keys(changing) == shape | {"more"}
        load.wait_for_more(20)
        change |= {"ingest": {"env": {"MAX_INGESTS": "7"}}}
        assert changing.upgrade(change).status == 0
        load.wait_for_more(20)
        changing.rotate_database()  # a secret that is rotated since is not rolled back
        back = changing.rollback(good)
        assert back.status == 0, back.all
        assert changing.status() == "deployed"
        assert keys(changing) == shape
        after = changing.declared()
        now, then = after.pop("secrets"), before.pop("secrets")
        assert {name for name in now if now[name] != then[name]} == {"db-auth", "db-env"}
        assert after == before


@pytest.mark.soak
@pytest.mark.parametrize("away", ["vault", "store"])
def test_without(changing: Changing, changing_night: Night, away: str) -> None:
    gate: Gate = getattr(changing, away)
    with changing_night() as load:
        good, before = changing.revision(), changing.declared()
        change = {"ingest": {"env": {"MAX_INGESTS": "7"}}}
        assert changing.upgrade({**change, **endpoint(changing, "second")}).status == 0
        second = changing.declared()
        assert second != before
        told = passed_over(changing)
        with gate.shut_for_a_while():
            back = changing.rollback(good)
            assert back.status == 0, back.all
            assert changing.status() == "deployed"
            assert passed_over(changing) > told
            load.wait_for_more(20)
        # What the jobs could not do stays as it was, and the next upgrade does it.
        assert changing.declared() == second
        done = changing.upgrade({})
        assert done.status == 0, done.all
        assert changing.declared() == before


def passed_over(changing: Changing) -> int:
    """Return how many Events tell of what a rollback's jobs could not do."""
    words = ("get", "events", "--field-selector=reason=PassedOver", "-o", "json")
    return len(json.loads(changing.kubectl(*words))["items"])


READING = ("secrets", "GET /v1/secret/data/")
NOTIFYING = ("buckets", "PUT /BUCKET?notification")
REPLACED = ("buckets", "DELETE /BUCKET?notification")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("verb", "job", "request_of_it"),
    [
        pytest.param("upgrade", *READING, id="upgrade-secrets-reads"),
        pytest.param("upgrade", *NOTIFYING, id="upgrade-before-the-notification"),
        pytest.param("upgrade", *REPLACED, id="upgrade-before-the-old-one-goes"),
        pytest.param("rollback", *READING, id="rollback-secrets-reads"),
        pytest.param("rollback", *NOTIFYING, id="rollback-before-the-notification"),
    ],
)
def test_a_job_is_killed(
    changing: Changing, changing_night: Night, verb: str, job: str, request_of_it: str
) -> None:
    gate = changing.vault if job == "secrets" else changing.store
    pattern = request_of_it.replace("BUCKET", changing.release.bucket).encode()
    with changing_night() as load:
        good, before = changing.revision(), changing.declared()
        change = endpoint(changing, "second")
        if verb == "rollback":
            assert changing.upgrade(change).status == 0
            words = ["rollback", changing.release.name, str(good), "--wait"]
        else:
            words = changing.upgrade_words(change)
        with gate.holding(pattern):
            helm = changing.start(*words)
            gate.wait_until_held()
            faults.kill_job(changing.release, f"{job}-rollback" if verb == "rollback" else job)
        said, _ = helm.communicate(timeout=300)
        load.wait_for_more(20)
        if verb == "rollback":
            # The job is run again, so nothing of this is seen but for the time that it took.
            assert (helm.returncode, changing.status()) == (0, "deployed"), said
        else:
            assert (helm.returncode != 0, changing.status()) == (True, "failed"), said
            done = changing.upgrade({})
            assert done.status == 0, done.all
        assert changing.declared() == before
