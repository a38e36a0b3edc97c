"""A key that has to be there and is not: the answer is ours, whichever Helm renders the chart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.config.config import parse
from embargo_butler.errors import HooksError
from tests.rig import helms
from tests.unit.chart.helm import (
    CHART,
    PROJECT,
    HelmError,
    files,
    helm,
    load,
    merged,
    names,
    nested,
    parsed,
    template,
)

INTERNAL = re.compile(r"nil pointer|wrong type|interface \{\}|error calling|can't evaluate")
"""What Helm says of a template that was given what it does not expect."""

TOPIC = "bucketConfig.topics.rubin-summit"
BUCKET = "bucketConfig.buckets.rubin-summit"
NOTIFICATION = f"{BUCKET}.notifications.rubin-summit-to-http"
# What an environment cannot leave out, and what the answer is about where it is about another key.
REQUIRED: Mapping[str, Mapping[str, str | None]] = {
    "summit": {
        **dict.fromkeys(("environment", "namespace", "cluster", "site")),
        **dict.fromkeys(
            f"{name}.image.tag" for name in ("redis", "enqueue", "ingest", "idle", "presence")
        ),
        "ingest.env": "ingest.env.BUCKET",
        "ingest.env.BUCKET": None,
        "ingest.env.BUTLER_REPO": None,
        "ingest.env.AWS_SECRET_ACCESS_KEY": None,
        "secrets": "ingest.env.AWS_ACCESS_KEY_ID",
        "secrets.redis": None,
        "secrets.s3.s3_access": "ingest.env.AWS_ACCESS_KEY_ID",
        "secrets.s3.s3_access.path": None,
        "bucketConfig.environment": None,
        "bucketConfig.endpoint": None,
        "bucketConfig.region": None,
        "bucketConfig.owners": None,
        "bucketConfig.owners.rubin-summit": f"{TOPIC}.owner",
        "bucketConfig.buckets": None,
        BUCKET: "ingest.env.BUCKET",
        f"{BUCKET}.owner": None,
        f"{NOTIFICATION}.topic": None,
        f"{NOTIFICATION}.events": None,
        TOPIC: f"{NOTIFICATION}.topic",
        f"{TOPIC}.owner": None,
        f"{TOPIC}.attributes": None,
        f"{TOPIC}.attributes.push-endpoint": None,
    },
    "test": {
        "enqueue.kafka.cluster": None,
        "enqueue.kafka.topic": None,
        "ingest.claims": None,
        "ingest.claims.butler-data-pvc.size": None,
        "ingest.claims.butler-data-pvc.mountPath": None,
        "ingest.sqliteButler.instrument": None,
        "ingest.env.BUCKET": None,
        "ingest.env.LSST_RESOURCES_S3_PROFILE_embargo": None,
    },
}
MISSING = [
    (environment, *keys) for environment in REQUIRED for keys in REQUIRED[environment].items()
]


def read(rendered: str) -> None:
    """Read what the jobs are told, as they do."""
    told = parsed(rendered)["ConfigMap/embargo-butler-hooks"]["data"]["config.yaml"]
    parse(yaml.safe_load(told), "config.yaml")


@pytest.mark.parametrize("version", helms.NEWEST)
@pytest.mark.parametrize(("environment", "key", "about"), MISSING)
def test_a_required_key_is_named(
    version: str, environment: str, key: str, about: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM", str(helms.program(version, print)))
    values: dict[str, Any] = {}
    for file in files(environment)[1::2]:
        values = merged(values, load(Path(file)))
    namespace = values["namespace"]
    *above, last = key.split(".")
    place = values
    for word in above:
        place = place[word]
    del place[last]
    command = ("template", environment, str(CHART), "--namespace", namespace, "--values", "-")
    # What the release's first job refuses, Helm need not: nothing is written before.
    with pytest.raises((HelmError, HooksError)) as caught:
        read(helm(*command, stdin=yaml.safe_dump(values)))
    said = str(caught.value)
    assert not INTERNAL.search(said)
    assert f"`{about or key}`" in said or f" {about}: " in said or names(key.split("."), said), said


@pytest.mark.parametrize("version", helms.NEWEST)
def test_all_that_is_missing_is_told_at_once(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try renders."""
    monkeypatch.setenv("HELM", str(helms.program(version, print)))
    with pytest.raises(HelmError) as caught:
        helm("template", "first", str(CHART))
    told = re.findall("^- `([^`]+)`(?: reads Secret ([a-z-]+),)?", str(caught.value), re.MULTILINE)
    keys = [key for key, secret in told if not secret]
    assert keys == [
        *("cluster", "environment", "namespace", "site"),
        *(f"{name}.image.tag" for name in ("redis", "enqueue", "ingest", "idle", "presence")),
        *("ingest.env.BUCKET", "ingest.env.BUTLER_REPO"),
    ]
    values: dict[str, Any] = {"existingSecrets": {secret: True for _, secret in told if secret}}
    for key in keys:
        value = {"tag": "1.0", "BUTLER_REPO": "/here"}.get(key.rpartition(".")[2], "here")
        values = merged(values, nested(tuple(key.split(".")), value))
    words = ("template", "first", str(CHART), "--namespace", "here", "--values", "-")
    assert "StatefulSet/redis" in parsed(helm(*words, stdin=yaml.safe_dump(values)))


@pytest.mark.parametrize("version", helms.NEWEST)
def test_the_file_for_elsewhere_renders(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands on the page; without what is each site's own, all of that is told at once."""
    monkeypatch.setenv("HELM", str(helms.program(version, print)))
    page = (PROJECT / "docs/getting-started-elsewhere.md").read_text()
    [file] = re.findall(r"```yaml\n(environment: .*?)```", page, re.DOTALL)
    assert file.count("\n") < 30
    values = yaml.safe_load(file)
    words = ("template", "first", str(CHART), "--namespace", values["namespace"], "--values", "-")
    rendered = helm(*words, stdin=file)
    assert "storageClassName" not in rendered
    assert "StatefulSet/redis" in parsed(rendered)
    own = ["environment", "namespace", "cluster", "site", "existingSecrets"]
    for name in own:
        del values[name]
    for name in ("redis", "enqueue", "ingest", "idle", "presence"):
        del values[name]["image"]["tag"]
    for name in ("BUCKET", "BUTLER_REPO"):
        del values["ingest"]["env"][name]
    with pytest.raises(HelmError) as caught:
        helm(*words, stdin=yaml.safe_dump(values))
    told = re.findall("^- `([^`]+)`", str(caught.value), re.MULTILINE)
    assert {*own[:-1], "redis.image.tag", "ingest.env.BUCKET", "redis.password"} < set(told)


def test_mistakes_across_fields_are_told_at_once() -> None:
    with pytest.raises(HelmError) as caught:
        template(
            "summit",
            {
                "redis": {"service": {"port": 1}},
                "ingest": {"env": {"MAX_INGESTS": "many", "BUTLER_REPO": None}},
                "presence": {"terminationGracePeriodSeconds": 1},
            },
            namespace="elsewhere",
        )
    assert re.findall("^- .*?`([^`]+)`", str(caught.value), re.MULTILINE) == [
        "namespace",
        "presence.terminationGracePeriodSeconds",
        "redis.service.port",
        "ingest.env.BUTLER_REPO",
        "ingest.env.MAX_INGESTS",
    ]


def test_the_checks_come_first() -> None:
    """Helm renders by depth and then by name, both descending."""
    found = [path.relative_to(CHART / "templates") for path in CHART.glob("templates/**/*.*")]
    first, *_ = sorted(found, key=lambda path: (len(path.parts), str(path)), reverse=True)
    assert str(first) == "validate/rules.yaml"
