"""Bad releases: each goes wrong in its own way, and the one before it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.nothing_lost.conftest import FOUR, Night, in_each_test
from tests.rig import images
from tests.rig.site import PROJECT
from tests.support import faults, mends
from tests.support.changing import Changing
from tests.support.namespace import is_ready

ENQUEUE = "ghcr.io/lsst-dm/embargo-butler-enqueue"
LIMIT = ("--timeout", "90s")
"""More than a job's deadline: Helm that gives up a rollback's job before leaves it pending."""
DEAD = "http://198.20.0.1:9"


@dataclass(frozen=True)
class Bad:
    """A bad release.

    Attributes:
        change: Its values, in which NAME is the release's name.
        fails: Whether Helm sees it fail by itself.
        drops: Whether announcements are lost in it, so that the clock has to find them.
        stay: The services that it breaks, and whose pods no broken one may replace.
    """

    change: dict[str, Any]
    fails: bool = True
    drops: bool = False
    stay: tuple[str, ...] = ()


MORE: dict[str, Any] = {
    "secrets": {
        "db-env": {"more": {"path": "rubin/usdf-butler-NAME/postgres", "field": "username"}}
    },
    "bucketConfig": {
        "topics": {
            "more-of-NAME": {"owner": "rubin-NAME", "attributes": {"push-endpoint": f"{DEAD}/more"}}
        },
        "buckets": {
            "rubin-NAME": {
                "grants": {"read": ["rubin-NAME-users", "prompt-processing-dev", "contract-other"]}
            }
        },
    },
}
"""What each of them declares beside: it has to be gone again."""

ONE_DETECTOR = r"LSSTCam/\d{8}/\w+/\w+_R22_S11\.fits$"
OF_ONE_DETECTOR = "LSSTCam/20260603/MC_O_20260603_000258/MC_O_20260603_000258_R22_S11.fits"
"""What its author tried it with: the chart's own example is refused before anything is deployed."""
ANNOUNCED = {"wrong-to-http": {"topic": "rubin-NAME", "events": ["s3:ObjectCreated:*"]}}
MOVED: dict[str, Any] = {"topics": {"rubin-NAME": {"attributes": {"push-endpoint": f"{DEAD}/no"}}}}
BAD = {
    "image-that-is-not-there": Bad({"ingest": {"image": {"tag": "99.0.0"}}}, stay=("ingest",)),
    "image-that-crashes": Bad({"enqueue": {"image": {"tag": "99.0.0-crashes"}}}, stay=("enqueue",)),
    "image-that-answers-500": Bad(
        {"enqueue": {"image": {"tag": "99.0.0-fails"}}}, stay=("enqueue",)
    ),
    "wrong-regexp": Bad(
        {
            "enqueue": {
                "env": {"DATASET_REGEXP": ONE_DETECTOR},
                "examples": {"taken": [OF_ONE_DETECTOR]},
            }
        },
        False,
        True,
    ),
    # A key of another Secret, whose content is no password of Redis.
    "wrong-password-of-redis": Bad(
        {
            name: {"env": {"REDIS_PASSWORD": {"secret": "s3", "key": "s3_key"}}}
            for name in ("ingest", "idle")
        },
        stay=("ingest", "idle"),
    ),
    "wrong-bucket": Bad(
        {
            "ingest": {"env": {"BUCKET": "rubin-wrong"}},
            "bucketConfig": {
                "buckets": {"rubin-wrong": {"owner": "rubin-NAME", "notifications": ANNOUNCED}}
            },
        }
    ),
    "wrong-endpoint-of-the-store": Bad({"bucketConfig": {"endpoint": DEAD}}),
    "wrong-endpoint-of-the-topic": Bad(
        {"bucketConfig": MOVED, "enqueue": {"names": ["198.20.0.1"]}}, False, True
    ),
    "refused-by-the-schema": Bad({"ingest": {"replica": 3}}),
}
TRIED = "wrong-regexp"
"""The one that is tried with each change: it drops what is announced."""


@pytest.fixture(scope="module", autouse=True)
def bad_images(site: None) -> None:
    """The images of two of them, under tags that look good."""
    for name in ("crashes", "fails"):
        image = images.Image(f"{ENQUEUE}:99.0.0-{name}", PROJECT / "tests/rig/images" / name)
        images.load(image.name, images.archive(image, print), print)


@in_each_test(FOUR)
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == TRIED else pytest.mark.soak) for kind in BAD]
)
def test_a_bad_release_is_rolled_back(changing: Changing, changing_night: Night, kind: str) -> None:
    bad, name = BAD[kind], changing.release.name
    refused = kind == "refused-by-the-schema"
    change = _merged(MORE if not refused else {}, bad.change)
    values = _renamed(change, name)
    with changing_night(mends.dropped if bad.drops else mends.by_itself) as load:
        before, good = changing.declared(), changing.revision()
        if bad.fails:
            working = _pods(changing, bad.stay)
            undone = changing.upgrade(values, changing.undoing, *LIMIT)
            assert undone.status != 0, undone.all
            assert changing.status() == "deployed"
            assert changing.declared() == before
            assert _pods(changing, bad.stay) == working
            load.wait_for_more(20)
        done = changing.upgrade(values, *LIMIT)
        assert (done.status != 0) == bad.fails, done.all
        load.wait_for_more(50)
        if refused:
            assert (changing.revision(), changing.declared()) == (good, before)
        else:
            assert changing.declared() != before
            back = changing.rollback(good)
            assert back.status == 0, back.all
        assert changing.status() == "deployed"
        assert changing.declared() == before
        faults.wait_until_ready(changing.release)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ingest": {"env": {"BUCKET": "rubin-wrong"}}}, "wait for images that nobody announces"),
        ({"bucketConfig": MOVED}, "has a topic that leads to this enqueue"),
        ({"bucketConfig": {"environment": "wrong"}}, "`bucketConfig.environment` is wrong, but"),
    ],
    ids=["wrong-bucket", "wrong-endpoint-of-the-topic", "wrong-environment"],
)
def test_a_bucket_that_nobody_announces_is_not_even_rendered(
    changing: Changing, change: dict[str, Any], said: str
) -> None:
    before = changing.revisions()
    refused = changing.upgrade(_renamed(change, changing.release.name))
    assert refused.status != 0
    assert said in refused.all
    assert changing.revisions() == before


def _pods(changing: Changing, services: tuple[str, ...]) -> set[tuple[str, int]]:
    """Return the pods of some services that are ready, and how often each was started again."""
    return {
        (pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"])
        for pod in (faults.pods(changing.release, *services) if services else ())
        if is_ready(pod)
    }


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    made = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict):
            made[key] = _merged(one[key], other[key])
    return made


def _renamed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {_renamed(key, name): _renamed(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, name) for each in value]
    return value.replace("NAME", name) if isinstance(value, str) else value
