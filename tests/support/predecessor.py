"""What runs before the chart does: manifests as kustomize made them, a topic made by a script.

As in `facts` of the environments: the names, selectors, ports and Secrets' suffixes of summit, and
its peculiarities (a password on Redis' command line, an unused variable, a copied db-auth.yaml).
Only the requests for CPU are smaller, so that it fits on the rig's node beside others.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.rig import ceph, credentials, vault
from tests.rig.release import Release
from tests.rig.store import REGION
from tests.support.namespace import FULLNAME, Namespace

SUFFIX = "-tm4t2mk286"
_SMALL = {"cpu": "10m", "memory": "64Mi"}
_READ = ("GetBucketLocation", "GetObject", "GetObjectVersion", "ListBucket", "ListBucketVersions")
_IMAGES = "ghcr.io/lsst-dm/embargo-butler-"


def secrets(release: Release) -> dict[str, dict[str, str]]:
    """Return the Secrets that it has, without their suffix."""
    known, of_vault = credentials.load(), vault.secrets(release)
    users = of_vault[release.renamed(vault.USERS_KEYS)]
    return {
        "redis": {"redis-password": known.password(f"vault/{release.name}/redis")},
        "notification": {"secret": known.password(f"vault/{release.name}/notification")},
        "db-auth": of_vault[release.renamed(vault.CLIENT_CONFIG)],
        "s3": {"s3_access": users["access_key"], "s3_key": users["secret_key"]},
    }


def manifests(release: Release, rig: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all that is applied.

    Args:
        release: The release that is to take it over.
        rig: The values of the rig, for what differs there from USDF.
    """
    found = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name + SUFFIX},
            "stringData": data,
        }
        for name, data in secrets(release).items()
    ]
    password: dict[str, Any] = {
        "name": "REDIS_PASSWORD",
        "valueFrom": _key("redis", "redis-password"),
    }
    clients: list[dict[str, Any]] = [{"name": "REDIS_HOST", "value": "redis"}, password]
    notification = {"name": "NOTIFICATION_SECRET", "valueFrom": _key("notification", "secret")}
    ingest = [
        *clients,
        {"name": "BUCKET", "value": release.bucket},
        {"name": "BUTLER_REPO", "value": f"s3://{release.users_bucket}/butler.yaml"},
        {"name": "AWS_ACCESS_KEY_ID", "valueFrom": _key("s3", "s3_access")},
        {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": _key("s3", "s3_key")},
        *({"name": name, "value": value} for name, value in rig["ingest"]["env"].items()),
    ]
    site = {"site": "summit"} if release.name == "summit" else {"site": release.renamed("summit")}
    copying = {
        "name": "copy-db-auth",
        "image": f"{_IMAGES}ingest:1.2.1",
        "command": ["sh", "-c", "cp /secret/db-auth.yaml /auth/ && chmod 0400 /auth/*"],
        "volumeMounts": [
            {"name": "db-auth-secret", "mountPath": "/secret"},
            {"name": "db-auth", "mountPath": "/auth"},
        ],
    }
    volumes = [
        {"name": "db-auth-secret", "secret": {"secretName": f"db-auth{SUFFIX}"}},
        {"name": "db-auth", "emptyDir": {}},
    ]
    return [
        *found,
        _service("redis", {"app": "redis"}, {"app": "redis"}, 6379, 6379),
        _redis(password),
        _deployment("enqueue", {"app": "enqueue"}, [*clients, notification]),
        _service(f"{FULLNAME}-enqueue", {"app": "enqueue"}, {"app": "enqueue"}, 8080, 8000),
        _deployment("idle", {"app": "idle"}, clients),
        _deployment("presence", {"app": "presence", **site}, clients),
        _service(f"{FULLNAME}-presence", {"app": "presence"}, {"app": "presence"}, 8080, 8000),
        _deployment(
            *("ingest", {"app": "ingest", **site}, ingest),
            initContainers=[copying],
            volumes=volumes,
            mounts=[{"name": "db-auth", "mountPath": "/home/lsst/.lsst"}],
        ),
    ]


def apply(release: Release, rig: dict[str, Any]) -> None:
    """Apply it as `kubectl apply -k` does; permit and announce as the scripts do."""
    namespace = Namespace(release.namespace)
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": release.namespace}}
    _permit(release)
    namespace.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(made))
    namespace.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests(release, rig)))
    release.wait_for_rollout()
    address = namespace.outer_address(f"{FULLNAME}-enqueue")
    attributes = {
        "push-endpoint": f"http://{address}:8080/notify",
        "OpaqueData": secrets(release)["notification"]["secret"],
        "persistent": "true",
    }
    sns, s3 = ceph.client("sns", release.bucket), ceph.client("s3", release.bucket)
    sns.create_topic(Name=release.bucket, Attributes=attributes)
    entry = {
        "Id": f"{release.bucket}-to-http",
        "TopicArn": f"arn:aws:sns:{REGION}::{release.bucket}",
        "Events": ["s3:ObjectCreated:*"],
    }
    configuration = {"TopicConfigurations": [entry]}
    s3.put_bucket_notification_configuration(
        Bucket=release.bucket, NotificationConfiguration=configuration
    )


def _permit(release: Release) -> None:
    arn = f"arn:aws:s3:::{release.bucket}"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam:::user/{release.users_bucket}"]},
        "Action": [f"s3:{each}" for each in _READ],
        "Resource": [arn, f"{arn}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    ceph.client("s3", release.bucket).put_bucket_policy(Bucket=release.bucket, Policy=policy)


def _key(secret: str, key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": secret + SUFFIX, "key": key}}


def _service(
    name: str, labels: dict[str, str], selector: dict[str, str], port: int, target: int
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "selector": selector,
        "ports": [{"port": port, "targetPort": target, "protocol": "TCP"}],
    }
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if name != "redis":
        spec |= {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}
        metadata["annotations"] = {"metallb.io/address-pool": "sdf-services"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _deployment(
    name: str,
    labels: dict[str, str],
    env: list[dict[str, Any]],
    mounts: list[dict[str, Any]] | None = None,
    **pod: Any,
) -> dict[str, Any]:
    container = {
        "name": name,
        "image": f"{_IMAGES}{name}:1.2.1",
        "imagePullPolicy": "IfNotPresent",
        "env": env,
        "resources": {"requests": _SMALL},
        "volumeMounts": mounts or [],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{FULLNAME}-{name}", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 10, **pod},
            },
        },
    }


def _redis(password: dict[str, Any]) -> dict[str, Any]:
    container = {
        "name": "redis",
        "image": "docker.io/redis:7.0.15",
        "imagePullPolicy": "IfNotPresent",
        "command": ["redis-server"],
        "args": ["--appendonly", "yes", "--requirepass", "$(REDIS_PASSWORD)"],
        "env": [{"name": "MASTER", "value": "true"}, password],
        "ports": [{"name": "redis", "containerPort": 6379}],
        "resources": {"requests": _SMALL},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "workingDir": "/data",
        "livenessProbe": {
            "exec": {"command": ["sh", "-c", "redis-cli -a $REDIS_PASSWORD incr health:counter"]},
            "periodSeconds": 10,
        },
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "wekafs--sdf-k8s01",
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    labels = {"app": "redis"}
    user = {"runAsUser": 999, "runAsGroup": 999, "fsGroup": 999}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "redis", "labels": labels},
        "spec": {
            "replicas": 1,
            "serviceName": "redis",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "securityContext": user},
            },
            "volumeClaimTemplates": [claim],
        },
    }
