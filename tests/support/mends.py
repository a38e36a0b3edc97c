"""What an operator does after a night in which something broke, each one command.

Each returns what had to be done in words, empty if all came by itself.
"""

from __future__ import annotations

from tests.rig.errors import RigError
from tests.support import connect, verbs
from tests.support.count import Ledger
from tests.support.load import Load

_TURNS = 5
_WORK = 900.0
"""Seconds in which ingest works off whatever waits, on a machine that others use as well."""
_LATE = 60.0
"""Seconds after which what was not announced is not going to be."""


def everything(ledger: Ledger, load: Load) -> str:
    """Queue again what is missing, until nothing is, then define the visits that are.

    Every file that is missing has to be named. A guider's file that comes before its exposure is
    given up once more, hence the turns. A gateway of Ceph 16 whose endpoint was away may never
    announce anything of that topic again; then the topic is renewed.
    """
    queues, files, done = connect.queues(ledger.release), 0, []
    silent = _never_announced(ledger, load)
    for _ in range(_TURNS):
        load.rest("all is worked off", lambda: not queues.lists(), _WORK)
        missing = ledger.missing(load)
        if not missing:
            break
        named = verbs.backfill(ledger.release)
        assert missing <= set(named), "every missing file is named"
        files += len(named)
    if files:
        done.append(f"{files} files queued again")
    if silent:
        verbs.renew(ledger.release)
        done.append("the topic renewed")
    if visits := verbs.define_visits(ledger.release):
        done.append(f"{len(visits)} visits defined")
    return ", ".join(done)


def forgotten(ledger: Ledger, load: Load) -> str:
    """Queue again all that Redis does not know of, what the Butler has included.

    So presence, whose answers were in Redis alone, knows the last day's images again.
    """
    queues = connect.queues(ledger.release)
    load.rest("all is worked off", lambda: not queues.lists(), _WORK)
    files = len(verbs.backfill(ledger.release))
    more = everything(ledger, load)
    return f"{files} files queued again" + (f", {more}" if more else "")


def _never_announced(ledger: Ledger, load: Load) -> bool:
    """Wait for the last announcements; tell whether some do not come."""
    queues, keys = connect.queues(ledger.release), list(load.puts)
    try:
        load.rest("everything is announced", lambda: len(queues.notes(keys)) == len(keys), _LATE)
    except RigError:
        bucket, noted = ledger.release.bucket, queues.notes(keys)
        return bool({f"{bucket}/{key}" for key in keys if key not in noted} & ledger.missing(load))
    return False
