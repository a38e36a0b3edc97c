"""What has pods, and waiting until these are new and ready."""

from __future__ import annotations

import time

from embargo_butler.adapters.programs import Programs, selecting
from embargo_butler.errors import HooksError
from embargo_butler.health.pods import Pod
from embargo_butler.model.rollouts import pods
from embargo_butler.release.upgrade import Say
from embargo_butler.waiting import until

WORKLOADS = ("StatefulSet", "Deployment")
_PATIENCE_SECONDS = 180
_LOOK_SECONDS = 2
# Not a crash: clients crash as long as Redis is being exchanged, and come back.
_HOPELESS = ("ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName")


def wait(programs: Programs, kind: str, name: str, say: Say) -> None:
    """Wait until a workload's pods are new and ready.

    Raises:
        HooksError: They do not become so.
    """
    for left in until(time.monotonic() + _PATIENCE_SECONDS, _LOOK_SECONDS):
        [live] = programs.objects(kind.lower(), name)
        found = pods(live)
        if found.settled:
            say(f"{kind} {name}: {found.ready} of {found.wanted} pods are ready")
            return
        selector = selecting(live["spec"]["selector"]["matchLabels"])
        states = {
            each.name: each.state for each in map(Pod.of, programs.objects("pods", "-l", selector))
        }
        hopeless = [f"{pod} is {state}" for pod, state in states.items() if state in _HOPELESS]
        if hopeless or left <= 0:
            told = hopeless or [f"{pod} {state}" for pod, state in states.items()]
            raise HooksError(
                f"{kind} {name}: {found.ready} of {found.wanted} new pods are ready: "
                + ("; ".join(told) or "there is no pod")
            )
