"""A Kafka broker, controller in the same process (KRaft), and the forwarder that feeds it.

Only the tests have them; the demonstration hears by webhook.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import urllib.request
from pathlib import Path

from tests.rig import binaries, packages, supervisor
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.progress import Say
from tests.rig.site import CACHE, FORWARDER_URL, KAFKA, KAFKA_CONTROLLER_PORT, PROJECT, STATE

BROKER = "kafka"
"""The broker's name among the site's programs."""

_SOURCES = PROJECT / "tests/rig/java"
_PACKAGES = ("maven", "openjdk-17-jre-headless")
_DOWNLOAD = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FOLDER = STATE / "kafka"
_SETTINGS = _FOLDER / "server.properties"
_MADE = _FOLDER / "made"
"""Written last: without it the folder is what an interrupted format left."""

_CLUSTER_ID = "ZW1iYXJnby1idXRsZXItcg"
_CONTROLLER = f"127.0.0.1:{KAFKA_CONTROLLER_PORT}"
_PROPERTIES = f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{_CONTROLLER}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{KAFKA},CONTROLLER://{_CONTROLLER}
advertised.listeners=PLAINTEXT://{KAFKA}
log.dirs={_FOLDER / "data"}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
"""


def up(say: Say) -> None:
    """Have the broker running, and the forwarder reaching it."""
    packages.install(_PACKAGES, say)
    jars = _jars(say)
    if not _MADE.exists():
        supervisor.stop(BROKER)
        _make(jars)
    program = supervisor.Program(
        BROKER,
        (*_java(jars, "-Xms64m", "-Xmx256m"), "kafka.Kafka", _SETTINGS),
        directory=_FOLDER,
    )
    supervisor.ensure(program)
    forwarder = supervisor.Program(
        "kafka-forwarder", (sys.executable, "-m", "tests.rig.forwarder"), directory=PROJECT
    )
    supervisor.ensure(forwarder)
    wait_for("the forwarder reaches the Kafka broker", _forwards, timeout=60, log=program.log)
    say(f"{KAFKA}, fed by {FORWARDER_URL}")


def _forwards() -> bool:
    with urllib.request.urlopen(FORWARDER_URL, timeout=5) as answer:
        return bool(answer.status == 200)


def _make(jars: Path) -> None:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    _SETTINGS.write_text(_PROPERTIES)
    run(*_java(jars), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", _SETTINGS)
    _MADE.touch()


def _java(jars: Path, *options: str) -> tuple[str, ...]:
    log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    # One collector thread and one compiler: a small broker starts faster with them.
    quick = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return (packages.program("java"), *quick, *options, log, "-cp", f"{jars}/*")


def _jars(say: Say) -> Path:
    """Return the folder of the broker's jars, downloaded by Maven if need be.

    Raises:
        RigError: What came is not what the checksums say.
    """
    done = CACHE / "java" / binaries.source_hash(_SOURCES)
    if done.exists():
        return done
    say("downloading the broker")
    aside = done.with_suffix(".new")
    shutil.rmtree(aside, ignore_errors=True)
    log = CACHE / "log" / "maven.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    run(
        *(packages.program("mvn"), "--batch-mode", f"-Dmaven.repo.local={CACHE / 'maven'}"),
        *("-f", _SOURCES / "pom.xml", _DOWNLOAD),
        *(f"-DoutputDirectory={aside}", "-DincludeScope=runtime"),
        timeout=600,
        log=log,
    )
    lines = (_SOURCES / "checksums").read_text().splitlines()
    expected = {name: digest for digest, name in map(str.split, lines)}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in aside.iterdir()}
    if differing := sorted(name for name, _ in expected.items() ^ found.items()):
        raise RigError(
            f"jars of Kafka are not as {_SOURCES / 'checksums'} has them: {differing}",
            log=log,
            hint="were versions changed in pom.xml? then write the checksums anew",
        )
    aside.rename(done)
    return done
