"""The two jobs: when they run, what they may do, and when they are not there at all."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import yaml

from embargo_butler.config.config import Config, parse
from embargo_butler.config.vault import LOGINS
from tests.unit.chart.facts import FACTS
from tests.unit.chart.helm import CHART, HelmError, Manifest, files, helm, merged, parsed, render

PREFIX = "embargo-butler"
PRE, POST = "pre-install,pre-upgrade", "post-install,post-upgrade"


@pytest.fixture(scope="module")
def summit() -> dict[str, Manifest]:
    return render("summit")


def hook_annotations(manifest: Manifest) -> dict[str, str]:
    return {
        key.removeprefix("helm.sh/"): value
        for key, value in manifest["metadata"]["annotations"].items()
    }


def digest(config_map: Manifest) -> str:
    return hashlib.sha256(config_map["data"]["config.yaml"].encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "events", "arguments"),
    [
        ("secrets", PRE, ["job", "secrets"]),
        ("secrets-rollback", "pre-rollback", ["job", "secrets", "--rollback"]),
        ("buckets", POST, ["job", "buckets"]),
        ("buckets-rollback", "post-rollback", ["job", "buckets", "--rollback"]),
    ],
)
def test_jobs(summit: dict[str, Manifest], name: str, events: str, arguments: list[str]) -> None:
    job = summit[f"Job/embargo-butler-{name}"]
    assert hook_annotations(job) == {
        "hook": events,
        "hook-weight": "0",
        "hook-delete-policy": "before-hook-creation",
        "hook-output-log-policy": "hook-failed,hook-succeeded",
    }
    pod = job["spec"]["template"]["spec"]
    assert job["spec"]["activeDeadlineSeconds"] > 240
    assert job["spec"]["activeDeadlineSeconds"] < 300, "Helm's own would strike first"
    assert job["spec"]["backoffLimit"] == (2 if "rollback" in name else 0)
    assert pod["restartPolicy"] == "Never"
    assert pod["serviceAccountName"] == f"embargo-butler-{name.removesuffix('-rollback')}"
    container = pod["containers"][0]
    assert container["image"] == "ghcr.io/lsst-dm/embargo-butler-hooks:0.1.0"
    declared = (
        f"summit/summit/embargo-butler-hooks:{digest(summit['ConfigMap/embargo-butler-hooks'])}"
    )
    config = ["--config", "/etc/embargo-hooks/config.yaml", "--config-hash", declared]
    assert container["args"] == [*arguments[:2], *config, *arguments[2:]]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"config": "/etc/embargo-hooks", "vault-token": "/var/run/secrets/vault"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    token = volumes["vault-token"]["projected"]["sources"][0]["serviceAccountToken"]
    assert (token["audience"], token["path"]) == ("vault", "token")


@pytest.mark.parametrize(
    ("name", "events"),
    [("secrets", f"{PRE},pre-rollback"), ("buckets", f"{POST},post-rollback")],
)
@pytest.mark.parametrize(
    ("kind", "weight"), [("ServiceAccount", "-30"), ("Role", "-20"), ("RoleBinding", "-15")]
)
def test_rights_are_there_for_each_event_only(
    summit: dict[str, Manifest], name: str, events: str, kind: str, weight: str
) -> None:
    assert hook_annotations(summit[f"{kind}/embargo-butler-{name}"]) == {
        "hook": events,
        "hook-weight": weight,
        "hook-delete-policy": "before-hook-creation,hook-succeeded",
    }


def test_config_is_there_for_all_events(summit: dict[str, Manifest]) -> None:
    found = hook_annotations(summit["ConfigMap/embargo-butler-hooks"])
    assert found["hook"] == f"{PRE},pre-rollback,{POST},post-rollback,post-delete"
    assert found["hook-weight"] == "-10"


def rights(role: Manifest) -> set[tuple[str, str, str]]:
    return {
        (resource, verb, name)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", ["*"])
    }


LEASE = {
    ("leases", "create", "*"),
    ("leases", "get", "embargo-butler-hooks"),
    ("leases", "update", "embargo-butler-hooks"),
}


NAMES = ("redis", "notification", "db-auth", "db-env", "s3")
DEPLOYMENTS = {f"{PREFIX}-{name}" for name in ("enqueue", "ingest", "idle", "presence")}
STALE = {
    *(("secrets", "get", name) for name in NAMES),
    ("pods", "list", "*"),
    *(("deployments", "get", name) for name in DEPLOYMENTS),
    ("statefulsets", "get", "redis"),
    ("roles", "list", "*"),
}
SETTLE = {
    *STALE,
    *(("deployments", "patch", name) for name in DEPLOYMENTS),
    ("statefulsets", "patch", "redis"),
    *(("secrets", "patch", name) for name in ("redis", "notification")),
    ("pods", "get", "redis-0"),
}


def test_rights_of_the_secrets_job(summit: dict[str, Manifest]) -> None:
    assert rights(summit["Role/embargo-butler-secrets"]) == {
        ("pods", "get", "redis-0"),
        ("secrets", "create", "*"),
        ("events", "create", "*"),
        *LEASE,
        *(("secrets", verb, name) for verb in ("get", "patch") for name in NAMES),
    }


def test_rights_of_the_buckets_job(summit: dict[str, Manifest]) -> None:
    assert rights(summit["Role/embargo-butler-buckets"]) == {
        *SETTLE,
        ("services", "get", "embargo-butler-enqueue"),
        ("endpointslices", "list", "*"),
        ("configmaps", "create", "*"),
        *(
            ("configmaps", verb, f"embargo-butler-{name}")
            for verb in ("get", "patch")
            for name in ("inventory", "lookups")
        ),
        ("events", "create", "*"),
        *LEASE,
    }


def test_where_nothing_may_be_restarted_there_is_no_right_to() -> None:
    found = render("summit", {"hooks": {"restart": "report"}})
    assert not {
        (resource, verb)
        for resource, verb, _ in rights(found["Role/embargo-butler-buckets"])
        if resource in ("deployments", "statefulsets") and verb != "get"
    }


@pytest.mark.parametrize("declared", [False, True])
def test_without_a_buckets_job_that_writes_another_one_settles(declared: bool) -> None:
    found = render("summit", {"hooks": {"buckets": "plan"}}) if declared else without_buckets()
    assert rights(found["Role/embargo-butler-settle"]) == {
        *SETTLE,
        ("events", "create", "*"),
        *LEASE,
    }
    for name, events in (("settle", POST), ("settle-rollback", "post-rollback")):
        job = found[f"Job/embargo-butler-{name}"]
        assert hook_annotations(job)["hook"] == events
        pod = job["spec"]["template"]["spec"]
        assert pod["containers"][0]["args"][:2] == ["job", "restart"]
        assert [volume["name"] for volume in pod["volumes"]] == ["config"], "no login to Vault"


def right_over(found: dict[str, Manifest]) -> str:
    """Return the name of the right over the declared Secrets."""
    (name,) = (
        key.partition("/")[2] for key in found if key.startswith("Role/") and "-ours-" in key
    )
    return name


def test_what_a_release_declares_the_next_one_may_take_away(summit: dict[str, Manifest]) -> None:
    name = right_over(summit)
    role, binding = summit[f"Role/{name}"], summit[f"RoleBinding/{name}"]
    assert rights(role) == {
        *(("secrets", verb, secret) for verb in ("get", "delete") for secret in NAMES),
        ("roles", "delete", name),
    }
    # Replaced after the jobs, which so far have it over the bindings of the release before.
    retiring = summit[f"Role/{PREFIX}-ours"], summit[f"RoleBinding/{PREFIX}-ours"]
    assert rights(retiring[0]) == {("rolebindings", "delete", name)}
    for each in retiring:
        assert hook_annotations(each)["hook"] == f"{POST},post-rollback"
        assert int(hook_annotations(each)["hook-weight"]) > 0
    accounts = [f"{PREFIX}-{job}" for job in ("buckets", "settle", "clean-up")]
    for kind, pair in (("delete", (role, binding)), ("retire", retiring)):
        assert [subject["name"] for subject in pair[1]["subjects"]] == accounts
        for each in pair:
            assert hook_annotations(each)["hook-delete-policy"] == "before-hook-creation"
            assert each["metadata"]["labels"]["embargo-butler/secret-right"] == kind
    other = render("summit", {"secrets": {"db-env": None}})
    assert name not in {key.partition("/")[2] for key in other}
    assert name in {
        key.partition("/")[2] for key in render("summit", {"hooks": {"buckets": "off"}})
    }


def test_the_jobs_know_what_may_be_restarted() -> None:
    found = config_of({"monitoring": {"exporter": {"enabled": True}}}).hooks.restart
    assert found.automatic
    assert set(found.workloads) == {
        "StatefulSet redis",
        *(f"Deployment {name}" for name in DEPLOYMENTS),
        f"Deployment {PREFIX}-exporter",
    }
    rendered = render("summit", {"monitoring": {"exporter": {"enabled": True}}})
    kinds = ("Deployment/", "StatefulSet/")
    workloads = {key.replace("/", " ") for key in rendered if key.startswith(kinds)}
    assert set(found.workloads) == workloads


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"secrets": {"redis": {"redis-password.admitted": {"value": "x"}}}}, "another name"),
        ({"pods": {"podAnnotations": {"embargo-butler/restarted-at": "x"}}}, "leave it out"),
        ({"idle": {"podAnnotations": {"embargo-butler/restarted-at": "x"}}}, "leave it out"),
    ],
)
def test_what_the_jobs_keep_is_nobody_elses(values: dict[str, Any], message: str) -> None:
    with pytest.raises(HelmError, match=message):
        render("summit", values)


def test_rights_of_the_clean_up(summit: dict[str, Manifest]) -> None:
    assert rights(summit["Role/embargo-butler-clean-up"]) == {
        *(("secrets", verb, name) for verb in ("get", "delete") for name in NAMES),
        *(
            (resource, "delete", name)
            for resource in ("roles", "rolebindings")
            for name in (f"{PREFIX}-ours", right_over(summit))
        ),
        ("roles", "list", "*"),
        *(("deployments", "get", name) for name in DEPLOYMENTS),
        ("statefulsets", "get", "redis"),
        ("pods", "list", "*"),
        ("events", "create", "*"),
        ("configmaps", "create", "*"),
        ("configmaps", "get", "embargo-butler-inventory"),
        ("configmaps", "patch", "embargo-butler-inventory"),
        *LEASE,
    }


def test_the_audit_may_look_at_what_it_audits_and_outlives_the_hooks() -> None:
    found = render("summit", {"hooks": {"audit": {"enabled": True}}})
    assert rights(found["Role/embargo-butler-audit"]) == {
        *STALE,
        ("services", "get", "embargo-butler-enqueue"),
        ("endpointslices", "list", "*"),
        ("configmaps", "get", "embargo-butler-inventory"),
        ("configmaps", "get", "embargo-butler-reconcile"),
        ("leases", "get", "embargo-butler-hooks"),
        ("events", "create", "*"),
    }
    ours = [name for name in found if name.endswith("/embargo-butler-audit")]
    kinds = ("ServiceAccount", "Role", "RoleBinding", "ConfigMap", "CronJob")
    assert sorted(ours) == sorted(f"{kind}/embargo-butler-audit" for kind in kinds)
    assert all("annotations" not in found[name]["metadata"] for name in ours)
    assert (
        found["ConfigMap/embargo-butler-audit"]["data"]
        == found["ConfigMap/embargo-butler-hooks"]["data"]
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ secrets.db-env.pg_user }}",
        "{{ secrets['db-env'].pg_user }}",
        '{{ secrets["db-env"]["pg_user"] }}',
    ],
)
def test_templated_secrets_may_be_read_however_they_are_named(text: str) -> None:
    topic = {"attributes": {"OpaqueData": text}}
    # Those that the release declares may be read anyway.
    found = render(
        "summit",
        {
            "secrets": {"db-env": None},
            "existingSecrets": {"db-env": True},
            "bucketConfig": {"topics": {"rubin-summit": topic}},
        },
    )
    assert ("secrets", "get", "db-env") in rights(found["Role/embargo-butler-buckets"])


def test_no_templated_secret_no_right_to_others() -> None:
    topic = {"attributes": {"OpaqueData": "secrets"}}
    found = render(
        "summit",
        {
            "existingSecrets": {"of-others": True},
            "bucketConfig": {"topics": {"rubin-summit": topic}},
        },
    )
    names = {
        name
        for resource, _, name in rights(found["Role/embargo-butler-buckets"])
        if resource == "secrets"
    }
    assert names == set(NAMES)


def test_the_jobs_understand_their_config(summit: dict[str, Manifest]) -> None:
    text = summit["ConfigMap/embargo-butler-hooks"]["data"]["config.yaml"]
    found = parse(yaml.safe_load(text), "config.yaml")
    assert found.enqueue is not None
    assert found.enqueue.service == "embargo-butler-enqueue"
    assert found.buckets is not None
    assert set(found.buckets.buckets) == {"rubin-summit", "rubin-summit-users"}
    assert found.buckets.buckets["rubin-summit"].foreign == ("rubin-prompt-processing-prod",)


def config_of(values: dict[str, Any]) -> Config:
    text = render("summit", values)["ConfigMap/embargo-butler-hooks"]["data"]["config.yaml"]
    return parse(yaml.safe_load(text), "config.yaml")


def test_what_is_not_said_of_vault_is_left_to_the_jobs(summit: dict[str, Manifest]) -> None:
    text = summit["ConfigMap/embargo-butler-hooks"]["data"]["config.yaml"]
    config = yaml.safe_load(text)
    assert set(config["vault"]) == {"address", "mount", "auth", "ownersPath"}
    assert set(config["vault"]["auth"]) == {"method", "mount", "role", "audience"}
    assert set(config["hooks"]) == {"deadlineSeconds", "restart", "secrets", "audit", "reconcile"}


def test_the_jobs_understand_what_is_said_of_vault() -> None:
    bundle = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    vault = {"namespace": "dmz/rubin", "caBundle": bundle, "timeoutSeconds": 5, "retrySeconds": 0}
    found = config_of({"vault": vault}).vault
    assert (found.namespace, found.ca_bundle) == ("dmz/rubin", bundle)
    assert (found.timeout, found.retry) == (5, 0)


@pytest.mark.parametrize("value", [{"caBundle": "no certificate"}, {"timeoutSeconds": 0}])
def test_what_vault_cannot_be_told(value: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match=next(iter(value))):
        render("summit", {"vault": value})


@pytest.mark.parametrize("method", LOGINS)
def test_every_login(method: str) -> None:
    by_pod = method in ("kubernetes", "jwt")
    auth = {"method": method, **({} if by_pod else {"secret": {"name": "vault-login"}})}
    values: dict[str, Any] = {"vault": {"auth": auth}}
    vault = config_of(values).vault
    assert (vault.method, vault.login_mount) == (method, method)
    assert vault.role == "embargo-butler-summit"
    assert vault.stored == ("" if by_pod else "vault-login")
    found = render("summit", values)
    for name in ("secrets", "buckets"):
        allowed = {
            verb for _, verb, at in rights(found[f"Role/{PREFIX}-{name}"]) if at == vault.stored
        }
        assert allowed == (set() if by_pod else {"get"})
        for job in (found[f"Job/{PREFIX}-{name}"], found[f"Job/{PREFIX}-{name}-rollback"]):
            assert ("podFailurePolicy" in job["spec"]) == (method != "wrapped")
            volumes = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
            assert ("vault-token" in volumes) == by_pod


def test_secrets_that_are_named_one_by_one() -> None:
    found = config_of({"hooks": {"secrets": {"takeOver": ["redis"], "retired": ["old"]}}})
    assert found.hooks.secrets.take_over == ("redis",)
    assert found.hooks.secrets.retired == ("old",)


BUNDLE = "-----BEGIN CERTIFICATE-----\n\n  MII= \t\n-----END CERTIFICATE-----\n\n\n"


@pytest.mark.parametrize("environment", FACTS)
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"hooks": {"buckets": "plan"}},
        {"hooks": {"buckets": "byHand"}, "vault": {"caBundle": BUNDLE}},
        {"secrets": {"odd": {"a": {"value": " \u2028\x85\u00e9\t\r\n x \n\n"}}}},
    ],
)
def test_each_job_is_told_what_its_config_map_holds(
    environment: str, values: dict[str, Any]
) -> None:
    found = render(environment, merged(values, {"hooks": {"audit": {"enabled": True}}}))
    jobs = [each for each in found.values() if each["kind"] in ("Job", "CronJob")]
    assert len(jobs) > 4
    for job in jobs:
        spec = job["spec"].get("jobTemplate", job)["spec"]["template"]["spec"]
        (volume,) = (each for each in spec["volumes"] if each["name"] == "config")
        name = volume["configMap"]["name"]
        arguments = spec["containers"][0]["args"]
        declared = arguments[arguments.index("--config-hash") + 1]
        where = f"{environment}/{FACTS[environment].namespace}/{name}"
        assert declared == f"{where}:{digest(found[f'ConfigMap/{name}'])}", job["metadata"]["name"]


@pytest.mark.parametrize("environment", FACTS)
def test_the_jobs_understand_every_environment(environment: str) -> None:
    facts = FACTS[environment]
    found = render(environment)[f"ConfigMap/{facts.prefix}-hooks"]["data"]["config.yaml"]
    config = parse(yaml.safe_load(found), "config.yaml")
    assert config.namespace == facts.namespace
    assert {(name, key) for name, keys in config.secrets.items() for key in keys} == set(
        facts.secrets
    )


def without_buckets() -> dict[str, Manifest]:
    """Render an environment that has no bucket configuration."""
    where = ("--namespace", "summit", *files("summit", buckets=False))
    return parsed(helm("template", "summit", str(CHART), *where))


@pytest.mark.parametrize("gone", ["buckets", "secrets"])
def test_nothing_declared_no_job(gone: str) -> None:
    existing = dict.fromkeys(("redis", "notification", "db-auth", "s3"), True)
    nothing = {"secrets": dict.fromkeys(NAMES), "existingSecrets": existing}
    found = render("summit", nothing) if gone == "secrets" else without_buckets()
    hooks = {name: one for name, one in found.items() if "annotations" in one["metadata"]}
    assert not [name for name in hooks if f"-{gone}" in name]
    events = hook_annotations(found["ConfigMap/embargo-butler-hooks"])["hook"]
    assert gone == "buckets" or "pre-install" not in events.split(",")


def test_kafka_mode_needs_no_service() -> None:
    enqueue = {"mode": "kafka", "kafka": {"cluster": "k:9092", "topic": "rubin-summit"}}
    topic = {"attributes": {"push-endpoint": "kafka://k:9092"}}
    bucket_config = {"topics": {"rubin-summit": topic}}
    found = render("summit", {"enqueue": enqueue, "bucketConfig": bucket_config})
    assert "Service/embargo-butler-enqueue" not in found
    resources = {resource for resource, _, _ in rights(found["Role/embargo-butler-buckets"])}
    assert not resources & {"services", "endpointslices"}
    config = yaml.safe_load(found["ConfigMap/embargo-butler-hooks"]["data"]["config.yaml"])
    assert "enqueue" not in config
