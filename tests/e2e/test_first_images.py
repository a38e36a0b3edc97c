"""The main job, end to end: images PUT by the camera reach the Butler, once, and presence."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.rig import vault
from tests.rig.command import wait_for
from tests.rig.listener import RECEIVED
from tests.rig.release import SUMMIT
from tests.rig.site import LOGS
from tests.support import connect, pictures, received
from tests.support.foreign import FOREIGN, Foreign
from tests.support.gateway import Gateway, Notification, endpoint, fingerprints
from tests.support.journey import Stage
from tests.support.namespace import FULLNAME, Namespace, is_ready
from tests.support.night import Night, take
from tests.support.presence import Answer

NAMESPACE = Namespace(SUMMIT.namespace)
SECRETS = {
    "redis": {"redis-password": ("rubin/usdf-embargo-dmz/summit", "redis")},
    "notification": {"secret": ("rubin/usdf-embargo-dmz/summit", "notification")},
    "db-auth": {"db-auth.yaml": ("rubin/usdf-butler/client-config", "db-auth.yaml")},
    "s3": {
        "s3_access": ("rubin/embargo/read/rubin-summit-users", "access_key"),
        "s3_key": ("rubin/embargo/read/rubin-summit-users", "secret_key"),
    },
}
"""Of each Secret's keys, path and field in Vault."""


@pytest.fixture(scope="module")
def night(release: None) -> Night:
    """Three exposures, 20 s apart, every tenth file PUT twice."""
    taken = take(SUMMIT, 3, timeout=420)
    pictures.write_times(taken.journey, LOGS / "first-images.csv")
    return taken


def test_all_five_pods_run(release: None) -> None:
    pods = NAMESPACE.pods()
    kinds = Counter(pod["metadata"]["labels"]["app"] for pod in pods)
    assert kinds == {"redis": 1, "enqueue": 1, "ingest": 1, "idle": 1, "presence": 1}
    assert [pod["metadata"]["name"] for pod in pods if not is_ready(pod)] == []


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_hold_what_vault_holds(release: None, name: str) -> None:
    expected = {key: vault.read(path)[field] for key, (path, field) in SECRETS[name].items()}
    assert all(expected.values()), f"Vault has an empty value for Secret {name}"
    assert fingerprints(NAMESPACE.secret(name)) == fingerprints(expected)


def test_topic_is_persistent_and_leads_to_enqueue(owner: Gateway, ours: Notification) -> None:
    attributes = owner.topic(ours.topic)
    where = endpoint(attributes)
    address = NAMESPACE.outer_address(f"{FULLNAME}-enqueue")
    assert where["EndpointAddress"] == f"http://{address}:8080/notify"
    assert str(where["Persistent"]).lower() == "true"
    secret = NAMESPACE.secret("notification")["secret"]
    assert fingerprints({"OpaqueData": attributes["OpaqueData"]}) == fingerprints(
        {"OpaqueData": secret}
    )


def test_every_file_is_in_the_butler_once(night: Night) -> None:
    expected = {
        (
            "guider_raw" if detector.is_guider else "raw",
            exposure.exposure_id,
            detector.name,
            f"s3://{SUMMIT.bucket}/{key}",
        )
        for exposure in night.exposures
        for key, detector in exposure.keys.items()
    }
    with connect.repository(SUMMIT) as repository:
        datasets = repository.datasets(night.exposures)
    found = [(d.kind, d.exposure, d.detector, d.uri) for d in datasets]
    assert set(found) == expected
    assert len(found) == len(expected) == 615


def test_each_exposure_is_a_visit(night: Night) -> None:
    with connect.repository(SUMMIT) as repository:
        visits = repository.visits(night.exposures)
    numbers = [exposure.exposure_id for exposure in night.exposures]
    assert sorted(visits) == [(number, number) for number in numbers]
    assert len(numbers) == 3


def test_presence_answers_for_every_science_file(night: Night) -> None:
    assert night.journey.reached(Stage.PRESENT) == 3 * 189
    for exposure in night.exposures:
        answers = {
            key: night.watcher.presence.ask(exposure.group, detector.name)
            for key, detector in exposure.keys.items()
        }
        # Wavefront and guider sensors are refused by name, whether they are there or not.
        assert answers == {
            key: Answer(200, f"s3://{SUMMIT.bucket}/{key}")
            if detector.is_science
            else Answer(400, None)
            for key, detector in exposure.keys.items()
        }


def test_presence_knows_nothing_of_another_group(night: Night) -> None:
    answer = night.watcher.presence.ask("2020-01-01T00:00:00.000", "R22_S11")
    assert answer == Answer(200, None)


def test_repeated_announcements_were_counted_and_worked_off(night: Night) -> None:
    assert len(night.repeated) == 63
    assert night.announcements >= 615 + 63
    assert night.watcher.queues.lists() == []
    assert night.watcher.failures() == {}


def test_object_that_does_not_match_is_not_queued(night: Night) -> None:
    wait_for(
        "the gateway announces that object to Prompt Processing, who take everything",
        lambda: night.stray in received.keys(RECEIVED),
        timeout=30,
    )
    assert night.watcher.queues.notes([night.stray]) == {}
    assert night.watcher.queues.waiting() == []


def test_prompt_processing_received_every_event(night: Night) -> None:
    expected = set(night.journey.detectors)
    wait_for(
        "Prompt Processing's endpoint has every file's event",
        lambda: expected <= received.keys(RECEIVED).keys(),
        timeout=60,
    )


def test_prompt_processings_things_are_as_before(night: Night, foreign: Foreign) -> None:
    assert FOREIGN.encode() in foreign.xml
    now = Foreign.observe(SUMMIT)
    assert now.xml == foreign.xml
    assert now.topic == foreign.topic


def test_second_upgrade_changes_nothing(night: Night, owner: Gateway, ours: Notification) -> None:
    def state() -> dict[str, Any]:
        return {
            "pods": {
                pod["metadata"]["name"]: (
                    pod["metadata"]["uid"],
                    [status["restartCount"] for status in pod["status"]["containerStatuses"]],
                )
                for pod in NAMESPACE.pods()
            },
            "secrets": {
                name: NAMESPACE.get("secret", name)["metadata"]["resourceVersion"]
                for name in SECRETS
            },
            "notification": owner.notification_xml(SUMMIT.bucket, ours.id),
            "notifications": owner.notifications(SUMMIT.bucket),
            "topic": fingerprints(owner.topic(ours.topic)),
            "prompt processing": Foreign.observe(SUMMIT),
        }

    before = state()
    SUMMIT.deploy(print)
    assert state() == before
