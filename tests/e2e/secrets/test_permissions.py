"""What Vault and the cluster have to permit: this, and no more."""

from __future__ import annotations

import hvac
import pytest
import yaml

from tests.rig import vault
from tests.rig.site import VAULT_URL
from tests.support.secret_place import ACCOUNT, Place
from tests.unit.chart import helm as chart

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
    assert place.run("secrets") == 0
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


JOBS = ("secrets", "buckets", "settle", "clean-up", "audit", "reconcile")


def allowed(place: Place, account: str, kind: str = "secrets ") -> list[str]:
    """Return what an account may do with objects whose kind begins so, as the cluster tells it."""
    who = f"system:serviceaccount:{place.name}:{account}"
    listed = place.kubectl("auth", "can-i", "--list", f"--as={who}", "--no-headers")
    lines = [line.split() for line in listed.splitlines() if line.startswith(kind)]
    return sorted(" ".join(line) for line in lines)


def give_rights(place: Place, buckets: str) -> None:
    """Give the jobs' accounts the rights that a release makes, while its jobs run."""
    hooks = {"audit": {"enabled": True}, "buckets": buckets}
    kinds = ("ServiceAccount/", "Role/", "RoleBinding/")
    rendered = chart.render("summit", {"hooks": hooks})
    objects = [each for name, each in rendered.items() if name.startswith(kinds)]
    text = yaml.safe_dump_all(objects).replace("namespace: summit", f"namespace: {place.name}")
    place.kubectl("apply", "-f", "-", stdin=text)


@pytest.mark.parametrize("buckets", ["apply", "plan"])
def test_no_job_of_the_chart_may_give_a_right_to_others(place: Place, buckets: str) -> None:
    """To change a Role or a binding is to give to everybody what one has."""
    give_rights(place, buckets)
    found = {job: allowed(place, f"embargo-butler-{job}", "role") for job in JOBS}
    verbs = {line.rpartition("[")[2].rstrip("]") for lines in found.values() for line in lines}
    assert verbs == {"list", "delete"}
    for line in (line for lines in found.values() for line in lines):
        assert ("[embargo-butler-ours" in line) == ("delete" in line), "deleted by name only"


@pytest.mark.parametrize("buckets", ["apply", "plan"])
def test_no_job_of_the_chart_may_list_secrets(place: Place, buckets: str) -> None:
    """With the rights that a release makes, while its jobs run."""
    give_rights(place, buckets)
    names = ("db-auth", "db-env", "notification", "redis", "s3")
    ours = "[get delete]"

    def each(verbs: str, *only: str) -> list[str]:
        return [f"secrets [] [{name}] {verbs}" for name in only or names]

    expected = {
        "secrets": ["secrets [] [] [create]", *each("[get patch]")],
        # What a release made, the job after a later one may take away.
        "clean-up": each(ours),
        "audit": each("[get]"),
        "reconcile": each("[get]", "redis", "s3"),
    }
    settling = {*each("[get delete patch]", "notification", "redis"), *each(ours)}
    assert "[list" not in str(settling)
    for job in JOBS:
        found = allowed(place, f"embargo-butler-{job}")
        assert not [line for line in found if "list" in line or "watch" in line or "*" in line]
        if job in expected:
            assert found == sorted(expected[job]), job
    writer = "buckets" if buckets == "apply" else "settle"
    found = allowed(place, f"embargo-butler-{writer}")
    assert [line for line in found if "[]" in line.removeprefix("secrets []")] == []
    assert {line.split("[")[2].rstrip("] ") for line in found} == set(names)
    assert all("create" not in line and "update" not in line for line in found)
    assert [line for line in found if "patch" in line] != []
