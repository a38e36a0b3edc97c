"""What Vault and the cluster have to permit: this, and no more."""

from __future__ import annotations

import hvac
import pytest

from tests.rig import vault
from tests.rig.site import VAULT_URL
from tests.support.secret_place import ACCOUNT, Place

Output = pytest.CaptureFixture[str]


def above(path: str) -> str:
    """Return the folder of a path."""
    return path.rpartition("/")[0]


def test_the_printed_policy_is_the_least(place: Place, capsys: Output) -> None:
    places = [place.put(name, a=name) for name in ("one", "two", "three")]
    place.config["secrets"]["all"] = {
        each["path"].rpartition("/")[2]: {**each, "field": "a"} for each in places
    }
    neighbour = place.put("neighbour", a="x")["path"]
    for name in ("one", "two", "three"):
        place.permit(leave_out=name)
        assert place.problems() == ["forbidden"]
        assert f"secret/{place.name}/{name}: permission denied" in capsys.readouterr().out
    place.permit()
    assert place.run("secrets", "apply") == 0
    token = place.admin.auth.token.create(policies=[place.name], no_default_policy=True)
    client = hvac.Client(url=VAULT_URL, token=token["auth"]["client_token"])
    paths = {each["path"] for each in places}
    beyond = [f"secret/data/{path}" for path in [neighbour, *map(above, paths), *vault.PATHS]]
    beyond += [f"secret/{kind}/{path}" for kind in ("metadata", "delete") for path in paths]
    beyond += ["sys/mounts", "auth/token/create", "auth/token/lookup-self", "sys/policies/acl/x"]
    found = place.admin.write_data(
        "sys/capabilities",
        data={"token": token["auth"]["client_token"], "paths": beyond},
    )["data"]
    assert {path: found[path] for path in beyond} == {path: ["deny"] for path in beyond}
    client.auth.token.revoke_self()


def test_the_account_may_not_list(simple: Place) -> None:
    account = f"system:serviceaccount:{simple.name}:{ACCOUNT}"
    listed = simple.kubectl("auth", "can-i", "--list", f"--as={account}")
    lines = [line.split() for line in listed.splitlines() if line.startswith("secrets ")]
    assert sorted(" ".join(line) for line in lines) == [
        "secrets [] [] [create]",
        "secrets [] [redis] [get patch]",
    ]
