"""What runs in an environment's namespace, be it a release or what ran before the chart.

It is found by the labels of the selectors, which cannot change on a running object, so that the
chart and the manifests before it have the same (facts of the environments). Those manifests have
Secrets of other names, which only their pods know: `redis-tm4t2mk286`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from embargo_butler.adapters.programs import Programs, if_permitted

Manifest = dict[str, Any]
_COMPONENTS = ("redis", "enqueue", "ingest", "idle", "presence")
_RELEASE = "meta.helm.sh/release-name"
_STORE = ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_PROFILE = "LSST_RESOURCES_S3_PROFILE_"
_REGEXP = "fits$"
"""What enqueue takes where it is not told (facts of the services)."""


def component(labels: Mapping[str, str]) -> str:
    """Return whose labels these are, as `ingest-lfa` is ingest's; empty for somebody else's."""
    name = labels.get("app", "").partition("-")[0]
    if name in _COMPONENTS:
        return name
    ours = labels.get("app.kubernetes.io/part-of") == "embargo-butler"
    return labels.get("app.kubernetes.io/component", "") if ours else ""


def workloads(programs: Programs) -> list[Manifest]:
    """Return the Deployments and StatefulSets of the services.

    Raises:
        ProgramError: The cluster did not answer, or may not tell.
    """
    return _of_services(programs.objects("statefulsets,deployments", "-l", "app"))


def pods(programs: Programs) -> list[Manifest]:
    """Return the pods of the services.

    Raises:
        ProgramError: The cluster did not answer, or may not tell.
    """
    return _of_services(programs.objects("pods", "-l", "app"))


def predecessor(found: list[Manifest]) -> bool:
    """Whether these workloads run, and Helm has made none of them."""
    return bool(found) and not any(
        _RELEASE in (each["metadata"].get("annotations") or {}) for each in found
    )


def told(programs: Programs, document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the chart tells the verbs; where the predecessor runs, as that one has it.

    Args:
        programs: helm and kubectl.
        document: What the chart tells them, None where it declares nothing.

    Returns:
        The same, with `pipeline` as the pods have it and under `predecessor` the names that the
        declared Secrets have there.
    """
    if document is None:
        return None
    found: list[Manifest] = []
    with if_permitted():
        found = workloads(programs)
    return as_running(document, found) if predecessor(found) else dict(document)


def as_running(document: Mapping[str, Any], found: list[Manifest]) -> dict[str, Any]:
    """Return what the chart tells the verbs, as the predecessor has it. Pure."""
    made = copy.deepcopy(dict(document))
    pipeline = made["pipeline"]
    declared = dict(_secrets(pipeline))
    by = {_component(each): each for each in found}
    env = {name: _environment(each) for name, each in by.items()}
    enqueue, ingest = env.get("enqueue", {}), env.get("ingest", {})
    for each in env.values():
        pipeline["redis"]["service"] = each.get("REDIS_HOST", pipeline["redis"]["service"])
        if isinstance(password := each.get("REDIS_PASSWORD"), dict):
            pipeline["redis"]["password"] = password
    if "ingest" in by:
        pipeline["bucket"] = ingest.get("BUCKET", pipeline["bucket"])
        pipeline["ingest"] = {
            "deployment": by["ingest"]["metadata"]["name"],
            "env": {k: v for k, v in ingest.items() if k in _STORE or k.startswith(_PROFILE)},
        }
    if "enqueue" in by:
        pipeline.pop("examples", None)
        pipeline["regexp"] = enqueue.get("DATASET_REGEXP", _REGEXP)
        pipeline["mode"] = "kafka" if "KAFKA_TOPIC" in enqueue else "webhook"
        told = {**pipeline["enqueue"], "deployment": by["enqueue"]["metadata"]["name"]}
        if isinstance(secret := enqueue.get("NOTIFICATION_SECRET"), dict):
            told["secret"] = secret
        if topic := enqueue.get("KAFKA_TOPIC"):
            told["topic"] = topic
        pipeline["enqueue"] = told
    pipeline["presence"] = by["presence"]["metadata"]["name"] if "presence" in by else ""
    pipeline["byClock"], pipeline["reconcile"] = False, "does not run by the clock: no release"
    running = dict(_secrets(pipeline))
    made["predecessor"] = {
        declared[use]: secret for use, secret in running.items() if use in declared
    }
    return made


def _of_services(found: list[Manifest]) -> list[Manifest]:
    return [each for each in found if _component(each)]


def _component(each: Manifest) -> str:
    return component(each["metadata"].get("labels") or {})


def _environment(workload: Manifest) -> dict[str, Any]:
    """Return the variables of a workload's containers: texts, or keys of Secrets."""
    variables = {}
    containers = workload["spec"]["template"]["spec"]["containers"]
    for each in (each for container in containers for each in container.get("env") or ()):
        reference = (each.get("valueFrom") or {}).get("secretKeyRef")
        if reference:
            variables[each["name"]] = {"secret": reference["name"], "key": reference["key"]}
        elif "valueFrom" not in each:
            variables[each["name"]] = each.get("value", "")
    return variables


def _secrets(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what Secrets are used for, and their names."""
    uses = {
        "redis": pipeline["redis"]["password"],
        "enqueue": pipeline["enqueue"].get("secret"),
        **pipeline["ingest"]["env"],
    }
    for use, key in uses.items():
        if isinstance(key, Mapping):
            yield use, str(key["secret"])
