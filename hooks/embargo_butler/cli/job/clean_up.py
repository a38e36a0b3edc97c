"""`clean-up`: what is left to do when a release is uninstalled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from embargo_butler.cli.job.running import FAILED, Run, Verb, ended, make
from embargo_butler.engine.job import Job
from embargo_butler.errors import Gathering, HooksError
from embargo_butler.jobs.clean_up import announcing, clean_up, danger, refuse_running, secrets


def _clean_up(run: Run) -> int:
    """Do both parts: what stands against the object store's keeps no Secret."""
    cluster = run.world.cluster()
    refuse_running(run.config, cluster, run.report)
    store, own = Gathering(), Gathering()
    mine: Job | None = None
    before: Sequence[str] | None = None
    with run.lease() as lease:
        with own.catching():
            mine = Job(secrets(run.config, cluster), cluster)
        # Where this fails and what follows does not, nothing is left.
        with suppress(HooksError):
            before = announcing(run.config, cluster, run.report)
        with store.catching():
            job = clean_up(run.config, run.world, run.report)
            store.found += [HooksError(str(each)) for each in job.plan.misfortunes]
            make(run, lease, job)
        with own.catching():
            if mine:
                make(run, lease, mine)
    left = danger(run.config, before, run.report) if store.found else None
    if not left:
        for each in store.found:
            run.report.warn(f"of topics, some may be left, which announce nothing: {each}")
        own.check()
        return ended(run, len(run.report.done))
    told = [left, *store.found, *own.found]
    for each in told:
        run.report.problem(each)
    try:
        sentence = "; ".join(map(str, told))
        cluster.warn(f"Job/{run.config.fullname}-clean-up", "LeftBehind", sentence)
    except HooksError as error:
        run.report.warn(f"no Event could be left: {error}")
    run.report.end("failed", f"{run.name}: {left}. Why it was left: {store.found[0]}")
    return FAILED


CLEAN_UP = Verb(
    "clean-up",
    _clean_up,
    "Take away our notifications, topics and Secrets; what is not ours alone stays.",
    hidden=False,
)
