"""What runs without Helm is found by what cannot change, and the verbs get its names."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from embargo_butler.cli.operator import pipeline_verbs
from embargo_butler.cli.operator.command import main
from embargo_butler.cli.operator.pipeline_verbs import config
from embargo_butler.config import config as hooks_config
from embargo_butler.config.delivery import SecretKey
from embargo_butler.health import running
from embargo_butler.release import diff
from embargo_butler.release.chart import Chart
from embargo_butler.release.environments import Environment
from tests.rig.site import PROJECT
from tests.unit.chart import helm
from tests.unit.programs import Fake

SUFFIX = "-tm4t2mk286"
PASSWORD = {"secret": f"redis{SUFFIX}", "key": "redis-password"}


def variable(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": name, "value": value} if value else {"name": name}
    return {
        "name": name,
        "valueFrom": {"secretKeyRef": {"name": value["secret"], "key": value["key"]}},
    }


def workload(name: str, labels: dict[str, str], **env: Any) -> dict[str, Any]:
    variables = [variable(each, value) for each, value in env.items()]
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"template": {"spec": {"containers": [{"name": "x", "env": variables}]}}},
    }


def of_summit() -> list[dict[str, Any]]:
    clients: dict[str, Any] = {"REDIS_HOST": "redis", "REDIS_PASSWORD": PASSWORD}
    site = {"site": "summit"}
    s3 = f"s3{SUFFIX}"
    return [
        workload("redis", {"app": "redis"}, REDIS_PASSWORD=PASSWORD),
        workload(
            *("embargo-butler-enqueue", {"app": "enqueue"}),
            **clients,
            NOTIFICATION_SECRET={"secret": f"notification{SUFFIX}", "key": "secret"},
        ),
        workload(
            *("embargo-butler-ingest", {"app": "ingest", **site}),
            **clients,
            BUCKET="rubin-summit",
            AWS_ACCESS_KEY_ID={"secret": s3, "key": "s3_access"},
            AWS_SECRET_ACCESS_KEY={"secret": s3, "key": "s3_key"},
            S3_ENDPOINT_URL="https://s3dfrgw.slac.stanford.edu",
        ),
        workload("embargo-butler-presence", {"app": "presence", **site}, **clients),
        workload("of-somebody-else", {"app": "unembargo"}),
    ]


def of_summit_new() -> list[dict[str, Any]]:
    profile = {"secret": f"s3{SUFFIX}", "key": "profile"}
    return [
        workload(
            *("embargo-butler-enqueue", {"app": "enqueue"}),
            REDIS_PASSWORD=PASSWORD,
            KAFKA_TOPIC="rubin-summit-notification-7",
            DATASET_REGEXP="",
        ),
        workload(
            *("embargo-butler-ingest", {"app": "ingest", "site": "summit"}),
            REDIS_PASSWORD=PASSWORD,
            BUCKET="embargo@rubin-summit",
            LSST_RESOURCES_S3_PROFILE_embargo=profile,
        ),
    ]


def of_lfa() -> list[dict[str, Any]]:
    labels = {"app": "ingest-lfa", "site": "summit"}
    return [workload("embargo-butler-ingest-lfa", labels, BUCKET="rubinobs-lfa-cp")]


def looked(environment: str, found: list[dict[str, Any]]) -> hooks_config.Config:
    """Return what the verbs are told where this runs."""
    fake = Fake()
    values = yaml.safe_load((PROJECT / f"values/{environment}.yaml").read_text())
    fake.says("helm template", helm.unchanged(environment))
    fake.says("kubectl get statefulsets,deployments -l app", found or "")
    where = Environment(environment, "", False, values["namespace"], {}, None, ())
    return config(Chart(PROJECT, where), fake.programs(environment, values["namespace"]))


def test_summit() -> None:
    found = looked("summit", of_summit())
    assert found.pipeline
    assert found.pipeline.redis.password == SecretKey(f"redis{SUFFIX}", "redis-password")
    assert found.pipeline.ingest.env == {
        "S3_ENDPOINT_URL": "https://s3dfrgw.slac.stanford.edu",
        "AWS_ACCESS_KEY_ID": SecretKey(f"s3{SUFFIX}", "s3_access"),
        "AWS_SECRET_ACCESS_KEY": SecretKey(f"s3{SUFFIX}", "s3_key"),
    }
    assert found.pipeline.enqueue
    assert found.pipeline.enqueue.secret == SecretKey(f"notification{SUFFIX}", "secret")
    assert found.pipeline.presence == "embargo-butler-presence"
    assert found.predecessor == {each: each + SUFFIX for each in ("redis", "notification", "s3")}
    assert found.secret_name("notification") == f"notification{SUFFIX}"
    assert found.secret_name("db-auth") == "db-auth"


def test_what_runs_counts_and_not_what_the_values_say() -> None:
    found = looked("summit-new", of_summit_new())
    assert found.pipeline
    assert found.pipeline.enqueue
    assert found.pipeline.enqueue.topic == "rubin-summit-notification-7"
    assert found.pipeline.regexp.pattern == ""
    assert found.pipeline.presence == ""
    assert found.predecessor == {"redis": f"redis{SUFFIX}", "s3": f"s3{SUFFIX}"}


def test_the_ingest_of_lfa_is_found_by_its_own_label() -> None:
    found = looked("lfa", of_lfa())
    assert found.pipeline
    assert found.pipeline.ingest.deployment == "embargo-butler-ingest-lfa"
    assert found.pipeline.bucket == "rubinobs-lfa-cp"


@pytest.mark.parametrize("made_by", ["helm", "nobody"])
def test_where_helm_has_made_it_or_nothing_runs_the_chart_counts(made_by: str) -> None:
    live = of_summit() if made_by == "helm" else []
    for each in live:
        each["metadata"]["annotations"] = {"meta.helm.sh/release-name": "summit"}
    found = looked("summit", live)
    assert found.predecessor is None
    assert found.pipeline
    assert found.pipeline.redis.password.secret == "redis"


def test_whoever_may_not_see_what_runs_gets_the_charts_names() -> None:
    fake = Fake()
    fake.says("kubectl get statefulsets,deployments", "", "cannot list resource")
    assert running.told(fake.programs("summit", "summit"), {"pipeline": {}}) == {"pipeline": {}}


def test_what_the_verbs_are_told_can_be_read_again() -> None:
    """As the plans of the jobs do, in a process of their own."""
    rendered = helm.unchanged("summit")
    document = next(each for each in rendered.split("\n---\n") if "/standing.yaml\n" in each)
    told = running.as_running(
        yaml.safe_load(yaml.safe_load(document)["data"]["config.yaml"]), of_summit()[:-1]
    )
    again = hooks_config.parse(yaml.safe_load(yaml.safe_dump(told)), "FILE")
    assert again.predecessor == told["predecessor"]


def test_a_plan_over_it_has_the_buckets_and_names_the_take_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = helm.unchanged("summit")
    fake = Fake()
    fake.says("helm history", "", "Error: release: not found")
    fake.says("helm template", rendered)
    fake.says("kubectl get statefulsets,deployments -l app", of_summit())
    monkeypatch.setattr(diff, "differences", lambda *_: [])
    planned: dict[str, Any] = {}

    def run(config: dict[str, Any], area: str, *_: object) -> pipeline_verbs.Planned:
        planned[area] = config["predecessor"]
        return pipeline_verbs.Planned(0, "")

    monkeypatch.setattr(pipeline_verbs, "jobs_plan", run)
    assert main(["plan", "summit", "--project", str(PROJECT)], fake.programs) == 0
    names = {each: each + SUFFIX for each in ("redis", "notification", "s3")}
    assert planned == {"secrets": names, "buckets": names}
    told = "what runs here was made without Helm: `make take-over ENV=summit` puts the chart over"
    assert told in capsys.readouterr().err


def test_one_user_of_two_stores_has_a_profile_for_each() -> None:
    found = {}
    for environment, live in (("summit", of_summit()), ("summit-new", of_summit_new())):
        buckets = looked(environment, live).buckets
        assert buckets
        found[buckets.endpoint] = buckets.owners["rubin-summit"].profile
    assert found == {
        "https://s3dfrgw.slac.stanford.edu": "wsummit",
        "https://sdfembs3.sdf.slac.stanford.edu": "embargo-rw",
    }
