"""PostgreSQL for the Butler's registry: a database cluster of the site's own, below its folder."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path

from tests.rig import credentials, supervisor
from tests.rig.command import run, wait_for
from tests.rig.errors import RigError
from tests.rig.progress import Say
from tests.rig.site import NODE, POD_RANGE, POSTGRES_PORT, STATE

EMPTY = "butler_empty"
"""The database of a repository without images, of which every other one begins as a copy."""

_FOLDER = STATE / "postgres"
_DATA = _FOLDER / "data"
_SOCKETS = _FOLDER / "run"
_MADE = _FOLDER / "made"
"""Written last: without it the folder is what an interrupted `initdb` left."""

_SYSTEM_USER = "postgres"
_ACCESS = f"""\
local all all peer
host sameuser all {NODE}/32 scram-sha-256
host sameuser all {POD_RANGE} scram-sha-256
"""
"""Each user gets into the database of the same name."""

_SETTINGS = {
    "listen_addresses": NODE,
    "port": str(POSTGRES_PORT),
    "unix_socket_directories": str(_SOCKETS),
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "max_parallel_workers": "0",
    "log_min_messages": "warning",
    # A session whose client lost its connection unseen holds its locks until the server looks: by
    # default after two hours, in which ingest stands still. `docs/incidents.md` says so.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def up(say: Say) -> None:
    """Have the server running."""
    if not _MADE.exists():
        say("making the database cluster")
        supervisor.stop("postgres")
        _make()
    program = supervisor.Program(
        "postgres",
        (_program("postgres"), "-D", _DATA, *_options()),
        user=_SYSTEM_USER,
        directory=_FOLDER,
        stop_signal="INT",
    )
    if not supervisor.is_running("postgres"):
        _refuse_other_server()
    supervisor.ensure(program)
    ready = (_program("pg_isready"), "-q", "-h", NODE, "-p", str(POSTGRES_PORT))
    wait_for("PostgreSQL answers", lambda: run(*ready) == "", timeout=60, log=program.log)
    if (access := _DATA / "pg_hba.conf").read_text() != _ACCESS:
        access.write_text(_ACCESS)
        query("SELECT pg_reload_conf()")
    say(f"listening at {NODE}:{POSTGRES_PORT}")


def url(database: str) -> str:
    """Return a database without its password, which is looked up by this URL."""
    return f"postgresql://{NODE}:{POSTGRES_PORT}/{database}"


def query(sql: str, database: str = "postgres") -> str:
    """Run SQL as the server's administrator and return the rows, columns separated by |."""
    # Over standard input: a command line can be read by everybody.
    return run(*_as_admin("psql"), "-d", database, stdin=sql).strip()


def has(database: str) -> bool:
    """Tell whether there is a database."""
    return query(f"SELECT 1 FROM pg_database WHERE datname = '{database}'") != ""


def make(database: str, template: str = "template1") -> None:
    """Have a database whose user of the same name gets in with its password.

    Args:
        database: The database and its user.
        template: What it begins as a copy of; the user may do there what the template's user may.
    """
    if not _has_login(database):
        verb = "ALTER" if _has_user(database) else "CREATE"
        query(f"{verb} ROLE {database} LOGIN PASSWORD '{password(database)}'")
    if not has(database):
        query(f"CREATE DATABASE {database} OWNER {database} TEMPLATE {template}")
    if _has_user(template):
        query(f"GRANT {template} TO {database}")
    # Collections of calibrations are kept apart by an exclusion constraint that needs this.
    query("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS btree_gist", database)


def drop(database: str) -> None:
    """Drop a database with all that is in it, and its user."""
    query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    query(f"DROP ROLE IF EXISTS {database}")


def _make() -> None:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    for folder, mode in ((_DATA, 0o700), (_SOCKETS, 0o755)):
        folder.mkdir(mode)
        try:
            shutil.chown(folder, _SYSTEM_USER, _SYSTEM_USER)
        except LookupError as error:
            raise RigError(
                f"there is no system user {_SYSTEM_USER}",
                hint="Debian's package postgresql makes it; install it again",
            ) from error
    run(
        *("runuser", "-u", _SYSTEM_USER, "--", _program("initdb")),
        *("--pgdata", _DATA, "--encoding", "UTF8", "--locale", "C.UTF-8"),
        *("--auth-local", "peer", "--auth-host", "scram-sha-256"),
        timeout=120,
        cwd=_FOLDER,
    )
    (_DATA / "pg_hba.conf").write_text(_ACCESS)
    _MADE.touch()


def _options() -> list[str]:
    return [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]


def password(user: str) -> str:
    """Return the password of a database's user."""
    return credentials.load().password(f"postgres/{user}")


def _has_user(name: str) -> bool:
    return query(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'") != ""


def _has_login(user: str) -> bool:
    """Tell whether a user gets in with its password, over TCP as the pods do."""
    login = (_program("psql"), "-X", "-w", "-h", NODE, "-p", str(POSTGRES_PORT), "-U", user)
    try:
        run(*login, "-d", user, "-c", "SELECT 1", env={"PGPASSWORD": password(user)}, timeout=15)
    except RigError:
        return False
    return True


def _as_admin(name: str) -> tuple[str | Path, ...]:
    return (
        *("runuser", "-u", _SYSTEM_USER, "--", _program(name)),
        *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
        *("-h", _SOCKETS, "-p", str(POSTGRES_PORT)),
    )


def _refuse_other_server() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((NODE, POSTGRES_PORT))
        except OSError as error:
            raise RigError(
                f"{NODE}:{POSTGRES_PORT}, PostgreSQL's address, is not free: {error}",
                hint="another server may listen on every address: see `ss -ltnp`, stop it",
            ) from error


def _program(name: str) -> Path:
    """Return a program of the newest PostgreSQL of Debian's packages."""
    # By version and not by PATH, which may lead to wrappers or to another build.
    found = {
        int(version[1]): path
        for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
        if (version := re.search(r"/(\d+)/bin/", str(path)))
    }
    if not found:
        raise RigError(f"{name}: not below /usr/lib/postgresql", hint="apt-get install postgresql")
    return found[max(found)]
