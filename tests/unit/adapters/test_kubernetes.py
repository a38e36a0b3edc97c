from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from embargo_butler.adapters.context import Context
from embargo_butler.adapters.kubernetes import client as kubernetes
from embargo_butler.adapters.kubernetes.client import Namespace
from embargo_butler.adapters.kubernetes.proxy import Access
from embargo_butler.errors import KubernetesError
from embargo_butler.model.ports import Pod, Right, Rollout, ServiceState, Use
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret

CONTEXT = Context("c", "http://cluster.test")
SECRETS = "/api/v1/namespaces/summit/secrets"


class Api:
    """Answers by method and path; keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        absent = (404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": "m"})
        if request.method == "POST":
            return httpx2.Response(201, content=request.content)
        status, body = self.answers.get(f"{request.method} {request.url.path}", absent)
        return httpx2.Response(status, json=body)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "_PAUSES", (0.0,))


@pytest.fixture
def namespace(api: Api) -> Namespace:
    return through(api)


def through(
    answer: Callable[[httpx2.Request], httpx2.Response], said: Callable[[], str] = str
) -> Namespace:
    access = Access(CONTEXT, httpx2.MockTransport(answer), said)
    return Namespace("summit", "summit", access)


def test_a_secret_is_read_with_whose_it_is(api: Api, namespace: Namespace) -> None:
    assert namespace.secret("redis") is None
    metadata: dict[str, Any] = {"name": "redis"}
    api.answers[f"GET {SECRETS}/redis"] = (200, {"metadata": metadata, "data": {"k": "/wo="}})
    found = namespace.secret("redis")
    assert found == KubernetesSecret("redis", {"k": Secret(b"\xff\x0a")}, ours=False)
    metadata["labels"] = {"app.kubernetes.io/managed-by": "embargo-hooks"}
    fields: dict[str, Any] = {"f:data": {".": {}, "f:k": {}, "f:old": {}}, "f:metadata": {}}
    metadata["managedFields"] = [
        {"manager": "embargo-hooks", "operation": "Apply", "fieldsV1": fields},
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:data": {"f:x": {}}}},
    ]
    found = namespace.secret("redis")
    assert found
    assert found.ours
    assert found.applied == {"k", "old"}


def test_a_secret_is_applied_byte_for_byte(api: Api, namespace: Namespace) -> None:
    api.answers[f"PATCH {SECRETS}/redis"] = (200, {"metadata": {"name": "redis"}})
    namespace.apply_secret(KubernetesSecret("redis", {"k": Secret(b"\xff\x0a"), "e": Secret("")}))
    (request,) = api.asked
    assert request.headers["content-type"] == "application/apply-patch+yaml"
    assert request.url.params["fieldManager"] == "embargo-hooks"
    assert request.url.params["force"] == "true"
    body = json.loads(request.content)
    assert body["data"] == {"k": "/wo=", "e": ""}
    assert body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "embargo-hooks"
    assert body["kind"] == "Secret"


def test_an_address_and_a_ready_endpoint(api: Api, namespace: Namespace) -> None:
    service = "GET /api/v1/namespaces/summit/services/enqueue"
    slices = "GET /apis/discovery.k8s.io/v1/namespaces/summit/endpointslices"
    endpoint: dict[str, Any] = {"addresses": ["198.18.0.9"], "conditions": {"ready": False}}
    one = {"metadata": {"name": "x"}, "addressType": "IPv4", "endpoints": [endpoint]}
    api.answers[slices] = (200, {"metadata": {}, "items": [one]})
    assert namespace.service("enqueue") == ServiceState(None, False)
    ingress = [{"ip": "fd00::1"}, {"ip": "198.19.200.1"}]
    api.answers[service] = (200, {"metadata": {}, "status": {"loadBalancer": {"ingress": ingress}}})
    assert namespace.service("enqueue") == ServiceState("198.19.200.1", False)
    del endpoint["conditions"]["ready"]
    assert namespace.service("enqueue") == ServiceState("198.19.200.1", True)
    assert api.asked[-1].url.params["labelSelector"] == "kubernetes.io/service-name=enqueue"


def test_a_config_map_comes_back(api: Api, namespace: Namespace) -> None:
    path = "/api/v1/namespaces/summit/configmaps/inventory"
    assert namespace.config_map("inventory") is None
    api.answers[f"PATCH {path}"] = (200, {"metadata": {"name": "inventory"}})
    namespace.apply_config_map("inventory", {"k": "v"})
    assert json.loads(api.asked[-1].content)["data"] == {"k": "v"}
    api.answers[f"GET {path}"] = (200, {"metadata": {}, "data": {"k": "v"}})
    assert namespace.config_map("inventory") == {"k": "v"}


def test_an_event_is_left_at_the_job(api: Api, namespace: Namespace) -> None:
    namespace.warn("Job/embargo-butler-secrets", "PassedOver", "\x1b[31mred\n")
    assert api.asked[-1].url.path == "/api/v1/namespaces/summit/events"
    body = json.loads(api.asked[-1].content)
    assert body["involvedObject"]["name"] == "embargo-butler-secrets"
    assert body["type"] == "Warning"
    assert body["message"] == r"\x1b[31mred\n"
    assert body["firstTimestamp"].endswith("Z")


def refused(request: httpx2.Request) -> httpx2.Response:
    try:
        raise ssl.SSLCertVerificationError(1, "hunter2")
    except ssl.SSLCertVerificationError as cause:
        cause.verify_message = "Missing Authority Key Identifier"
        raise httpx2.ConnectError("hunter2") from cause


def silent(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("hunter2")


def status(code: int, reason: str) -> Callable[[httpx2.Request], httpx2.Response]:
    body = {"kind": "Status", "code": code, "reason": reason, "message": "hunter2"}
    return lambda request: httpx2.Response(code, json=body)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(403, "Forbidden"), r"Secret redis of namespace summit: permission denied"),
        (status(422, "Invalid"), r"Secret redis of namespace summit: the API answered 422 Invalid"),
        (
            lambda _: httpx2.Response(502, text="hunter2", headers={"content-type": "text/html"}),
            r"no answer of the API, but 502 at http://cluster.test",
        ),
        (
            refused,
            r"no answer of the API at http://cluster\.test: "
            r"certificate verify failed: Missing Authority Key Identifier",
        ),
        (silent, r"no answer of the API at http://cluster\.test within 15 s"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_what_went_wrong_is_told(
    namespace: Namespace,
    answer: Callable[[httpx2.Request], httpx2.Response],
    message: str,
) -> None:
    broken = through(answer)
    with pytest.raises(KubernetesError, match=message) as caught:
        broken.apply_secret(KubernetesSecret("redis", {"k": Secret("v")}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("quick")
def test_what_kubectl_says_is_told_where_it_answers_itself() -> None:
    said = "getting credentials: exec: executable kubelogin failed with exit code 1"
    answers = {"/theirs": "hunter2\n", "/its": f"{said}\n"}
    for path, told in (("/theirs", ", but 500 at http://c"), ("/its", f" at .*: {said}; does `")):
        failing = through(lambda _, p=path: httpx2.Response(500, text=answers[p]), lambda: said)  # type: ignore[misc]
        with pytest.raises(KubernetesError, match=f"no answer of the API{told}"):
            failing.secret("redis")


def test_who_is_not_let_in_is_told_by_which_context() -> None:
    with pytest.raises(KubernetesError) as error:
        through(status(401, "Unauthorized")).secret("redis")
    assert str(error.value) == (
        "Secret redis of namespace summit: the login to http://cluster.test is not valid, or no "
        "longer: log in anew, until `kubectl --context c auth whoami` answers"
    )


def test_a_pod_without_a_service_account() -> None:
    with pytest.raises(KubernetesError, match="no service account in this pod"):
        Namespace("summit", "summit")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_api_is_asked_again(api: Api, namespace: Namespace, code: int) -> None:
    answers: list[Callable[[httpx2.Request], httpx2.Response]] = [status(code, "Busy"), api]

    def changing(request: httpx2.Request) -> httpx2.Response:
        return answers.pop(0)(request)

    passing = through(changing)
    assert passing.secret("redis") is None
    assert not answers


def test_only_a_secret_of_ours_is_deleted(api: Api, namespace: Namespace) -> None:
    namespace.delete_secret("redis")
    theirs: dict[str, Any] = {"metadata": {"name": "redis"}}
    api.answers[f"GET {SECRETS}/redis"] = (200, theirs)
    api.answers[f"DELETE {SECRETS}/redis"] = (200, {"kind": "Status"})
    namespace.delete_secret("redis")
    assert [request.method for request in api.asked] == ["GET", "GET"]
    theirs["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "embargo-hooks"}
    namespace.delete_secret("redis")
    assert [request.method for request in api.asked[2:]] == ["GET", "DELETE"]


def test_rights_over_secrets(api: Api, namespace: Namespace) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/summit/roles"
    bindings = roles.replace("roles", "rolebindings")
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["redis"], "verbs": ["get"]},
        {"resources": ["roles"], "resourceNames": ["r"], "verbs": ["delete"]},
    ]
    item = {"metadata": {"name": "r"}, "rules": rules}
    api.answers[f"GET {roles}"] = (200, {"metadata": {}, "items": [item]})
    (right,) = namespace.rights()
    assert right == Right("r", frozenset({"redis"}))
    # Not by who manages them: that is Helm.
    asked = api.asked[0].url.params["labelSelector"]
    assert asked == "embargo-butler/secret-right in (delete,retire)"
    api.answers[f"DELETE {roles}/r"] = (200, {"kind": "Status"})
    # The right to delete the binding may have been another release's.
    for status in (200, 403, 404):
        api.answers[f"DELETE {bindings}/r"] = (status, {"kind": "Status", "code": status})
        namespace.delete_right(right)
        first, second = api.asked[-2:]
        assert (first.url.path, second.url.path) == (f"{roles}/r", f"{bindings}/r")


def pod(name: str, owner: dict[str, Any], **status: Any) -> dict[str, Any]:
    secret = {"secretKeyRef": {"name": "redis", "key": "redis-password"}}
    files = {"name": "files", "projected": {"sources": [{"secret": {"name": "db-auth"}}]}}
    return {
        "metadata": {
            "name": name,
            "labels": {"pod-template-hash": "abc12"},
            "ownerReferences": [{"controller": True, "apiVersion": "v1", "uid": "u", **owner}],
        },
        "spec": {
            "volumes": [files],
            "initContainers": [
                {"name": "files", "volumeMounts": [{"name": "files", "mountPath": "/secrets"}]}
            ],
            "containers": [{"name": "main", "env": [{"name": "P", "valueFrom": secret}]}],
        },
        "status": {"startTime": "2026-11-25T10:00:00Z", **status},
    }


def test_what_pods_have_read_and_when(api: Api, namespace: Namespace) -> None:
    replica_set = {"kind": "ReplicaSet", "name": "embargo-butler-ingest-abc12"}
    running = {"running": {"startedAt": "2026-11-25T11:00:00Z"}}
    started = {"name": "main", "state": running, "ready": True}
    common = {"image": "i", "imageID": "i", "restartCount": 0}
    items = [
        pod("a", replica_set, containerStatuses=[{**started, **common}]),
        pod("b", {"kind": "StatefulSet", "name": "redis"}),
        pod("c", replica_set, phase="Succeeded"),
    ]
    path = "/api/v1/namespaces/summit/pods"
    api.answers[f"GET {path}"] = (200, {"metadata": {}, "items": items})
    ten, eleven = (datetime(2026, 11, 25, hour, tzinfo=UTC) for hour in (10, 11))
    files = Use("db-auth", "", ten)
    assert namespace.pods() == [
        Pod(
            "a", "Deployment embargo-butler-ingest", (files, Use("redis", "redis-password", eleven))
        ),
        Pod("b", "StatefulSet redis", (files, Use("redis", "redis-password", None))),
    ]
    api.answers[f"GET {path}/a"] = (200, items[0])
    assert namespace.running("a")
    assert not namespace.running("b")


def test_how_far_a_rollout_is(api: Api, namespace: Namespace) -> None:
    path = "/apis/apps/v1/namespaces/summit/deployments/x"
    noted = {"embargo-butler/restarted-at": "2026-11-25T10:00:00+00:00"}
    template = {"metadata": {"annotations": noted}, "spec": {"containers": []}}
    numbers = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}
    live = {
        "metadata": {"name": "x", "generation": 3},
        "spec": {"replicas": 2, "selector": {}, "template": template},
        "status": {"observedGeneration": 3, **numbers},
    }
    api.answers[f"GET {path}"] = (200, live)
    ten = datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert namespace.rollout("Deployment x") == Rollout(True, ten, ready=2)
    for change in ({"observedGeneration": 2}, {"updatedReplicas": 1}, {"replicas": 3}):
        changed = {**live, "status": {"observedGeneration": 3, **numbers, **change}}
        api.answers[f"GET {path}"] = (200, changed)
        assert namespace.rollout("Deployment x") == Rollout(False, ten, ready=2)
    assert namespace.rollout("Deployment y") is None


def test_a_restart_changes_the_template_only(api: Api, namespace: Namespace) -> None:
    path = "/apis/apps/v1/namespaces/summit/statefulsets/redis"
    spec = {"selector": {}, "serviceName": "redis", "template": {}}
    api.answers[f"PATCH {path}"] = (200, {"spec": spec})
    namespace.restart("StatefulSet redis", datetime(2026, 11, 25, tzinfo=UTC))
    (patch,) = api.asked
    noted = {"embargo-butler/restarted-at": "2026-11-25T00:00:00+00:00"}
    assert json.loads(patch.content) == {"spec": {"template": {"metadata": {"annotations": noted}}}}


def test_the_age_of_values_is_kept_with_them(api: Api, namespace: Namespace) -> None:
    ten = datetime(2026, 11, 25, 10, tzinfo=UTC)
    api.answers[f"PATCH {SECRETS}/redis"] = (200, {"metadata": {"name": "redis"}})
    namespace.apply_secret(KubernetesSecret("redis", {"k": Secret("v")}, since={"k": ten}))
    metadata = json.loads(api.asked[0].content)["metadata"]
    api.answers[f"GET {SECRETS}/redis"] = (200, {"metadata": metadata, "data": {}})
    found = namespace.secret("redis")
    assert found
    assert found.since == {"k": ten}
    metadata["annotations"] = {"embargo-butler/since": "not JSON"}
    found = namespace.secret("redis")
    assert found
    assert found.since == {}
