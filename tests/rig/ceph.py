"""Ceph 16 with its object gateway: one monitor, one disk in a file, one radosgw.

The disk is BlueStore in a sparse file, so that what was PUT outlives a kill and a reboot.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.rig import credentials, supervisor
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.files import write_private
from tests.rig.packages import program
from tests.rig.progress import Say
from tests.rig.release import Release
from tests.rig.site import LISTENER_URL, NODE, RGW_PORT, RGW_URL, STATE

REGION = "default"
CONTRACT_USERS = {
    "owner": "contract-owner",
    "other": "contract-other",
    "tenant": "contract$contract-tenant",
}
"""Whom the contract suite works as, in buckets of its own."""

USERS = ("prompt-processing-dev", "rubin-prompt-processing", *CONTRACT_USERS.values())
"""Whom everybody shares; each release has users of its own beside them."""

FOREIGN_NAME = "rubin-prompt-processing-prod"
FOREIGN_USER = "rubin-prompt-processing"
FOREIGN_ENDPOINT = f"{LISTENER_URL}/prompt-processing"
"""Prompt Processing's topic and notification: theirs, on the buckets that ours are on."""
_FOREIGN_TOPIC = f"arn:aws:sns:{REGION}::{FOREIGN_NAME}"

GATEWAYS = STATE / "gateways.json"
"""The gateway as the contract suite wants it described (RGW_GATEWAYS)."""

_FOLDER = STATE / "ceph"
_CONFIG = _FOLDER / "ceph.conf"
_KEYRING = _FOLDER / "keyring"
_MADE = _FOLDER / "made"
"""Written last: without it the folder is what an interrupted making left."""

_MONITOR_PORT = 13300
_DISK_BYTES = 20 << 30
_CAPABILITIES = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
    "client.rgw.a": {"mon": "allow rw", "osd": "allow rwx", "mgr": "allow r"},
}


def up(say: Say) -> None:
    """Have the gateway running, with the environment's users, buckets and Prompt Processing."""
    if not _MADE.exists():
        say("making the store")
        for name in ("ceph-rgw", "ceph-osd", "ceph-mon"):
            supervisor.stop(name)
        _make()
    _start_monitor()
    disk = _daemon("ceph-osd", "-i", "0")
    supervisor.ensure(disk)
    say("waiting for the disk")
    wait_for(
        "the disk is up", lambda: re.search(r"\b1 up\b", _ceph("osd", "stat")), 60, log=disk.log
    )
    gateway = _daemon("radosgw", "-n", "client.rgw.a", name="ceph-rgw")
    supervisor.ensure(gateway)
    say("waiting for the gateway")
    wait_for("the gateway answers", lambda: _lets_in(USERS[0]) is not None, 120, log=gateway.log)
    for user in USERS:
        _ensure_user(user)
    _prompt_processing()
    _write_gateways()
    say(RGW_URL)


def make(release: Release) -> None:
    """Have a release's users and buckets, and Prompt Processing on its raw bucket."""
    for name in (release.bucket, release.users_bucket):
        _ensure_user(name)
        s3 = client("s3", name)
        if name not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket=name)
    _announce_to_prompt_processing(release.bucket)


def remove(release: Release) -> None:
    """Remove a release's buckets with all that is in them, its topics, and its users.

    Its topics are those that the raw bucket's notifications use, but for Prompt Processing's.
    """
    _remove_topics(release.bucket)
    for name in (release.bucket, release.users_bucket):
        _admin("user", "rm", "--uid", name, "--purge-data")


def client(service: str, user: str) -> Any:
    """Return boto3's client of the gateway ("s3" or "sns") for one of its users."""
    keys = credentials.load().s3(user)
    make: Any = boto3.client  # its type knows no service by a variable
    return make(
        service,
        endpoint_url=RGW_URL,
        region_name=REGION,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )


def _make() -> None:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    for name in ("mon", "osd", "run"):
        (_FOLDER / name).mkdir(parents=True)
    fsid = str(uuid.uuid4())
    _CONFIG.write_text(_configuration(fsid))
    run(program("ceph-authtool"), "--create-keyring", _KEYRING)
    for entity, capabilities in _CAPABILITIES.items():
        words = [word for pair in capabilities.items() for word in ("--cap", *pair)]
        run(program("ceph-authtool"), _KEYRING, "--gen-key", "-n", entity, *words)
    address = f"[v2:{NODE}:{_MONITOR_PORT}]"
    monitors = _FOLDER / "monmap"
    run(program("monmaptool"), "--create", "--fsid", fsid, "--addv", "a", address, monitors)
    run(
        *(program("ceph-mon"), "-c", _CONFIG, "-i", "a", "--mkfs"),
        *("--monmap", monitors, "--keyring", _KEYRING),
    )
    _start_monitor()
    disk = str(uuid.uuid4())
    _ceph("osd", "new", disk, "0")
    run(program("ceph-osd"), "-c", _CONFIG, "-i", "0", "--mkfs", "--osd-uuid", disk, timeout=120)
    _ceph("osd", "crush", "add", "osd.0", "1.0", "host=node", "root=default")
    _MADE.touch()


def _configuration(fsid: str) -> str:
    # Debian's builds look for the classes in a relative folder, and the gateway then fails with
    # "Operation not supported".
    [classes] = Path("/usr/lib").glob("*/rados-classes")
    return f"""\
[global]
fsid = {fsid}
mon host = v2:{NODE}:{_MONITOR_PORT}/0
public addr = {NODE}
ms bind msgr1 = false
keyring = {_KEYRING}
run dir = {_FOLDER}/run
admin socket = {_FOLDER}/run/$cluster-$name.asok
crash dir = {_FOLDER}/run
log file =
log to stderr = true
err to stderr = true
log to file = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = false
osd max pg per osd hard ratio = 100
mon max pg per osd = 1000
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail warn = 1
mon data avail crit = 1
auth allow insecure global id reclaim = false
[mon]
mon data = {_FOLDER}/mon
mon cluster log file =
mon cluster log to stderr = false
paxos propose interval = 0.1
paxos min wait = 0.01
[osd]
osd data = {_FOLDER}/osd
osd class dir = {classes}
osd objectstore = bluestore
osd memory cache min = 33554432
bluestore block size = {_DISK_BYTES}
bluestore cache autotune = false
bluestore cache size = 67108864
[client.rgw.a]
rgw frontends = beast endpoint={NODE}:{RGW_PORT}
rgw thread pool size = 128
"""


def _start_monitor() -> None:
    monitor = _daemon("ceph-mon", "-i", "a")
    supervisor.ensure(monitor)
    wait_for("the monitor answers", lambda: _ceph("mon", "stat"), timeout=60, log=monitor.log)


def _daemon(binary: str, *arguments: str, name: str = "") -> supervisor.Program:
    # -f: in the foreground, messages on standard error.
    return supervisor.Program(name or binary, (program(binary), "-c", _CONFIG, "-f", *arguments))


def _ceph(*arguments: str) -> str:
    # The first limit is Ceph's own, for a monitor that does not answer.
    return run(program("ceph"), "-c", _CONFIG, "--connect-timeout", "10", *arguments, timeout=30)


def _lets_in(user: str) -> bool:
    """Tell whether a user's keys are right; fails as long as the gateway does not answer."""
    try:
        client("s3", user).list_buckets()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
            return False
        raise RigError(f"{RGW_URL} does not list the buckets of {user}: {error}") from error
    except BotoCoreError as error:
        raise RigError(str(error)) from error
    return True


def _ensure_user(user: str) -> None:
    if _lets_in(user):
        return
    keys = credentials.load().s3(user)
    words = ("--access-key", keys.access_key, "--secret-key", keys.secret_key)
    if user in json.loads(_admin("user", "list")):
        _admin("key", "create", "--key-type", "s3", "--uid", user, *words)
    else:
        _admin("user", "create", "--uid", user, "--display-name", user, *words)


def _admin(*words: str) -> str:
    admin = (program("radosgw-admin"), "-c", _CONFIG, "-n", "client.admin")
    return run(*admin, *words, timeout=120)


def _remove_topics(bucket: str) -> None:
    found = client("s3", bucket).get_bucket_notification_configuration(Bucket=bucket)
    arns = {each["TopicArn"] for each in found.get("TopicConfigurations", [])}
    for arn in arns - {_FOREIGN_TOPIC}:
        client("sns", bucket).delete_topic(TopicArn=arn)


def _prompt_processing() -> None:
    sns = client("sns", FOREIGN_USER)
    if _FOREIGN_TOPIC not in [each["TopicArn"] for each in sns.list_topics().get("Topics", [])]:
        attributes = {
            "push-endpoint": FOREIGN_ENDPOINT,
            "OpaqueData": "prompt-processing",
            "persistent": "true",
        }
        sns.create_topic(Name=FOREIGN_NAME, Attributes=attributes)


def _announce_to_prompt_processing(bucket: str) -> None:
    s3 = client("s3", bucket)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    if FOREIGN_NAME in [each["Id"] for each in found.get("TopicConfigurations", [])]:
        return
    # On Ceph this adds one notification; the bucket's others stay.
    entry = {"Id": FOREIGN_NAME, "TopicArn": _FOREIGN_TOPIC, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [entry]}
    )


def _write_gateways() -> None:
    described: dict[str, Any] = {"endpoint": RGW_URL, "region": REGION}
    for role, user in CONTRACT_USERS.items():
        described[role] = {"user": user, **dataclasses.asdict(credentials.load().s3(user))}
    write_private(GATEWAYS, json.dumps({"16.2.15": described}, indent=1))
