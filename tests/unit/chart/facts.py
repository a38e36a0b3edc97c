"""The environments as they are deployed today: the table that the chart is held against.

It is written from how the environments run, not from what the chart renders. None means that there
is no such thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[str, str]
"""A Secret and a key of it."""

FITS_INFO = "FITSInfo/rest/webhook/update"
S3_KEYS: Mapping[str, str | Key] = {
    "S3_ENDPOINT_URL": "https://s3dfrgw.slac.stanford.edu",
    "AWS_ACCESS_KEY_ID": ("s3", "s3_access"),
    "AWS_SECRET_ACCESS_KEY": ("s3", "s3_key"),
}


@dataclass(frozen=True)
class Balancer:
    """A Service of type LoadBalancer."""

    pool: str = "sdf-services"
    address: str | None = None


@dataclass(frozen=True)
class Facts:
    """One environment.

    Attributes:
        store: The object store, as the folder of its owners' keys is called.
        tags: Image tags of redis, enqueue, ingest, idle, presence.
        redis_service: None for a ClusterIP.
        enqueue_env: Beside Redis' address and password.
        ingest_env: Likewise.
        secrets: Vault path and field, or the text itself, by Secret and key.
        files: The files in /home/lsst/.lsst.
        claims: Storage class and mount path of ReadWriteMany claims of 1Gi, by name.
        rucio: The section `client` of Rucio's configuration.
        sqlite: The instrument's class and the dataset types that a SQLite Butler is made with.
    """

    namespace: str
    tags: tuple[str, str, str, str, str | None]
    bucket: str
    butler_repo: str
    enqueue_env: Mapping[str, str | Key]
    ingest_env: Mapping[str, str | Key]
    secrets: Mapping[Key, Key | str]
    prefix: str = "embargo-butler"
    site: str = "summit"
    ingest: str = "ingest"
    ingest_replicas: int = 1
    ingest_limits: Mapping[str, str] = field(default_factory=lambda: {"cpu": "1", "memory": "2Gi"})
    ingest_group: int | None = None
    redis_service: Balancer | None = None
    enqueue_service: Balancer | None = Balancer()
    presence_service: Balancer | None = Balancer()
    presence_limits: Mapping[str, str] = field(
        default_factory=lambda: {"cpu": "250m", "memory": "500Mi"}
    )
    pull_policy: str = "IfNotPresent"
    files: Mapping[str, Key] = field(
        default_factory=lambda: {"db-auth.yaml": ("db-auth", "db-auth.yaml")}
    )
    cluster: str = "usdf-embargo-dmz"
    store: str = "s3dfrgw"
    claims: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    rucio: Mapping[str, str] | None = None
    sqlite: tuple[str, Mapping[str, str]] | None = None


def _vault(environment: str, s3: str) -> dict[Key, Key | str]:
    """Where the Secrets of an environment with plain S3 keys come from."""
    return {
        ("redis", "redis-password"): (f"rubin/usdf-embargo-dmz/{environment}", "redis"),
        ("notification", "secret"): (f"rubin/usdf-embargo-dmz/{environment}", "notification"),
        ("db-auth", "db-auth.yaml"): ("rubin/usdf-butler/client-config", "db-auth.yaml"),
        ("db-env", "pg_user"): ("rubin/usdf-butler/postgres", "username"),
        ("db-env", "pg_password"): ("rubin/usdf-butler/postgres", "password"),
        ("s3", "s3_access"): (s3, "access_key"),
        ("s3", "s3_key"): (s3, "secret_key"),
    }


_USERS = "rubin/embargo/read/rubin-summit-users"
_SUMMIT_NEW = "rubin/usdf-embargo-dmz/summit-new"
_TEST = "rubin/usdf-embargo-dmz-dev/test"
_PP_DEV = "rubin/usdf-prompt-processing-dev/autoingest/pp-dev"
# Today the expression is left to the service, `fits$`: docs/deviations.md says why it is said here.
_WEBHOOK: Mapping[str, str | Key] = {
    "NOTIFICATION_SECRET": ("notification", "secret"),
    "DATASET_REGEXP": r"^[^/]+/[^/]+/[^/]+/[^/_]+_[^/_]+_[^/_]+_\d+/[^/]*fits$",
}
_RUCIO = "https://rubin-rucio.slac.stanford.edu:8443"

FACTS = {
    "summit": Facts(
        namespace="summit",
        tags=("7.0.15", "1.2.1", "1.2.1", "1.2.1", "1.2.1"),
        bucket="rubin-summit",
        butler_repo="s3://rubin-summit-users/butler.yaml",
        presence_limits={"cpu": "250m", "memory": "100Mi"},
        enqueue_env=_WEBHOOK,
        ingest_env={**S3_KEYS, "WEBHOOK_URI": f"http://lsstcam-mcm.cp.lsst.org/{FITS_INFO}"},
        secrets=_vault("summit", _USERS),
    ),
    "summit-new": Facts(
        store="sdfembs3",
        namespace="summit-new",
        tags=("7.4.4", "1.6.1", "1.6.1", "1.3.3", "1.3.3"),
        pull_policy="Always",
        ingest_replicas=8,
        bucket="embargo@rubin-summit",
        butler_repo="s3://embargo@rubin-summit-users/butler.yaml",
        redis_service=Balancer("sdf-rubin-ingest", "172.24.10.94"),
        enqueue_service=None,
        presence_service=Balancer(address="172.24.5.158"),
        presence_limits={"cpu": "1", "memory": "1000Mi"},
        enqueue_env={
            "PROFILE": "embargo",
            "DATASET_REGEXP": r"\.fits$",
            "KAFKA_CLUSTER": "172.24.10.54:9094",
            "KAFKA_TOPIC": "rubin-summit-notification-8",
            "KAFKA_GROUP_ID": "embargo-butler-enqueue-summit",
        },
        ingest_env={
            "LSST_RESOURCES_S3_PROFILE_embargo": ("s3", "profile"),
            "MAX_INGESTS": "50",
            "WEBHOOK_URI": f"http://lsstcam-mcm.cp.lsst.org/{FITS_INFO}",
        },
        secrets={
            ("redis", "redis-password"): (_SUMMIT_NEW, "redis"),
            ("notification", "secret"): (_SUMMIT_NEW, "notification"),
            ("db-auth", "db-auth.yaml"): (_SUMMIT_NEW, "db-auth.yaml"),
            ("s3", "profile"): (_SUMMIT_NEW, "profile"),
        },
    ),
    "bts": Facts(
        namespace="bts",
        prefix="bts-butler",
        site="bts",
        tags=("7.0.15", "1.0", "1.0-d_2024_05_07", "1.0", None),
        bucket="rubin-bts",
        butler_repo="s3://rubin-bts-users/butler.yaml",
        presence_service=None,
        enqueue_env=_WEBHOOK,
        ingest_env=S3_KEYS,
        secrets=_vault("bts", _USERS),
    ),
    "tts": Facts(
        namespace="tts",
        prefix="tts-butler",
        site="tts",
        tags=("7.0.8", "0.99", "0.99.2-w_2023_41", "0.99", None),
        bucket="rubin-tts",
        butler_repo="s3://rubin-tts-users/butler.yaml",
        presence_service=None,
        enqueue_env=_WEBHOOK,
        ingest_env=S3_KEYS,
        secrets=_vault("tts", _USERS),
    ),
    "sts": Facts(
        namespace="sts",
        prefix="sts-butler",
        site="sts",
        tags=("7.0.8", "0.99", "0.99.2-w_2023_49", "0.99", None),
        ingest_replicas=20,
        bucket="rubin-sts",
        butler_repo="s3://rubin-sts/butler-ingest.yaml",
        enqueue_service=Balancer(address="172.24.5.180"),
        presence_service=None,
        enqueue_env=_WEBHOOK,
        ingest_env={
            **S3_KEYS,
            "WEBHOOK_URI": f"https://lsst-camera-dev.slac.stanford.edu/{FITS_INFO}",
            "RUCIO_CONFIG": "/rucio/rucio.cfg",
            "RUCIO_RSE": "USDF_STS_DISK",
            "RUCIO_DTN": "davs://sdfdtn005.slac.stanford.edu:1095/",
            "RUCIO_SCOPE": "raw",
        },
        secrets={
            **_vault("sts", _USERS),
            ("rucio-auth", "register_svc_rsa"): ("rubin/usdf-embargo-dmz/sts", "register_svc_rsa"),
        },
        files={
            "db-auth.yaml": ("db-auth", "db-auth.yaml"),
            "register_svc_rsa": ("rucio-auth", "register_svc_rsa"),
        },
        rucio={
            "account": "register_service",
            "auth_host": _RUCIO,
            "rucio_host": _RUCIO,
            "auth_type": "ssh",
            "ssh_private_key": "/home/lsst/.lsst/register_svc_rsa",
        },
    ),
    "lfa": Facts(
        namespace="lfa",
        ingest="ingest-lfa",
        tags=("7.0.15", "1.2.1", "1.2.1", "1.2.1", None),
        bucket="rubinobs-lfa-cp",
        butler_repo="/sdf/group/rubin/repo/main/",
        ingest_limits={"cpu": "500m", "memory": "1Gi"},
        ingest_group=4085,
        enqueue_service=Balancer("sdf-rubin-ingest", "172.24.10.41"),
        presence_service=None,
        enqueue_env={
            **_WEBHOOK,
            "DATASET_REGEXP": r"(FiberSpectrograph:.*\.fits$|GenericCamera/.*_\d{6}\.fits$)",
        },
        ingest_env=S3_KEYS,
        secrets=_vault("lfa", "rubin/usdf-embargo-dmz/lfa"),
        claims={
            "sdf-data-rubin": ("sdf-data-rubin", "/sdf/data/rubin"),
            "sdf-group-rubin": ("sdf-group-rubin", "/sdf/group/rubin"),
        },
    ),
    "pp-dev": Facts(
        namespace="autoingest",
        cluster="usdf-prompt-processing-dev",
        site="usdf",
        tags=("7.0.15", "1.3.3", "1.3.3", "1.3.3", "1.3.3"),
        pull_policy="Always",
        ingest_replicas=2,
        bucket="prompt-processing-dev@rubin-pp-dev",
        butler_repo="s3://prompt-processing-dev@rubin-pp-dev-users/central_repo_2/butler.yaml",
        enqueue_service=Balancer(address="172.24.5.74"),
        enqueue_env={
            **_WEBHOOK,
            "PROFILE": "prompt-processing-dev",
            "DATASET_REGEXP": r"LSSTCam/\d{8}/\w*/[\w.]*\.fits$",
        },
        ingest_env={"LSST_RESOURCES_S3_PROFILE_prompt-processing-dev": ("s3", "profile")},
        secrets={
            ("redis", "redis-password"): (_PP_DEV, "redis"),
            ("notification", "secret"): "",
            ("db-auth", "db-auth.yaml"): (_PP_DEV, "db-auth.yaml"),
            ("s3", "profile"): (_PP_DEV, "profile"),
        },
    ),
    "test": Facts(
        store="sdfembs3",
        namespace="test",
        cluster="usdf-embargo-dmz-dev",
        tags=("7.4.4", "DM-54533", "DM-54386", "1.3.3", "1.3.3"),
        pull_policy="Always",
        bucket="embargo@rubin-summit",
        butler_repo="/butler",
        enqueue_service=None,
        presence_limits={"cpu": "1", "memory": "1000Mi"},
        enqueue_env={
            "PROFILE": "embargo",
            "DATASET_REGEXP": r"^embargo@rubin-summit/.*\.fits$",
            "KAFKA_CLUSTER": "172.24.10.50:9094",
            "KAFKA_TOPIC": "prompt-processing-dev-20260114",
            "KAFKA_GROUP_ID": "embargo-butler-enqueue-dmz-dev",
        },
        ingest_env={
            "LSST_RESOURCES_S3_PROFILE_embargo": ("s3", "profile"),
            "MAX_INGESTS": "50",
        },
        files={},
        secrets={
            ("redis", "redis-password"): (_TEST, "redis"),
            ("notification", "secret"): (_TEST, "notification"),
            ("db-auth", "db-auth.yaml"): (_TEST, "db-auth.yaml"),
            ("s3", "profile"): (_TEST, "profile"),
        },
        claims={"butler-data-pvc": ("wekafs--sdf-k8s01", "/butler")},
        sqlite=(
            "lsst.obs.lsst.LsstCam",
            {
                "guider_raw": "Stamps band instrument day_obs detector group physical_filter "
                "exposure"
            },
        ),
    ),
}
