"""What values.yaml, the schema and the rules across fields say of each other, and to mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.chart.facts import FACTS
from tests.unit.chart.helm import (
    CHART,
    HelmError,
    files,
    load,
    merged,
    nested,
    paths,
    render,
    template,
)


def everything(environment: str) -> dict[str, Any]:
    values: dict[str, Any] = load(CHART / "values.yaml")
    for file in files(environment)[1::2]:
        values = merged(values, load(Path(file)))
    return values


def names(path: tuple[str, ...], message: str) -> bool:
    """Tell whether a message has a key path, as earlier (a.b) or later Helms ('/a/b') write it."""
    dotted = rf"^- {re.escape('.'.join(path))}[:.]"
    return bool(re.search(dotted, message, re.M)) or f"'/{'/'.join(path)}" in message


# In these maps the operator gives the names.
FREE = re.compile(
    r"(redis|enqueue|ingest|idle|presence)\.env|ingest\.(files|claims|rucio(\.[^.]+)?)"
    r"|ingest\.sqliteButler\.datasetTypes|secrets(\.[^.]+)?|existingSecrets|extraObjects"
    r"|monitoring\.(dashboard\.)?labels|.*\.(podLabels|podAnnotations|nodeSelector|annotations|volumes|volumeMounts)"
    r"|bucketConfig\.(owners|topics|buckets)|bucketConfig\.buckets\.[^.]+\.notifications"
)


@pytest.mark.parametrize("environment", FACTS)
def test_unknown_keys(environment: str) -> None:
    tree = everything(environment)
    maps = [path for path, value in paths(tree) if isinstance(value, dict)]
    closed = [(), *(path for path in maps if not FREE.fullmatch(".".join(path)))]
    values: dict[str, Any] = {}
    for number, path in enumerate(closed):
        values = merged(values, nested((*path, f"unknown{number}"), "x"))
    with pytest.raises(HelmError) as caught:
        template(environment, values)
    lines = str(caught.value).splitlines()
    for number, path in enumerate(closed):
        said = [line for line in lines if re.search(rf"\bunknown{number}\b", line)]
        assert said, f"{'.'.join(path)} takes any key"
        assert names(path, said[0]) or not path


@pytest.mark.parametrize("environment", FACTS)
def test_wrong_entries(environment: str) -> None:
    """Where the operator gives the names, what is named has a type all the same."""
    maps = [path for path, value in paths(everything(environment)) if isinstance(value, dict)]
    free = [(*path, "name") for path in maps if FREE.fullmatch(".".join(path))]
    assert len(free) > 40
    values: dict[str, Any] = {}
    for path in free:
        values = merged(values, nested(path, [["wrong"]]))
    with pytest.raises(HelmError) as caught:
        template(environment, values)
    for path in free:
        assert names(path, str(caught.value)), f"{'.'.join(path[:-1])} takes anything"


@pytest.mark.parametrize("environment", FACTS)
def test_wrong_types(environment: str) -> None:
    tree = everything(environment)
    leaves = [path for path, value in paths(tree) if not isinstance(value, dict)]
    assert len(leaves) > 80
    values: dict[str, Any] = {}
    for path in leaves:
        values = merged(values, nested(path, [["wrong"]]))
    with pytest.raises(HelmError) as caught:
        template(environment, values)
    for path in leaves:
        assert names(path, str(caught.value)), f"{'.'.join(path)} takes anything"


def test_every_value_is_documented_and_in_the_schema() -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    undocumented = []
    for number, line in enumerate(text):
        is_leaf = re.match(r"\s*[A-Za-z-]+: \S", line) or re.match(
            r"\s*(env|files|claims|rucio): *$", line
        )
        in_example = re.match(r"\s+db-auth\.yaml:", line)
        if is_leaf and not in_example and not text[number - 1].lstrip().startswith("#"):
            undocumented.append(line)
    assert undocumented == []
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    known = set(schema["properties"])
    assert known - {"global"} == set(load(CHART / "values.yaml"))


def test_every_key_of_the_schema_is_in_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    unknown = []

    def look(node: Any, values: Any, where: str) -> None:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        # An empty map is described in words; which amounts are reserved differs.
        if not isinstance(values, dict) or not values or where.endswith((".requests", ".limits")):
            return
        for key, below in node.get("properties", {}).items():
            if key in values:
                look(below, values[key], f"{where}.{key}")
            elif (where, key) not in {("", "global"), (".redis.resources", "limits")}:
                unknown.append(f"{where}.{key}")

    look(schema, load(CHART / "values.yaml"), "")
    assert unknown == []


def test_schema_is_closed_at_every_level() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def look(node: Any, where: str) -> None:
        if isinstance(node, dict):
            if "properties" in node and not where.endswith("/properties"):
                assert node.get("additionalProperties") is False, where
            for key, value in node.items():
                look(value, f"{where}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                look(value, f"{where}/{index}")

    look(schema, "")


def test_global_is_allowed() -> None:
    assert template("summit", {"global": {"anything": 1}, "enabled": True}) == template("summit")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"enqueue": {"image": {"tag": ""}}}, "`enqueue.image.tag` is empty"),
        ({"ingest": {"env": {"BUCKET": ""}}}, "`ingest.env.BUCKET` is missing"),
        (
            {"redis": {"password": {"secret": "reddis"}}},
            "`redis.password` reads Secret reddis, which nothing makes: declare `secrets.reddis`",
        ),
        (
            {"ingest": {"env": {"AWS_ACCESS_KEY_ID": {"key": "access"}}}},
            "`ingest.env.AWS_ACCESS_KEY_ID` reads key access of Secret s3, "
            "but `secrets.s3` has only s3_access, s3_key",
        ),
        (
            {"ingest": {"files": {"key": {"secret": "rucio-auth", "key": "k"}}}},
            "`ingest.files.key` reads Secret rucio-auth",
        ),
        (
            {"enqueue": {"mode": "kafka", "kafka": {"cluster": "k:9092"}}},
            "`enqueue.mode` is kafka, but `enqueue.kafka.topic` is empty",
        ),
        (
            {"enqueue": {"kafka": {"topic": "t"}}},
            "`enqueue.kafka.topic` is t, but `enqueue.mode` is webhook",
        ),
        ({"existingSecrets": {"s3": True}}, "Secret s3 is in `secrets` and in `existingSecrets`"),
        (
            {"redis": {"service": {"address": "10.0.0.1"}}},
            "`redis.service.address` is 10.0.0.1, but `redis.service.type` is ClusterIP",
        ),
    ],
)
def test_rules_across_fields(values: dict[str, Any], said: str) -> None:
    with pytest.raises(HelmError) as caught:
        template("summit", values)
    assert said in str(caught.value)


def test_another_namespace_is_refused() -> None:
    with pytest.raises(
        HelmError, match="would go to namespace bts: give helm `--namespace summit`"
    ):
        template("summit", namespace="bts")


def test_numbers_keep_their_digits() -> None:
    found = render("summit", {"idle": {"runAsUser": 1000770000}})
    pod = found["Deployment/embargo-butler-idle"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 1000770000


def test_replicas_left_out_when_null() -> None:
    found = render("summit", {"ingest": {"replicas": None}})
    assert "replicas" not in found["Deployment/embargo-butler-ingest"]["spec"]


def test_digest_and_removed_variable() -> None:
    digest = "sha256:" + "0" * 64
    ingest = {"image": {"digest": digest}, "env": {"WEBHOOK_URI": None}}
    pod = render("summit", {"ingest": ingest})["Deployment/embargo-butler-ingest"]["spec"][
        "template"
    ]["spec"]
    container = pod["containers"][0]
    assert container["image"].endswith(f"embargo-butler-ingest:1.2.1@{digest}")
    assert "WEBHOOK_URI" not in [variable["name"] for variable in container["env"]]


def test_the_jobs_are_told_of_no_variable_that_was_removed() -> None:
    removed = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_ENDPOINT_URL")
    found = render("summit", {"ingest": {"env": dict.fromkeys(removed)}})
    config = yaml.safe_load(found["ConfigMap/embargo-butler-hooks"]["data"]["config.yaml"])
    assert config["pipeline"]["ingest"]["env"] == {}
