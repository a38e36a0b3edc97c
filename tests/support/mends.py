"""What an operator does after a night in which something broke, each one command.

Each returns what had to be done in words, empty if all came by itself.
"""

from __future__ import annotations

from tests.rig.errors import RigError
from tests.rig.listener import RECEIVED
from tests.support import connect, received, site_faults, verbs
from tests.support.count import Ledger
from tests.support.load import Load

_TURNS = 5
_WORK = 900.0
"""Seconds in which ingest works off whatever waits, on a machine that others use as well."""
_LATE = 60.0
"""Seconds after which what was not announced is not going to be."""
_AWAKE = 180.0
"""Seconds in which a gateway that was restarted pushes what its queues hold: the locks of the one
before it last for 90 s."""


def everything(ledger: Ledger, load: Load) -> str:
    """Queue again what is missing, until nothing is, then define the visits that are.

    Every file that is missing has to be named. A guider's file that comes before its exposure is
    given up once more, hence the turns. A gateway of Ceph 16 on a busy machine may announce nothing
    more of a topic, ours or another team's (`docs/buckets.md`); then it is restarted.
    """
    files, done = 0, []
    if not _announced(ledger, load, _LATE):
        site_faults.kill_program("ceph-rgw")
        _announced(ledger, load, _AWAKE)
        done.append("the gateway restarted")
    for _ in range(_TURNS):
        _work_off(ledger, load)
        missing = ledger.missing(load)
        if not missing:
            break
        named = verbs.backfill(ledger.release)
        assert missing <= set(named), "every missing file is named"
        files += len(named)
    if files:
        done.append(f"{files} files queued again")
    if visits := verbs.define_visits(ledger.release):
        done.append(f"{len(visits)} visits defined")
    return ", ".join(done)


def forgotten(ledger: Ledger, load: Load) -> str:
    """Queue again all that Redis does not know of, what the Butler has included.

    So presence, whose answers were in Redis alone, knows the last day's images again. What ingest
    held just then it has noted since, so that a backfill leaves it out: `trace` names the command.
    """
    _work_off(ledger, load)
    files = len(verbs.backfill(ledger.release))
    done = [f"{files} files queued again"] if files else []
    done.append(everything(ledger, load))
    if unknown := ledger.invisible(load):
        verbs.trigger(ledger.release, unknown)
        _work_off(ledger, load)
        done.append(f"{len(unknown)} files triggered for presence")
    return ", ".join(filter(None, done))


def _work_off(ledger: Ledger, load: Load) -> None:
    queues = connect.queues(ledger.release)
    load.rest("all is worked off", lambda: not queues.lists(), _WORK)


def _announced(ledger: Ledger, load: Load, timeout: float) -> bool:
    """Wait for the last announcements, ours and Prompt Processing's; tell whether all came.

    What is in the Butler without one, and what was PUT while ours was withdrawn, has none to come.
    """
    queues, bucket = connect.queues(ledger.release), ledger.release.bucket

    def all_came() -> bool:
        if load.puts.keys() - received.keys(RECEIVED, bucket=bucket).keys():
            return False
        ours = load.puts.keys() - queues.notes(list(load.puts)).keys()
        return not ours or not {f"{bucket}/{key}" for key in ours} & ledger.missing(load)

    try:
        load.rest("everything is announced", all_came, timeout)
    except RigError:
        return False
    return True
