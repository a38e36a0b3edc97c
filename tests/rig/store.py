"""One Ceph with its object gateway: one monitor, one disk in a file, one radosgw.

The disk is BlueStore in a sparse file, so that what was PUT outlives a kill and a reboot.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.rig import credentials, supervisor
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.packages import program
from tests.rig.progress import Say
from tests.rig.roots import Root
from tests.rig.site import NODE, STATE

REGION = "default"
_DISK_BYTES = 20 << 30
_CAPABILITIES = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
    "client.rgw.a": {"mon": "allow rw", "osd": "allow rwx", "mgr": "allow r"},
}


@dataclass(frozen=True)
class Store:
    """A Ceph of the site.

    Attributes:
        name: What its folder is called, and what its programs' names begin with.
        major: The major version that it has to be.
        monitor_port: Where its monitor listens.
        port: Where its gateway listens.
        users: The gateway's users.
        root: The root folder that its programs are in; by default they are this machine's.
        zone_group: Its zone group, where that has another name than it has by itself.
    """

    name: str
    major: int
    monitor_port: int
    port: int
    users: tuple[str, ...]
    root: Root | None = None
    zone_group: str = ""

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://{NODE}:{self.port}"

    @property
    def folder(self) -> Path:
        """Where all of it is kept."""
        return STATE / self.name

    def up(self, say: Say) -> None:
        """Have the gateway running, with its users.

        Raises:
            RigError: It does not come up, or is of another major version.
        """
        if self.root:
            self.root.folder(say)
        self.version()
        # Written last: without it the folder is what an interrupted making left.
        made = self.folder / "made"
        if not made.exists():
            say("making the store")
            self.stop()
            self._make()
            made.touch()
        self._start_monitor()
        disk = self._daemon("osd", "ceph-osd", "-i", "0")
        supervisor.ensure(disk)
        say("waiting for the disk")
        wait_for(
            "the disk is up",
            lambda: re.search(r"\b1 up\b", self._ceph("osd", "stat")),
            timeout=60,
            log=disk.log,
        )
        if self.zone_group:
            self._name_zone_group()
        gateway = self._daemon("rgw", "radosgw", "-n", "client.rgw.a")
        supervisor.ensure(gateway)
        say("waiting for the gateway")
        first = (*self.users, "nobody")[0]
        answers = "the gateway answers"
        wait_for(answers, lambda: self._lets_in(first) is not None, 120, log=gateway.log)
        for user in self.users:
            self.ensure_user(user)

    def version(self) -> str:
        """Return the version of Ceph.

        Raises:
            RigError: It is not of the expected major.
        """
        said = run(*self._program("radosgw"), "--version")
        found = re.search(r"ceph version (\d+)\S*", said)
        if not found or int(found[1]) != self.major:
            where = f"Debian {self.root.suite}" if self.root else "this machine"
            raise RigError(
                f"Ceph {self.major} is expected of {where}, which has: {said.strip()}",
                hint="name a suite that still has it, or move the tests on to the newer one",
            )
        return found[0].split()[-1]

    def stop(self) -> None:
        """Stop it; what was PUT stays."""
        for kind in ("rgw", "osd", "mon"):
            supervisor.stop(f"{self.name}-{kind}")

    def client(self, service: str, user: str, keys: credentials.S3Keys | None = None) -> Any:
        """Return boto3's client of the gateway ("s3" or "sns") for one of its users.

        Args:
            service: Which.
            user: The user.
            keys: The user's keys, if they are not the usual ones.
        """
        keys = keys or credentials.load().s3(user)
        make: Any = boto3.client  # its type knows no service by a variable
        return make(
            service,
            endpoint_url=self.url,
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

    def run(self, name: str, *arguments: str | Path, timeout: float = 60) -> str:
        """Run one of Ceph's programs to its end, as the administrator; return what it prints."""
        return run(*self._program(name), *arguments, timeout=timeout)

    def admin(self, *words: str) -> str:
        """Run radosgw-admin and return what it prints."""
        admin = ("radosgw-admin", "-c", self.config, "-n", "client.admin")
        return self.run(*admin, *words, timeout=120)

    def ensure_user(self, user: str) -> None:
        """Have a user who is let in with its keys."""
        if self._lets_in(user):
            return
        keys = credentials.load().s3(user)
        words = ("--access-key", keys.access_key, "--secret-key", keys.secret_key)
        if user in json.loads(self.admin("user", "list")):
            self.admin("key", "create", "--key-type", "s3", "--uid", user, *words)
        else:
            self.admin("user", "create", "--uid", user, "--display-name", user, *words)

    @property
    def config(self) -> Path:
        """Its ceph.conf."""
        return self.folder / "ceph.conf"

    @property
    def _keyring(self) -> Path:
        return self.folder / "keyring"

    def _program(self, name: str) -> tuple[str | Path, ...]:
        return self.root.inside(name) if self.root else (program(name),)

    def _daemon(self, kind: str, name: str, *arguments: str) -> supervisor.Program:
        # -f: in the foreground, messages on standard error.
        command = (*self._program(name), "-c", self.config, "-f", *arguments)
        return supervisor.Program(f"{self.name}-{kind}", command)

    def _name_zone_group(self) -> None:
        """Rename what the first command of all makes by itself, before the gateway knows of it."""
        line = f"rgw zonegroup = {self.zone_group}\n"
        if line in self.config.read_text():
            return
        self.admin("user", "list")
        names = ("--rgw-zonegroup", "default", "--zonegroup-new-name", self.zone_group)
        self.admin("zonegroup", "rename", *names)
        self.config.write_text(self.config.read_text().replace("[mon]\n", f"{line}[mon]\n"))

    def _make(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("mon", "osd", "run"):
            (self.folder / name).mkdir(parents=True)
        fsid = str(uuid.uuid4())
        self.config.write_text(self._configuration(fsid))
        self.run("ceph-authtool", "--create-keyring", self._keyring)
        for entity, capabilities in _CAPABILITIES.items():
            words = [word for pair in capabilities.items() for word in ("--cap", *pair)]
            self.run("ceph-authtool", self._keyring, "--gen-key", "-n", entity, *words)
        address = f"[v2:{NODE}:{self.monitor_port}]"
        monitors = self.folder / "monmap"
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monitors)
        self.run(
            *("ceph-mon", "-c", self.config, "-i", "a", "--mkfs"),
            *("--monmap", monitors, "--keyring", self._keyring),
        )
        self._start_monitor()
        disk = str(uuid.uuid4())
        self._ceph("osd", "new", disk, "0")
        making = ("-c", self.config, "-i", "0", "--mkfs", "--osd-uuid", disk)
        self.run("ceph-osd", *making, timeout=120)
        self._ceph("osd", "crush", "add", "osd.0", "1.0", "host=node", "root=default")

    def _configuration(self, fsid: str) -> str:
        # Debian's builds look for the classes in a relative folder, and the gateway then fails with
        # "Operation not supported".
        classes = f"/usr/lib/{platform.machine()}-linux-gnu/rados-classes"
        return f"""\
[global]
fsid = {fsid}
mon host = v2:{NODE}:{self.monitor_port}/0
public addr = {NODE}
ms bind msgr1 = false
keyring = {self._keyring}
run dir = {self.folder}/run
admin socket = {self.folder}/run/$cluster-$name.asok
crash dir = {self.folder}/run
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
mon data = {self.folder}/mon
mon cluster log file =
mon cluster log to stderr = false
paxos propose interval = 0.1
paxos min wait = 0.01
[osd]
osd data = {self.folder}/osd
osd class dir = {classes}
osd objectstore = bluestore
osd memory cache min = 33554432
bluestore block size = {_DISK_BYTES}
bluestore cache autotune = false
bluestore cache size = 67108864
[client.rgw.a]
rgw frontends = beast endpoint={NODE}:{self.port}
rgw thread pool size = 128
"""

    def _start_monitor(self) -> None:
        monitor = self._daemon("mon", "ceph-mon", "-i", "a")
        supervisor.ensure(monitor)
        answers = ("mon", "stat")
        wait_for("the monitor answers", lambda: self._ceph(*answers), timeout=60, log=monitor.log)

    def _ceph(self, *arguments: str) -> str:
        # The first limit is Ceph's own, for a monitor that does not answer.
        limit = ("--connect-timeout", "10")
        return self.run("ceph", "-c", self.config, *limit, *arguments, timeout=30)

    def _lets_in(self, user: str) -> bool:
        """Tell whether a user's keys are right; fails as long as the gateway does not answer."""
        try:
            self.client("s3", user).list_buckets()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
                return False
            raise RigError(f"{self.url} does not list the buckets of {user}: {error}") from error
        except BotoCoreError as error:
            raise RigError(str(error)) from error
        return True
