"""The Butler repository: its root in the users' bucket, its registry in PostgreSQL."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import yaml
from botocore.exceptions import ClientError

from tests.rig import ceph, credentials, postgres
from tests.rig.command import run
from tests.rig.files import write_private
from tests.rig.progress import Say
from tests.rig.site import PROJECT, RGW_URL, STATE

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

BUCKET = "rubin-summit-users"
ROOT = f"s3://{BUCKET}"
URI = f"{ROOT}/butler.yaml"

_DB_AUTH = STATE / "db-auth.yaml"


def up(say: Say) -> None:
    """Have the repository, with the camera and its dataset types registered.

    In a process of its own: what the Butler imports takes seconds, and would keep every other step
    of bringing the site up waiting meanwhile.
    """
    say("making sure of the repository and its camera")
    run(sys.executable, "-m", __name__, cwd=PROJECT, timeout=300)
    say(URI)


def make() -> None:
    """Make the repository where it is missing, and register the camera."""
    files, tables = _has_files(), _has_tables()
    if not (files and tables):
        if files or tables:
            # One half without the other is of no use, and is in the way of a new one.
            ceph.client("s3", BUCKET).delete_object(Bucket=BUCKET, Key="butler.yaml")
            postgres.empty()
        _make_repository()
    from tests.services.ingest.lsstcam import register

    with open_butler(writeable=True) as butler:
        register(butler)


def open_butler(writeable: bool = False) -> Butler:
    """Open the repository with the credentials that ingest has.

    They go into this process' environment, where the Butler looks for them.
    """
    _set_environment()
    from lsst.daf.butler import Butler

    return Butler.from_config(URI, writeable=writeable)


def _make_repository() -> None:
    _set_environment()
    from lsst.daf.butler import Butler, Config

    Butler.makeRepo(ROOT, config=Config({"registry": {"db": postgres.URL}}))


def _has_files() -> bool:
    try:
        ceph.client("s3", BUCKET).head_object(Bucket=BUCKET, Key="butler.yaml")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return True


def _has_tables() -> bool:
    return postgres.query("SELECT to_regclass('public.butler_attributes')") != ""


def _set_environment() -> None:
    known = credentials.load()
    keys = known.s3(BUCKET)
    login = {
        "url": postgres.URL,
        "username": postgres.USER,
        "password": known.password("postgres/butler"),
    }
    write_private(_DB_AUTH, yaml.safe_dump([login]))
    os.environ |= {
        "S3_ENDPOINT_URL": RGW_URL,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_DEFAULT_REGION": ceph.REGION,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "LSST_DB_AUTH": str(_DB_AUTH),
    }


if __name__ == "__main__":
    make()
