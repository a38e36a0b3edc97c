"""What the jobs get of Vault from a person's login: each what it reads, once, and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests
import responses
import yaml

from embargo_butler.release import wrapped_tokens
from tests.unit.chart import helm
from tests.unit.programs import Fake

VAULT = "https://vault.slac.stanford.edu/v1"
OWNERS = "rubin/embargo/owners/s3dfrgw"
READ = {
    "rubin/usdf-embargo-dmz/summit": {"redis": "r", "notification": "n"},
    "rubin/usdf-butler/client-config": {"db-auth.yaml": "d"},
    "rubin/usdf-butler/postgres": {"username": "u", "password": "p"},
    "rubin/embargo/read/rubin-summit-users": {"access_key": "a", "secret_key": "s"},
}


@pytest.fixture
def config() -> dict[str, Any]:
    rendered = helm.template("summit", {"vault": {"auth": {"method": "wrapped"}}})
    document = next(each for each in rendered.split("\n---\n") if "/hooks/config.yaml\n" in each)
    return dict(yaml.safe_load(yaml.safe_load(document)["data"]["config.yaml"]))


def wrap(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
    """Answer with a token that is what was wrapped, which a test may look into."""
    assert isinstance(request.body, bytes)
    token = base64.b64encode(request.body).decode()
    return 200, {}, json.dumps({"wrap_info": {"token": token}})


def test_each_job_gets_what_it_reads(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Vault has no keys of an owner, the job is told so as Vault would tell it."""
    monkeypatch.setenv("VAULT_TOKEN", "mine")
    fake = Fake()
    fake.says("kubectl get namespace", {"kind": "Namespace"})
    with responses.RequestsMock() as server:
        for path, fields in READ.items():
            server.get(f"{VAULT}/secret/data/{path}", json={"data": {"data": fields}})
        for owner in ("rubin-summit", "rubin-summit-users"):
            absent = f"{VAULT}/secret/data/{OWNERS}/{owner}"
            server.get(absent, status=404, json={"errors": []})
        server.get(f"{VAULT}/sys/internal/ui/mounts/secret", status=403, json={"errors": []})
        server.add_callback(responses.POST, f"{VAULT}/sys/wrapping/wrap", wrap)
        with wrapped_tokens.handed_over(config, fake.programs("summit", "summit")):
            [made] = [stdin for command, stdin in fake.asked if command.startswith("kubectl apply")]
            assert fake.commands("kubectl delete") == []
    [gone] = fake.commands("kubectl delete")
    assert gone.startswith("kubectl delete secret embargo-butler-wrapped --ignore-not-found")
    secret = json.loads(made)
    assert secret["metadata"]["name"] == "embargo-butler-wrapped"
    held = {
        job: json.loads(base64.b64decode(base64.b64decode(token)))["embargo-butler"]
        for job, token in secret["data"].items()
    }
    assert {each["path"]: each.get("fields") for each in held["secrets"]} == READ
    own = "rubin/usdf-embargo-dmz/summit"
    assert {each["path"]: each.get("kind") for each in held["buckets"]} == {
        f"{OWNERS}/rubin-summit": "path-absent",
        f"{OWNERS}/rubin-summit-users": "path-absent",
        own: None,
    }
