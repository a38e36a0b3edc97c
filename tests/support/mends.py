"""What an operator does after a night in which something broke, each one command."""

from __future__ import annotations

from tests.support import connect, verbs
from tests.support.count import Ledger
from tests.support.load import Load

_TURNS = 5


def visits(ledger: Ledger, load: Load) -> int:
    """Once all is worked off: define the visits that ingest left out when it was killed."""
    queues = connect.queues(ledger.release)
    load.rest("all is announced and worked off", lambda: not queues.lists())
    return len(verbs.define_visits(ledger.release))


def everything(ledger: Ledger, load: Load) -> int:
    """Queue again what is missing, until nothing is, then define the visits.

    Every file that is missing has to be named. A guider's file that comes before its exposure is
    given up once more, hence the turns.
    """
    queues, done = connect.queues(ledger.release), 0
    for _ in range(_TURNS):
        load.rest("all is announced and worked off", lambda: not queues.lists())
        missing = ledger.missing(load)
        if not missing:
            break
        named = verbs.backfill(ledger.release)
        assert missing <= set(named), "every missing file is named"
        done += len(named)
    return done + visits(ledger, load)


def forgotten(ledger: Ledger, load: Load) -> int:
    """Queue again all that Redis does not know of, what the Butler has included.

    So presence, whose answers were in Redis alone, knows the last day's images again.
    """
    queues = connect.queues(ledger.release)
    load.rest("all is announced and worked off", lambda: not queues.lists())
    done = len(verbs.backfill(ledger.release))
    return done + everything(ledger, load)
