"""What is in Vault arrives in the Secrets, byte for byte."""

from __future__ import annotations

import base64
import secrets

from tests.support.secret_place import FULLNAME, Place


def pem() -> str:
    lines = base64.encodebytes(secrets.token_bytes(1200)).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}-----END OPENSSH PRIVATE KEY-----\n"


def test_values_arrive_byte_for_byte(place: Place, calls: list[str]) -> None:
    key, big = pem(), "line: ünï\r\n" * 10_000 + "\n\n"
    at = place.put("all", big=big, key=key, old="v1", user="A/K+@", word="s@:%")
    place.put("all", big=big, key=key, old="v2", user="A/K+@", word="s@:%")
    other = place.put("other", word="π\n")
    template = "https://{{ a.user | urlencode }}:{{ a.word | urlencode }}@h/{{ b.word }}\n"
    place.config["secrets"] = {
        "files": {
            "db-auth.yaml": {**at, "field": "big"},
            "register_svc_rsa": {**at, "field": "key"},
            "maybe": {**at, "field": "none", "optional": True},
        },
        "words": {
            "pinned": {**at, "field": "old", "version": 1},
            "current": {**at, "field": "old"},
            "profile": {"template": template, "from": {"a": at, "b": other}},
            "encoded": {"template": "{{ b.word | b64encode }}", "from": {"b": other}},
            "empty": {"value": ""},
        },
    }
    place.permit()
    assert place.run("secrets") == 0
    assert place.secret("files") == {
        "db-auth.yaml": big.encode(),
        "register_svc_rsa": key.encode(),
    }
    assert place.secret("words") == {
        "pinned": b"v1",
        "current": b"v2",
        "profile": "https://A%2FK%2B%40:s%40%3A%25@h/π\n\n".encode(),
        "encoded": base64.b64encode("π\n".encode()),
        "empty": b"",
    }
    assert len(big.encode()) > 100_000
    versions = place.versions()
    calls.clear()
    assert place.run("secrets") == 0
    assert place.versions() == versions
    api = f"/api/v1/namespaces/{place.name}/secrets"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{place.name}/leases/{FULLNAME}-hooks"
    assert sorted(calls) == sorted(
        [
            f"GET {lease}",
            f"PUT {lease}",
            f"PUT {lease}",
            "POST /v1/auth/kubernetes/login",
            f"GET /v1/secret/data/{place.name}/all",
            f"GET /v1/secret/data/{place.name}/all?version=1",
            f"GET /v1/secret/data/{place.name}/other",
            "POST /v1/auth/token/revoke-self",
            f"GET {api}/files",
            f"GET {api}/words",
        ]
    )
    assert place.logins() == []


def test_a_change_in_vault_writes_that_secret_only(simple: Place, calls: list[str]) -> None:
    other = simple.put("other", b="two")
    simple.config["secrets"]["other"] = {"b": {**other, "field": "b"}}
    simple.permit()
    assert simple.run("secrets") == 0
    before = simple.versions()
    simple.put("redis", a="one\n")
    assert simple.run("secrets", "--dry-run") == 2
    calls.clear()
    assert simple.run("secrets") == 0
    after = simple.versions()
    assert {name for name in after if after[name] != before.get(name)} == {"redis"}
    patch = f"PATCH /api/v1/namespaces/{simple.name}/secrets/redis"
    assert [call for call in calls if call.startswith("PATCH")] == [f"{patch}?dryRun", patch]
    assert simple.secret("redis") == {"password": b"one\n"}
