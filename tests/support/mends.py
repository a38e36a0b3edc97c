"""How what did not come at once gets into the Butler after a night in which something happened.

Each is as much as the README's table of promises allows a night, does no more, and returns in words
what was done, empty if nothing. What then still is missing is lost, and counted as such.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection

from tests.rig.command import wait_for
from tests.rig.errors import RigError
from tests.rig.listener import RECEIVED
from tests.support import connect, received, site_faults, verbs
from tests.support.count import Ledger
from tests.support.load import Load
from tests.support.namespace import FULLNAME, Namespace

_TURNS = 5
_WORK = 900.0
"""Seconds in which ingest works off whatever waits, on a machine that others use as well."""
_LATE = 60.0
"""Seconds after which what was not announced is not going to be."""
_AWAKE = 180.0
"""Seconds in which a gateway that was restarted pushes what its queues hold: the locks of the one
before it last for 90 s."""
_GRACE = 60.0
"""Seconds for which reconcile leaves an object alone: it may still be announced."""


def by_itself(ledger: Ledger, load: Load) -> str:
    """Wait; what ingest gave up, as it came out of turn, the CronJob `reconcile` tries again.

    Nothing may have been dropped: what is neither ingested nor given up was not announced, or lost.
    A visit that an ingest had yet to define when it ended comes by the operator's command.
    """
    done = [wake(ledger, load)]
    _work_off(ledger, load)
    if missing := ledger.missing(load):
        keys = [path.removeprefix(f"{ledger.release.bucket}/") for path in missing]
        notes = connect.queues(ledger.release).notes(keys)
        unheard = [key for key in keys if key not in notes or not notes[key].failure]
        assert not unheard, f"{len(unheard)} neither ingested nor given up: {unheard[:3]}"
        done.append(_reconcile(ledger, load))
    done.append(_define_visits(ledger))
    return ", ".join(filter(None, done))


def by_reconcile(ledger: Ledger, load: Load) -> str:
    """Wait; whatever is missing then, announced or not, the CronJob `reconcile` has to find."""
    _announced(ledger, load, _LATE)
    _work_off(ledger, load)
    done = [_reconcile(ledger, load), wake(ledger, load), _define_visits(ledger)]
    return ", ".join(filter(None, done))


def dropped(ledger: Ledger, load: Load) -> str:
    """The same for a night that drops announcements for certain."""
    done = by_reconcile(ledger, load)
    assert "by reconcile" in done, "announcements were to be dropped, and none was"
    return done


def everything(ledger: Ledger, load: Load) -> str:
    """Queue again what is missing by the operator's one command, and define visits by another.

    Every file that is missing has to be named. A guider's file that comes before its exposure is
    given up once more, hence the turns.
    """
    files, done = 0, [wake(ledger, load)]
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
    done.append(_define_visits(ledger))
    return ", ".join(filter(None, done))


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


def wake(ledger: Ledger, load: Load, but: Collection[str] = ()) -> str:
    """Wait for the last announcements, and restart the gateway if they do not come.

    A gateway of Ceph 16 on a busy machine may announce nothing more of a topic, ours or another
    team's (`docs/buckets.md`).

    Args:
        ledger: Counts the release's objects.
        load: What was put.
        but: Keys that nobody is to wait for.
    """
    if _announced(ledger, load, _LATE, but):
        return ""
    site_faults.kill_program("ceph-rgw")
    _announced(ledger, load, _AWAKE, but)
    return "the gateway restarted"


def _reconcile(ledger: Ledger, load: Load) -> str:
    """Do what the CronJob does every five minutes, as long as it finds something."""
    last = max(put.acknowledged for put in load.puts.values())
    namespace, files = Namespace(ledger.release.namespace), 0
    for _ in range(_TURNS):
        if not ledger.missing(load):
            break
        wait_for("the last file is old enough", lambda: time.time() - last > _GRACE, _GRACE + 10)
        assert namespace.run_now(f"{FULLNAME}-reconcile", "reconcile-now")
        told = namespace.get("configmap", f"{FULLNAME}-reconcile")["data"]["last.json"]
        files += (queued := int(json.loads(told)["queued"]))
        if not queued:
            break
        _work_off(ledger, load)
    return f"{files} files by reconcile" if files else ""


def _define_visits(ledger: Ledger) -> str:
    defined = verbs.define_visits(ledger.release)
    return f"{len(defined)} visits defined" if defined else ""


def _work_off(ledger: Ledger, load: Load) -> None:
    queues = connect.queues(ledger.release)
    load.rest("all is worked off", lambda: not queues.lists(), _WORK)


def _announced(ledger: Ledger, load: Load, timeout: float, but: Collection[str] = ()) -> bool:
    """Wait for the last announcements, ours and Prompt Processing's; tell whether all came.

    What is in the Butler without one, and what was PUT while ours was withdrawn, has none to come.
    """
    queues, bucket = connect.queues(ledger.release), ledger.release.bucket

    def all_came() -> bool:
        if load.puts.keys() - received.keys(RECEIVED, bucket=bucket).keys():
            return False
        ours = load.puts.keys() - queues.notes(list(load.puts)).keys() - set(but)
        return not ours or not {f"{bucket}/{key}" for key in ours} & ledger.missing(load)

    try:
        load.rest("everything is announced", all_came, timeout)
    except RigError:
        return False
    return True
