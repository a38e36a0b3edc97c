"""Enqueue as a Kafka consumer, deployed by the chart: gateway, forwarder, broker, consumer, Butler.

The gateway announces to the forwarder, which stands for the part that Debian's gateway lacks.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.rig import cluster, environment, images, kafka, supervisor
from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.rig.site import FORWARDER_URL, KAFKA
from tests.support import broker, connect, faults, mends, site_faults, verbs
from tests.support.count import Ledger, write_down
from tests.support.exposure import Exposure
from tests.support.load import Load
from tests.support.namespace import FULLNAME, Namespace, is_ready

ENQUEUE = f"deployment/{FULLNAME}-enqueue"
DRAIN = f"deployment/{FULLNAME}-enqueue-drain"
WITH_KAFKA = "1.6.1"
"""From 1.6 on an image of enqueue hears by Kafka, and those before by a webhook."""
FEW = 20
"""Images that are enough to see what becomes of them."""
ANNOUNCED = 180
"""Seconds within which a gateway announces; of a new topic, once it has found the queue."""
WITHIN = 30
"""Seconds within which readiness shows a Redis that does not serve."""


class Place:
    """A release that hears by Kafka, and the topics that it has heard from.

    Args:
        folder: For its values.
    """

    def __init__(self, folder: Path) -> None:
        # Ceph 16 delivers nothing for a topic that was deleted and made again under one name.
        self.release = Release(f"kafka-{secrets.token_hex(3)}")
        self.namespace = Namespace(self.release.namespace)
        self.topics: list[str] = []
        self._folder = folder

    @property
    def group(self) -> str:
        """The consumer group."""
        return self.release.name

    @property
    def topic(self) -> str:
        """The topic that is announced to now."""
        return self.topics[-1]

    def new_topic(self) -> None:
        """Have one more topic, to be used from the next deployment on."""
        self.topics.append(f"{self.release.name}-{len(self.topics) + 1}")
        broker.make(self.topic)

    def deploy(self, drain: str = "") -> None:
        """Deploy, with a second consumer of another topic if need be."""
        values = {
            "enqueue": {
                "mode": "kafka",
                "image": {"tag": WITH_KAFKA},
                "kafka": {
                    "cluster": KAFKA,
                    "topic": self.topic,
                    "groupId": self.group,
                    "fedBy": "the forwarder, which the object store announces to",
                    "drain": {"topic": drain},
                },
                # Of the little CPU that small releases have, a probe that starts Python gets too
                # little beside others.
                "resources": {"requests": {"cpu": "100m"}},
            },
            "bucketConfig": {
                "topics": {
                    self.release.bucket: {
                        "attributes": {
                            "push-endpoint": f"{FORWARDER_URL}/{self.topic}",
                            "OpaqueData": "",
                        }
                    }
                }
            },
        }
        file = self._folder / "kafka.yaml"
        file.write_text(json.dumps(values))
        self.release.deploy(print, "-f", str(file))

    def scale(self, replicas: int) -> None:
        """Have so many consumers."""
        self.namespace.kubectl("scale", ENQUEUE, f"--replicas={replicas}")
        wait_for(
            f"there are {replicas} consumers",
            lambda: len(faults.pods(self.release, "enqueue")) == replicas,
            timeout=60,
        )

    def log(self, consumer: str) -> str:
        """Return what a consumer says, once Kubernetes knows that it runs.

        A consumer may be done with its work before its node has told of its start.
        """
        cluster.wait_for_rollout(self.namespace.name, consumer)
        return self.namespace.kubectl("logs", consumer)

    def waiting(self, topic: str = "") -> int:
        """Return how many records the consumers have to do."""
        return broker.waiting(self.group, topic or self.topic)

    @contextmanager
    def night(self, row: str) -> Iterator[Load]:
        """The camera works as long as the context lasts; then every object is counted."""
        faults.wait_until_ready(self.release)
        ledger = Ledger(self.release)
        with Load(self.release) as load:
            load.wait_for_more()
            yield load
            load.wait_for_more(20)
        woken = mends.wake(ledger, load)
        count = ledger.settle(load)
        write_down(row, self.release.helm_version(), load, count, woken)
        assert count.problems() == {}, count
        assert self.waiting() == 0


@pytest.fixture(scope="module")
def place(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("kafka"))
    made.new_topic()
    image = images.service("enqueue", WITH_KAFKA)
    images.load(image.name, images.archive(image, print), print)
    environment.make(made.release)
    made.deploy()
    yield made
    environment.remove(made.release)
    broker.remove(*made.topics)


def test_there_is_a_consumer_and_no_service(place: Place) -> None:
    names = place.namespace.kubectl("get", "services", "-o", "name")
    assert "redis" in names
    assert "enqueue" not in names
    (pod,) = faults.pods(place.release, "enqueue")
    assert is_ready(pod)


def test_a_consumer_that_was_stopped_starts_where_it_stopped(place: Place) -> None:
    queues = connect.queues(place.release)
    announced = queues.announcements()
    first = expose(place)
    wait_for("the first images are heard of", lambda: heard(place, first), timeout=ANNOUNCED)
    wait_for("all of it is committed", lambda: place.waiting() == 0, timeout=30)
    place.scale(0)
    done = broker.committed(place.group, place.topic)
    second = expose(place)
    wait_for("the broker has the others", lambda: place.waiting() >= FEW, timeout=ANNOUNCED)
    assert heard(place, first)
    assert not queues.notes(list(second.keys))
    place.scale(1)
    wait_for("the others are heard of", lambda: heard(place, second), timeout=ANNOUNCED)
    wait_for("all of it is committed", lambda: place.waiting() == 0, timeout=30)
    assert queues.announcements() - announced == 2 * FEW
    # What it read is what came since, of which the gateway may have announced some twice.
    skipped_again(place, ENQUEUE, done)
    with connect.repository(place.release) as repository:
        both = (first, second)
        wait_for(
            "all are in the Butler", lambda: len(repository.datasets(both)) == 2 * FEW, timeout=120
        )


@pytest.mark.soak
def test_images_are_announced_to_the_topic_by_hand(place: Place) -> None:
    exposure = expose(place)
    wait_for("they are heard of", lambda: heard(place, exposure), timeout=ANNOUNCED)
    wait_for("all of it is committed", lambda: place.waiting() == 0, timeout=30)
    before = broker.end(place.topic)
    words = ("trigger", "--through", "kafka", "--force", exposure.name)
    code, said = verbs.run(place.release, *words)
    assert (code, broker.end(place.topic) - before) == (1, 0), said["summary"]
    assert f"topic {place.topic} is shared" in said["summary"]
    code, said = verbs.run(place.release, *words, "--shared-topic")
    assert (code, broker.end(place.topic) - before) == (0, 1), said["summary"]
    assert f"{FEW} of {FEW} objects announced" in said["summary"]
    assert {each["outcome"] for each in said["objects"]} <= {"ingested", "there already"}
    code, said = verbs.run(place.release, "trigger", "--through", "webhook", exposure.name)
    assert (code, broker.end(place.topic) - before) == (1, 1)
    assert "hears by kafka" in said["summary"]


def test_a_consumer_stops_when_told(place: Place, record_property: Callable[..., None]) -> None:
    (pod,) = faults.pods(place.release, "enqueue")
    began = time.monotonic()
    place.namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true")
    took = round(time.monotonic() - began, 1)
    record_property("stopped after seconds", took)
    print(f"a consumer has stopped after {took} s")
    assert took < pod["spec"]["terminationGracePeriodSeconds"]
    faults.wait_until_ready(place.release, "enqueue")


def test_the_old_topic_is_drained_beside_the_new_one(place: Place) -> None:
    old = place.topic
    place.scale(0)
    done = broker.committed(place.group, old)
    before = expose(place)
    wait_for("the old topic has them", lambda: place.waiting() >= FEW, timeout=ANNOUNCED)
    place.new_topic()
    place.deploy(drain=old)
    after = expose(place)
    wait_for(
        "the new topic has the others", lambda: broker.end(place.topic) >= FEW, timeout=ANNOUNCED
    )
    wait_for(
        "all are heard of", lambda: heard(place, before) and heard(place, after), timeout=ANNOUNCED
    )
    containers = place.namespace.get(DRAIN)["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in containers[0]["env"]}
    assert (env["KAFKA_TOPIC"], env["KAFKA_GROUP_ID"]) == (old, place.group)
    wait_for("both are committed", lambda: place.waiting(old) + place.waiting() == 0, timeout=30)
    # It began where the first one had stopped.
    skipped_again(place, DRAIN, done, old)
    place.deploy()
    assert place.namespace.kubectl("get", DRAIN, "--ignore-not-found") == ""


@pytest.mark.soak
@pytest.mark.parametrize("redis", ["away", "asking for another password"])
def test_readiness_shows_a_redis_that_does_not_serve(place: Place, redis: str) -> None:
    (before,) = faults.pods(place.release, "enqueue")
    if redis == "away":
        place.namespace.kubectl("scale", "statefulset/redis", "--replicas=0")
    else:
        ask_for_another_password(place)
    began = time.monotonic()
    try:
        wait_for("the consumer is not ready", lambda: not consumer_is_ready(place), 2 * WITHIN)
        took = round(time.monotonic() - began, 1)
        print(f"Redis {redis}: the consumer is not ready after {took} s")
        assert took <= WITHIN
    finally:
        if redis == "away":
            place.namespace.kubectl("scale", "statefulset/redis", "--replicas=1")
        else:
            # A Redis that starts again asks for the one that is declared.
            place.namespace.kubectl("delete", "pod", "redis-0", "--wait=true")
        faults.wait_until_ready(place.release)
    (after,) = faults.pods(place.release, "enqueue")
    assert (restarts(after), after["metadata"]["uid"]) == (0, before["metadata"]["uid"])


@pytest.mark.soak
@pytest.mark.parametrize("app", ["enqueue", "redis"])
def test_nothing_is_lost_when_a_process_is_killed(place: Place, app: str) -> None:
    with place.night(f"Kafka: {app} is killed") as load:
        faults.kill(place.release, app)
        load.wait_for_more()
        faults.wait_until_ready(place.release)


@pytest.mark.soak
def test_nothing_is_lost_when_redis_is_away(place: Place) -> None:
    # For longer than an announcement is tried by itself: the consumer has to be stopped meanwhile.
    with place.night("Kafka: redis is away for 30 s") as load:
        with site_faults.redis_stopped(place.release):
            load.go_on(30)
        faults.wait_until_ready(place.release)


@pytest.mark.soak
def test_nothing_is_lost_when_the_consumer_is_replaced(place: Place) -> None:
    with place.night("Kafka: enqueue is restarted") as load:
        place.namespace.kubectl("rollout", "restart", ENQUEUE)
        cluster.wait_for_rollout(place.release.namespace, ENQUEUE)
        load.wait_for_more()


@pytest.mark.soak
def test_nothing_is_lost_when_the_broker_is_away(place: Place) -> None:
    with place.night("Kafka: the broker is away") as load:
        supervisor.stop(kafka.BROKER)
        load.wait_for_more()
        kafka.up(print)
        faults.wait_until_ready(place.release)


@pytest.mark.soak
def test_nothing_is_lost_in_moving_to_a_new_topic_while_the_old_one_drains(place: Place) -> None:
    with place.night("Kafka: to a new topic") as load:
        old = place.topic
        # What the old topic still holds is more than the consumer is done with.
        place.scale(0)
        load.wait("the old topic has a backlog", lambda: place.waiting() > 50)
        place.new_topic()
        place.deploy(drain=old)
        load.wait("the old topic is drained", lambda: place.waiting(old) == 0)
        load.wait("the new one is announced to", lambda: broker.end(place.topic) > 50)
    place.deploy()
    with place.night("Kafka: after moving to a new topic"):
        pass


def expose(place: Place) -> Exposure:
    """Take a few images of one more exposure."""
    camera = connect.camera(place.release)
    exposure = Exposure.now(camera.next_seq(Exposure.now(0).day))
    camera.put_all(islice(exposure.files(), FEW))
    return exposure


def heard(place: Place, exposure: Exposure) -> bool:
    notes = connect.queues(place.release).notes(list(exposure.keys))
    return sum(note.announced is not None for note in notes.values()) == FEW


def skipped_again(place: Place, consumer: str, done: int, topic: str = "") -> None:
    """Assert that a consumer skipped what the gateway announced again since, and no more."""

    def as_many() -> bool:
        said = place.log(consumer).count("Skipping duplicate")
        return said == broker.end(topic or place.topic) - done - FEW

    wait_for("it has skipped what was announced again", as_many, timeout=60)


def consumer_is_ready(place: Place) -> bool:
    return all(map(is_ready, faults.pods(place.release, "enqueue")))


def restarts(pod: dict[str, Any]) -> int:
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def ask_for_another_password(place: Place) -> None:
    script = (
        'export REDISCLI_AUTH="$REDIS_PASSWORD"; redis-cli config set requirepass another; '
        "REDISCLI_AUTH=another redis-cli client kill type normal"
    )
    place.namespace.kubectl("exec", "redis-0", "--", "sh", "-ec", script)
