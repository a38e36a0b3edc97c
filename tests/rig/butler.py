"""The Butler repositories: each one's root in its users' bucket, its registry in PostgreSQL.

A repository is a copy of one that has the camera and no images, because copying a database takes
a fraction of a second, and making a repository takes several.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING

import yaml
from botocore.exceptions import ClientError

from tests.rig import ceph, credentials, postgres
from tests.rig.command import run
from tests.rig.files import write_private
from tests.rig.progress import Say
from tests.rig.release import Release
from tests.rig.site import PROJECT, RGW_URL, STATE
from tests.rig.store import REGION

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

_ROOT_FILE = "butler.yaml"
_EMPTY = STATE / "butler-empty"
_DB_AUTH = STATE / "db-auth.yaml"
_environment = threading.Lock()


def up(say: Say) -> None:
    """Have the repository that others are copies of.

    It is made in a process of its own: what the Butler imports takes seconds, and would keep every
    other step of bringing the site up waiting meanwhile.
    """
    if not (_EMPTY / _ROOT_FILE).exists():
        say("making a repository with the camera and no images")
        postgres.drop(postgres.EMPTY)
        postgres.make(postgres.EMPTY)
        run(sys.executable, "-m", __name__, cwd=PROJECT, timeout=300)
    say("an empty repository is there to be copied")


def make(release: Release) -> None:
    """Have a release's repository; half of one goes, because it is of no use."""
    s3 = ceph.client("s3", release.users_bucket)
    try:
        s3.head_object(Bucket=release.users_bucket, Key=_ROOT_FILE)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        postgres.drop(release.database)
    if postgres.has(release.database):
        postgres.make(release.database)
        return
    root = make_empty(release.database)
    s3.put_object(Bucket=release.users_bucket, Key=_ROOT_FILE, Body=root)


def make_empty(database: str) -> bytes:
    """Make a registry with the camera and no images, and return the repository's root file."""
    postgres.make(database, template=postgres.EMPTY)
    text = (_EMPTY / _ROOT_FILE).read_text()
    return text.replace(postgres.url(postgres.EMPTY), postgres.url(database)).encode()


def login(database: str) -> dict[str, str]:
    """Return a database's entry of `db-auth.yaml`."""
    password = postgres.password(database)
    return {"url": postgres.url(database), "username": database, "password": password}


def open_butler(release: Release) -> Butler:
    """Open a release's repository with the credentials that its ingest has.

    They go into this process' environment, where the Butler looks for them, beside those of other
    releases.
    """
    keys = credentials.load().s3(release.users_bucket)
    profile = release.users_bucket
    address = RGW_URL.replace("://", f"://{keys.access_key}:{keys.secret_key}@")
    _set_environment({f"LSST_RESOURCES_S3_PROFILE_{profile}": address})
    from lsst.daf.butler import Butler

    uri = f"s3://{profile}@{release.users_bucket}/{_ROOT_FILE}"
    return Butler.from_config(uri)


def _make_empty() -> None:
    _set_environment({})
    from lsst.daf.butler import Butler, Config

    from tests.services.ingest.lsstcam import register

    aside = STATE / "butler-new"
    shutil.rmtree(aside, ignore_errors=True)
    config = Config({"registry": {"db": postgres.url(postgres.EMPTY)}})
    Butler.makeRepo(aside, config=config)
    with Butler.from_config(aside, writeable=True) as butler:
        register(butler)
    aside.rename(_EMPTY)


def _set_environment(more: dict[str, str]) -> None:
    with _environment:
        users = credentials.load().names("postgres/")
        write_private(_DB_AUTH, yaml.safe_dump([login(user) for user in users]))
    os.environ |= {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "LSST_DB_AUTH": str(_DB_AUTH),
        **more,
    }


if __name__ == "__main__":
    _make_empty()
