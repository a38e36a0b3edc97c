"""What has the right type may be nonsense all the same: a name, quantity, address, time, ARN."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import pytest

from tests.unit.chart.helm import HelmError, merged, nested, template
from tests.unit.chart.test_values import names

ACCOUNT = {"redis": {"secret": "S3", "key": "k"}, "path": {"secret": "s3", "key": "a/b"}}
BUCKET = "bucketConfig.buckets.rubin-summit"
TOPIC = "bucketConfig.topics.rubin-summit.attributes"
WRONG: dict[str, tuple[Any, ...]] = {
    # names
    "environment": ("Summit", "summit_new"),
    "namespace": ("a b",),
    "cluster": ("no cluster",),
    "site": ("Summit!",),
    "fullnameOverride": ("-butler", "b" * 60),
    "pods.imagePullSecrets": (["registry"], [{"name": "Registry"}], [{"nmae": "registry"}]),
    "pods.priorityClassName": ("High Class",),
    "pods.nodeSelector": ({"a b": "c"}, {"a": "b c"}),
    "pods.tolerations": ([{"key": "a", "operator": "Is"}], [{"kye": "a"}]),
    "idle.affinity": ({"nodeAffinity": {"required": {}}}, {"podAffinity": []}),
    "redis.password": ({"secret": "Redis_"}, {"key": "a b"}),
    "redis.persistence.storageClass": ("Weka FS",),
    "redis.persistence.existingClaim": ("Old_Claim",),
    "ingest.name": ("Ingest",),
    "ingest.volumes": ({"a": {"hostPath": {"path": "/"}}}, {"A": {"emptyDir": {}}}),
    "ingest.volumeMounts": ({"a": {"name": "b"}}, {"/home/lsst/.lsst": {"name": "b"}}),
    "ingest.files": ({"a/b": ACCOUNT["path"]}, {"a": ACCOUNT["redis"]}),
    "existingSecrets": ({"s3": False}, {"S3": True}),
    "hooks.secrets.takeOver": (["S3"],),
    "extraObjects": ({"a": {"kind": "ConfigMap"}},),
    # images
    "redis.image.registry": ("https://docker.io", "docker io"),
    "enqueue.image.repository": ("Enqueue", "enqueue:1", "/enqueue"),
    "idle.image.tag": ("1 0", "-1", "1@sha", "1" * 129),
    "presence.image.digest": ("sha256:12", "md5:00"),
    "hooks.image.pullPolicy": ("always",),
    # numbers and quantities
    "redis.runAsUser": (0, -1, 1.5),
    "ingest.fsGroup": (0, "lsst"),
    "redis.terminationGracePeriodSeconds": (-1, "60"),
    "redis.persistence.size": ("10GB", "ten", "-1Gi"),
    "enqueue.replicas": (-1, "2", 1.5),
    "enqueue.resources.requests.cpu": ("1 core", "100x", -1),
    "ingest.resources.limits.memory": ("2GB", "1,5Gi"),
    "presence.podDisruptionBudget.maxUnavailable": (0, "half"),
    "ingest.autoscaling.maxReplicas": (0,),
    "ingest.autoscaling.queueLength": (0,),
    "ingest.autoscaling.minReplicas": (-1,),
    "hooks.deadlineSeconds": (1,),
    "hooks.reconcile.maximum": (0,),
    "monitoring.rules.queueLength": (-1,),
    # addresses and URLs
    "enqueue.service.type": ("NodePort",),
    "enqueue.service.port": (0, 70000),
    "enqueue.service.pool": ("two pools",),
    "enqueue.service.address": ("172.24.10", "300.1.1.1", "enqueue.example.org"),
    "presence.service.sourceRanges": (["10.0.0.0"], ["10.0.0.0/33"]),
    "networkPolicy.redisFrom": ([{"ipBlock": {"cidr": "10.0.0.0"}}], [{"namespace": "a"}]),
    "enqueue.kafka.cluster": ("broker", "b:1 c:2", "b:port"),
    "enqueue.kafka.drain.cluster": ("broker",),
    "vault.address": ("vault.slac.stanford.edu", "ftp://vault"),
    "vault.mount": ("/secret",),
    "bucketConfig.environment": ("Summit", 7),
    "enqueue.names": (["http://a/b"], ["a:80"], ["*"], ["a", "a"]),
    "bucketConfig.endpoint": ("s3dfrgw.slac.stanford.edu",),
    f"{TOPIC}.push-endpoint": ("198.20.0.1/notify", "ftp://x", "http://"),
    "ingest.env": (
        {"WEBHOOK_URI": "host/path"},
        {"S3_ENDPOINT_URL": "s3dfrgw"},
        {"RUCIO_DTN": "dtn"},
        {"BUTLER_REPO": "butler"},
        {"BUCKET": "a b"},
        {"BUCKET": "a@b@raw"},
    ),
    # what is known of
    "redis.persistence.appendfsync": ("sometimes",),
    "enqueue.mode": ("rest",),
    "enqueue.kafka.topic": ("a b", "a/b"),
    "enqueue.kafka.groupId": ("a b",),
    "enqueue.env": (
        {"1A": "b"},
        {"A B": "c"},
        {"A": 1},
        {"A": {"secret": "s"}},
        {"PROFILE": "a@b"},
    ),
    "enqueue.examples.taken": ([""],),
    "ingest.sqliteButler": (
        {"instrument": "LsstCam"},
        {"datasetTypes": {}},
        {"instrument": "a.B", "datasetTypes": {"raw": "Exposure"}},
    ),
    "ingest.claims": (
        {"a": {"size": "1Gi", "storageClass": "x"}},
        {"a": {"size": "1Gi", "mountPath": "/a", "accessMode": "ReadOnlyMany"}},
        {"a": {"existingClaim": "A", "mountPath": "/a"}},
        {"a": {"size": "1GB", "storageClass": "x", "mountPath": "/a"}},
        {"a": {"size": "1Gi", "storageClass": "x", "mountPath": "a"}},
    ),
    "secrets": (
        {"s": {"k": {"path": "/a", "field": "f"}}},
        {"s": {"k": {"field": "f"}}},
        {"S": {"k": {"path": "a", "field": "f"}}},
        {"s": {"k": {"path": "a", "field": "f", "version": 0}}},
    ),
    "vault.auth.method": ("ldap",),
    "vault.auth.role": ("a b",),
    "hooks.backfill": ("yes",),
    "hooks.buckets": ("on",),
    "monitoring.scrape": ("pull",),
    # times
    "hooks.audit.schedule": ("every hour", "* * * *", "* * * * * *"),
    "hooks.reconcile.schedule": ("every single hour of it", "@sometimes"),
    "hooks.reconcile.since": ("a day",),
    "monitoring.rules.for": ("5 minutes",),
    # the object store
    "bucketConfig.region": ("Default Region",),
    "bucketConfig.onUninstall": ("delete",),
    f"{TOPIC}.persistent": ("yes",),
    f"{BUCKET}.grants.read": (
        ["arn:aws:iam::rubin:usr/x"],
        ["a b"],
        ["arn:aws:iam::12:user/"],
        [{"principals": ["a"]}],
        [{"principals": ["a"], "prefix": "a/*"}],
    ),
    f"{BUCKET}.notifications.rubin-summit-to-http.events": (["s3:ObjectMade:*"], []),
    f"{BUCKET}.deny": (
        [{"principals": ["a"], "actions": ["GetObject"]}],
        [{"principals": ["a"], "actions": ["s3:GetObject"], "unknown": 1}],
        [{"principals": ["a"], "actions": ["s3:GetObject"], "prefix": "a?"}],
    ),
    "bucketConfig.buckets": ({"Bucket_": {"owner": "rubin-summit"}},),
}
ROUNDS = list(zip_longest(*([(path, value) for value in values] for path, values in WRONG.items())))


@pytest.mark.parametrize("wrong", ROUNDS, ids=range(len(ROUNDS)))
def test_nonsense_is_refused_by_its_path(wrong: tuple[tuple[str, Any] | None, ...]) -> None:
    found = [each for each in wrong if each]
    values: dict[str, Any] = {}
    for path, value in found:
        values = merged(values, nested(tuple(path.split(".")), value))
    with pytest.raises(HelmError) as caught:
        template("summit", values)
    unnamed = [path for path, _ in found if not names(tuple(path.split(".")), str(caught.value))]
    assert unnamed == []
