"""Free a release that a killed Helm left pending.

Helm marks its newest revision `pending-*` while it works, and refuses to begin anything while that
stands. It marks it `failed` when it is told to end, but nothing when it is killed. What is pending
is the record alone (the Secret `sh.helm.release.v1.<release>.v<revision>`), so that is all that is
removed: the revision before it is the newest again, and no workload is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from embargo_butler.adapters.programs import Programs
from embargo_butler.adapters.revisions import PENDING, Revision, last_deployed, revisions
from embargo_butler.errors import HooksError
from embargo_butler.release import targets
from embargo_butler.waiting import until

_JOB_SECONDS = 600
"""Longer than any hook job's own deadline."""


@dataclass(frozen=True)
class Lock:
    """A pending revision.

    Attributes:
        release: The release.
        revision: The pending revision.
        deployed: The revision that Helm holds for live, None for none.
    """

    release: str
    revision: Revision
    deployed: Revision | None

    def found(self) -> str:
        """Say what was found."""
        what = {
            "pending-install": "an installation",
            "pending-upgrade": "an upgrade",
            "pending-rollback": "a rollback",
        }[self.revision.status]
        return (
            f"revision {self.revision.number} is {self.revision.status} since "
            f"{self.revision.updated}: {what} that was killed, if no Helm works on it any more "
            "(on any machine). The cluster may have a part of what that revision holds."
        )

    def next_steps(self) -> str:
        """Say what to do when it is gone."""
        release = self.release
        diff, apply = (f"`{targets.make(release, verb)}`" for verb in ("diff", "apply"))
        apply = f"{diff}, then {apply}"
        if self.deployed is None:
            return f"no revision is deployed. Next: {apply}, which takes up what is there already"
        number = self.deployed.number
        return (
            f"revision {number} counts as deployed again. Next: {apply} to go on, or "
            f"`{targets.make(release, 'rollback', '--revision', str(number))}` to go back"
        )


def pending(programs: Programs) -> Lock | None:
    """Return what holds a release, None where nothing does.

    Raises:
        ProgramError: Helm failed.
    """
    history = revisions(programs)
    if not history or history[-1].status not in PENDING:
        return None
    return Lock(programs.release, history[-1], last_deployed(history))


def unlock(programs: Programs, lock: Lock, say: Callable[[str], None]) -> None:
    """Wait for what the killed Helm has begun, then remove the record.

    Raises:
        HooksError: A hook's Job does not end.
        ProgramError: The record could not be removed.
    """
    for left in until(time.monotonic() + _JOB_SECONDS, 2):
        if not (running := _running_jobs(programs)):
            break
        if left <= 0:
            raise HooksError(f"Job {', '.join(running)} still runs after {_JOB_SECONDS} s")
        say(f"waiting for the end of Job {', '.join(running)}, which that Helm has begun")
    # By its status as well, so that a revision that is no longer pending stays.
    labels = f"owner=helm,name={lock.release},version={lock.revision.number}"
    programs.kubectl("delete", "secret", "-l", f"{labels},status={lock.revision.status}")


def _running_jobs(programs: Programs) -> list[str]:
    jobs = programs.objects("jobs", "-l", programs.selector())
    return [each["metadata"]["name"] for each in jobs if each["status"].get("active")]
