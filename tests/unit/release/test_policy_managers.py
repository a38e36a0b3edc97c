"""No two environments manage the policy of one bucket."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.cli.operator.command import main
from embargo_butler.errors import Problems
from embargo_butler.release.policy_managers import refuse_two
from tests.rig.site import PROJECT
from tests.unit.programs import Fake

TTS = "bucket-config/tts.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project, with bucket-config to be changed."""
    for name in ("charts", "values"):
        (tmp_path / name).symlink_to(PROJECT / name)
    shutil.copytree(PROJECT / "bucket-config", tmp_path / "bucket-config")
    return tmp_path


def declare(project: Path, bucket: dict[str, Any], **top: Any) -> None:
    """Have `tts` declare a bucket of that name that `summit` has."""
    document = yaml.safe_load((project / TTS).read_text())
    document["bucketConfig"] |= top
    document["bucketConfig"]["buckets"]["rubin-summit"] = bucket
    (project / TTS).write_text(yaml.safe_dump(document))


def test_the_environments_keep_to_it() -> None:
    refuse_two(PROJECT)


@pytest.mark.parametrize("part", ["grants", "deny"])
def test_both_places_are_told(project: Path, part: str) -> None:
    declare(project, {"owner": "somebody", part: []})
    with pytest.raises(Problems) as caught:
        refuse_two(project)
    assert str(caught.value) == (
        "bucket-config/summit.yaml: bucketConfig.buckets.rubin-summit.grants: the policy of bucket "
        "rubin-summit at s3dfrgw.slac.stanford.edu is managed by bucket-config/tts.yaml "
        f"too: bucketConfig.buckets.rubin-summit.{part}; leave grants, deny of it to one of "
        "both"
    )
    refuse_two(project, "sts")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://S3dfrgw.slac.stanford.edu:443/",
        "http://s3dfrgw.slac.stanford.edu",
        "http://s3dfrgw.slac.stanford.edu:80",
    ],
)
def test_a_store_is_known_by_its_host(project: Path, endpoint: str) -> None:
    declare(project, {"owner": "somebody", "grants": {}}, endpoint=endpoint)
    with pytest.raises(Problems, match="the policy of bucket rubin-summit at s3dfrgw"):
        refuse_two(project)


@pytest.mark.parametrize(
    ("bucket", "top"),
    [
        ({"owner": "somebody", "notifications": {}}, {}),
        ({"owner": "somebody", "grants": {}, "unconfirmed": "nobody knows"}, {}),
        ({"owner": "tenant$somebody", "grants": {}}, {}),
        ({"owner": "somebody", "grants": {}}, {"endpoint": "https://elsewhere"}),
        (
            {"owner": "somebody", "grants": {}},
            {"endpoint": "https://s3dfrgw.slac.stanford.edu:7480"},
        ),
    ],
)
def test_what_is_another_bucket_or_no_policy_is_not_refused(
    project: Path, bucket: dict[str, Any], top: dict[str, Any]
) -> None:
    declare(project, bucket, **top)
    refuse_two(project)


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "summit"),
        ("apply", "summit"),
        ("buckets", "tts", "apply"),
        ("buckets", "tts", "renew", "tts"),
    ],
)
def test_a_verb_refuses_before_it_calls_anything(
    project: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    declare(project, {"owner": "somebody", "grants": {}})
    fake = Fake()
    assert main([*words, "--project", str(project)], fake.programs, lambda _: "summit") == 1
    told = capsys.readouterr().err
    assert "bucket-config/summit.yaml" in told
    assert TTS in told
    assert [each for each, _ in fake.asked if " config " not in each] == []
