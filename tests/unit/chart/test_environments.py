"""Every environment renders what is true of it, field by field."""

from __future__ import annotations

from configparser import ConfigParser
from functools import cache
from typing import Any

import pytest
import yaml

from tests.unit.chart.facts import FACTS, Balancer, Facts, Key
from tests.unit.chart.helm import PROJECT, Manifest, render, template, unchanged

pytestmark = pytest.mark.parametrize("environment", FACTS)
COMPONENTS = ("redis", "enqueue", "ingest", "idle", "presence")


@cache
def manifests(environment: str) -> dict[str, Manifest]:
    return render(environment)


def workload(environment: str, component: str) -> Manifest:
    facts = FACTS[environment]
    if component == "redis":
        return manifests(environment)["StatefulSet/redis"]
    name = facts.ingest if component == "ingest" else component
    return manifests(environment)[f"Deployment/{facts.prefix}-{name}"]


def components(environment: str) -> list[str]:
    tags = zip(COMPONENTS, FACTS[environment].tags, strict=True)
    return [component for component, tag in tags if tag]


def container(environment: str, component: str) -> dict[str, Any]:
    containers = workload(environment, component)["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in containers] == [component]
    return dict(containers[0])


def env(environment: str, component: str) -> dict[str, str | Key]:
    listed = container(environment, component)["env"]
    found: dict[str, str | Key] = {}
    for variable in listed:
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        else:
            source = variable["valueFrom"]["secretKeyRef"]
            found[variable["name"]] = (source["name"], source["key"])
    assert len(found) == len(listed), "a variable is given twice"
    return found


def config(environment: str) -> dict[str, Any]:
    facts = FACTS[environment]
    data = manifests(environment)[f"ConfigMap/{facts.prefix}-hooks"]["data"]
    assert list(data) == ["config.yaml"]
    return dict(yaml.safe_load(data["config.yaml"]))


def test_values_file_is_short(environment: str) -> None:
    assert len((PROJECT / "values" / f"{environment}.yaml").read_text().splitlines()) < 50


def test_same_input_same_bytes(environment: str) -> None:
    assert template(environment) == unchanged(environment)


def test_everything_is_in_the_namespace(environment: str) -> None:
    for name, manifest in manifests(environment).items():
        assert manifest["metadata"]["namespace"] == FACTS[environment].namespace, name


def test_workloads(environment: str) -> None:
    found = {
        name for name in manifests(environment) if name.startswith(("Deployment", "StatefulSet"))
    }
    facts = FACTS[environment]
    names = [facts.ingest if name == "ingest" else name for name in components(environment)[1:]]
    assert found == {
        "StatefulSet/redis",
        *(f"Deployment/{facts.prefix}-{name}" for name in names),
    }


def test_images(environment: str) -> None:
    for component, tag in zip(COMPONENTS, FACTS[environment].tags, strict=True):
        if tag is None:
            continue
        pod = workload(environment, component)["spec"]["template"]["spec"]
        repository = (
            "docker.io/redis"
            if component == "redis"
            else f"ghcr.io/lsst-dm/embargo-butler-{component}"
        )
        for one in pod["containers"] + pod.get("initContainers", []):
            assert one["image"] == f"{repository}:{tag}"
        expected = (
            FACTS[environment].pull_policy if component in ("enqueue", "ingest") else "IfNotPresent"
        )
        assert container(environment, component)["imagePullPolicy"] == expected


def test_selectors_and_labels(environment: str) -> None:
    facts = FACTS[environment]
    for component in components(environment):
        expected = {"app": facts.ingest if component == "ingest" else component}
        if component in ("ingest", "presence"):
            expected["site"] = facts.site
        found = workload(environment, component)
        assert found["spec"]["selector"] == {"matchLabels": expected}
        for labels in (
            found["metadata"]["labels"],
            found["spec"]["template"]["metadata"]["labels"],
        ):
            own = {key: value for key, value in labels.items() if "/" not in key}
            assert own == expected
            assert labels["app.kubernetes.io/component"] == component
        # Whatever changes with a release would restart every pod with it.
        on_pods = found["spec"]["template"]["metadata"]["labels"]
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(on_pods)


def test_replicas(environment: str) -> None:
    expected = {"ingest": FACTS[environment].ingest_replicas}
    for component in components(environment):
        assert workload(environment, component)["spec"]["replicas"] == expected.get(component, 1)


def test_strategies(environment: str) -> None:
    for component in components(environment)[1:]:
        alone = component == "ingest" and FACTS[environment].sqlite
        strategy = workload(environment, component)["spec"]["strategy"]
        assert strategy["type"] == ("Recreate" if alone else "RollingUpdate"), component
    found = {name for name in manifests(environment) if name.startswith("PodDisruptionBudget/")}
    facts = FACTS[environment]
    several = facts.ingest_replicas > 1
    assert found == ({f"PodDisruptionBudget/{facts.prefix}-{facts.ingest}"} if several else set())


def test_sqlite_butler(environment: str) -> None:
    facts = FACTS[environment]
    pod = workload(environment, "ingest")["spec"]["template"]["spec"]
    scripts = [one for one in pod.get("initContainers", []) if one["name"] == "butler"]
    assert bool(scripts) == bool(facts.sqlite)
    if not facts.sqlite:
        return
    instrument, dataset_types = facts.sqlite
    mounts = {mount["name"]: mount["mountPath"] for mount in scripts[0]["volumeMounts"]}
    assert mounts == {"tmp": "/tmp"} | {name: path for name, (_, path) in facts.claims.items()}
    script = scripts[0]["command"][-1]
    assert f"repository={facts.butler_repo}\n" in script
    assert f'butler register-instrument "$repository" {instrument}\n' in script
    for name, definition in dataset_types.items():
        assert f'butler register-dataset-type "$repository" {name} {definition}' in script


def test_limits_and_explicit_requests(environment: str) -> None:
    facts = FACTS[environment]
    expected = {
        "redis": None,
        "enqueue": {"cpu": "1"},
        "ingest": dict(facts.ingest_limits),
        "idle": {"cpu": "100m"},
        "presence": dict(facts.presence_limits),
    }
    for component in components(environment):
        resources = container(environment, component)["resources"]
        assert resources.get("limits") == expected[component], component
        assert set(resources["requests"]) == {"cpu", "memory"}, component
    assert container(environment, "redis")["resources"]["requests"] == {
        "cpu": "100m",
        "memory": "1Gi",
    }


def test_redis(environment: str) -> None:
    found = workload(environment, "redis")["spec"]
    assert found["serviceName"] == "redis"
    assert found["volumeClaimTemplates"] == [
        {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "wekafs--sdf-k8s01",
                "resources": {"requests": {"storage": "10Gi"}},
            },
        }
    ]
    pod = found["template"]["spec"]
    who = {key: pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")}
    assert who == {"runAsUser": 999, "runAsGroup": 999, "fsGroup": 999}
    assert {"name": "data", "mountPath": "/data"} in container(environment, "redis")["volumeMounts"]
    assert env(environment, "redis") == {
        "REDIS_PASSWORD": ("redis", "redis-password"),
        "REDIS_ADMITTED": ("redis", "redis-password.admitted"),
    }


def test_environment_variables(environment: str) -> None:
    facts = FACTS[environment]
    redis: dict[str, str | Key] = {
        "REDIS_HOST": "redis",
        "REDIS_PASSWORD": ("redis", "redis-password"),
    }
    assert env(environment, "idle") == redis
    # HOME: gunicorn's files go where the file system is writable.
    own: dict[str, str | Key] = {"HOME": "/tmp"}
    # KAFKA_OFFSET_RESET: a new group loses nothing.
    assert env(environment, "enqueue") == redis | dict(facts.enqueue_env) | (
        own if facts.enqueue_service else {"KAFKA_OFFSET_RESET": "earliest"}
    )
    assert env(environment, "ingest") == redis | dict(facts.ingest_env) | {
        "BUCKET": facts.bucket,
        "BUTLER_REPO": facts.butler_repo,
        # Its Python runs the script that lets an idle ingest wait.
        "BASH_ENV": "/wait/wait.sh",
    }
    if facts.tags[4]:
        assert env(environment, "presence") == redis | own


def test_files_of_ingest(environment: str) -> None:
    pod = workload(environment, "ingest")["spec"]["template"]["spec"]
    group = FACTS[environment].ingest_group or 1000
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["runAsGroup"] == group
    assert "fsGroup" not in pod["securityContext"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    if not FACTS[environment].files:
        assert not {"secrets", "files"} & set(volumes)
        return
    found = {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volumes["secrets"]["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert found == dict(FACTS[environment].files)
    assert volumes["files"]["emptyDir"]["medium"] == "Memory"
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts["files"] == "/home/lsst/.lsst"
    assert "-m 0400" in " ".join(pod["initContainers"][0]["command"])


def service(facts: Facts, name: str) -> tuple[str, Balancer | None, dict[str, str], int, int]:
    if name == "redis":
        return "redis", facts.redis_service, {"app": "redis"}, 6379, 6379
    balancer = facts.enqueue_service if name == "enqueue" else facts.presence_service
    return f"{facts.prefix}-{name}", balancer, {"app": name}, 8080, 8000


def test_services(environment: str) -> None:
    facts = FACTS[environment]
    names = {"redis"}
    for which in ("redis", "enqueue", "presence"):
        name, balancer, selector, port, target = service(facts, which)
        if balancer is None and which != "redis":
            continue
        names.add(name)
        found = manifests(environment)[f"Service/{name}"]
        spec, annotations = found["spec"], found["metadata"].get("annotations", {})
        assert not [one for one in spec["ports"] if "nodePort" in one]
        assert spec["type"] == ("LoadBalancer" if balancer else "ClusterIP")
        assert spec["selector"] == selector
        assert [(one["port"], one["targetPort"]) for one in spec["ports"]] == [(port, target)]
        assert spec.get("allocateLoadBalancerNodePorts") == (False if balancer else None)
        assert spec.get("internalTrafficPolicy") == ("Cluster" if which == "redis" else None)
        expected = {}
        if balancer:
            expected["metallb.io/address-pool"] = balancer.pool
            if balancer.address:
                expected["metallb.io/loadBalancerIPs"] = balancer.address
        assert annotations == expected
    assert {name for name in manifests(environment) if name.startswith("Service/")} == {
        f"Service/{name}" for name in names
    }


def test_pods_are_restricted(environment: str) -> None:
    for component in components(environment):
        pod = workload(environment, component)["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert isinstance(pod["securityContext"]["runAsUser"], int)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for one in pod["containers"] + pod.get("initContainers", []):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": component != "ingest",
            }


def test_config_of_the_jobs(environment: str) -> None:
    facts, found = FACTS[environment], config(environment)
    assert found["environment"] == environment
    assert found["cluster"] == facts.cluster
    assert found["namespace"] == facts.namespace
    assert found["fullname"] == facts.prefix
    assert found["vault"] == {
        "address": "https://vault.slac.stanford.edu",
        "mount": "secret",
        "ownersPath": f"rubin/embargo/owners/{facts.store}",
        "auth": {
            "method": "kubernetes",
            "mount": "kubernetes",
            "role": f"embargo-butler-{environment}",
            "audience": "vault",
        },
    }
    assert {
        (secret, key): source.get("value", (source.get("path"), source.get("field")))
        for secret, keys in found["secrets"].items()
        for key, source in keys.items()
    } == dict(facts.secrets)
    if facts.enqueue_service:
        assert found["enqueue"] == {
            "service": f"{facts.prefix}-enqueue",
            "port": 8080,
            "address": facts.enqueue_service.address,
            "secret": {"secret": "notification", "key": "secret"},
        }
    else:
        assert "enqueue" not in found


def test_claims_are_shared_and_kept(environment: str) -> None:
    facts = FACTS[environment]
    found = {}
    mounted = {
        mount["name"]: mount["mountPath"]
        for mount in container(environment, "ingest")["volumeMounts"]
    }
    for manifest in manifests(environment).values():
        if manifest["kind"] != "PersistentVolumeClaim":
            continue
        name, spec = manifest["metadata"]["name"], manifest["spec"]
        assert spec["accessModes"] == ["ReadWriteMany"]
        assert spec["resources"] == {"requests": {"storage": "1Gi"}}
        assert manifest["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        found[name] = (spec["storageClassName"], mounted[name])
    assert found == dict(facts.claims)


def test_rucio(environment: str) -> None:
    facts = FACTS[environment]
    name = f"ConfigMap/{facts.prefix}-rucio"
    if facts.rucio is None:
        assert name not in manifests(environment)
        return
    config = ConfigParser()
    config.read_string(manifests(environment)[name]["data"]["rucio.cfg"])
    assert {section: dict(config[section]) for section in config.sections()} == {
        "client": dict(facts.rucio)
    }
    mounts = container(environment, "ingest")["volumeMounts"]
    assert {"name": "rucio", "mountPath": "/rucio", "readOnly": True} in mounts
