"""The one Lease that the jobs and everybody's command line share: no two of them write at once."""

from __future__ import annotations

import getpass
import secrets
import socket
import threading
import time

from embargo_butler.engine.report import Report
from embargo_butler.errors import HooksError, KubernetesError
from embargo_butler.model.ports import Cluster, LeaseState

SECONDS = 20
"""How long a Lease that is not renewed is respected."""
_RENEW_SECONDS = 5
_LOOK_SECONDS = 0.5


class Lease:
    """Held, and renewed in the background, while its block runs.

    As in Kubernetes' own leader election, it has run out when it was seen not to change for as long
    as it says, so that no two clocks are compared.
    """

    def __init__(
        self, cluster: Cluster, name: str, command: str, until: float, report: Report
    ) -> None:
        """Take nothing yet.

        Args:
            cluster: Where the Lease is.
            name: Its name.
            command: What it is held for, told to those who wait.
            until: The monotonic time until which another holder is waited for.
            report: Is told who is waited for.
        """
        self._cluster = cluster
        self._name = name
        self._holder = f"{command} of {_user()}{socket.gethostname()} ({secrets.token_hex(3)})"
        self._until = until
        self._report = report
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._state: LeaseState | None = None
        self._renewed = 0.0

    def __enter__(self) -> Lease:
        """Take the Lease, once it is free.

        Raises:
            KubernetesError: It is still held by somebody else.
        """
        self._state = self._taken()
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back; where that fails it runs out."""
        self._ended.set()
        self._renewing.join()
        try:
            if self._held():
                self._cluster.write_lease(self._name, self._state, "", SECONDS)
        except HooksError as error:
            self._report.warn(f"the Lease runs out in {SECONDS} s: {error}")

    def await_free(self) -> bool:
        """Wait for a holder without taking it then; tell whether there was one who let go of it.

        Raises:
            KubernetesError: It is still held by somebody else.
        """
        before = self._cluster.lease(self._name)
        return bool(before and before.holder and self._free() != before)

    def check(self) -> None:
        """Make sure that nobody else took it, before something is changed.

        Raises:
            KubernetesError: It was lost.
        """
        if not self._held():
            raise KubernetesError(
                f"Lease {self._name}: lost, as it could not be renewed for {SECONDS} s; "
                "another run may be changing things now. Run again"
            )

    def _held(self) -> bool:
        return self._state is not None and time.monotonic() - self._renewed < SECONDS

    def _taken(self) -> LeaseState:
        while True:
            free = self._free()
            self._renewed = time.monotonic()
            taken = self._cluster.write_lease(self._name, free, self._holder, SECONDS)
            if taken:
                return taken

    def _free(self) -> LeaseState | None:
        seen, since = None, 0.0
        while True:
            state, now = self._cluster.lease(self._name), time.monotonic()
            if state is None or state != seen:
                if state and state.holder and (seen is None or seen.holder != state.holder):
                    self._report.step(f"waiting for Lease {self._name}, held by {state.holder}")
                seen, since = state, now
            if state is None or not state.holder or now - since >= state.seconds:
                return state
            if now >= self._until:
                raise KubernetesError(
                    f"Lease {self._name}: held by {state.holder}, who still renews it; run again "
                    "when that run has ended"
                )
            time.sleep(_LOOK_SECONDS)

    def _renew(self) -> None:
        while not self._ended.wait(_RENEW_SECONDS):
            now = time.monotonic()
            try:
                written = self._cluster.write_lease(self._name, self._state, self._holder, SECONDS)
                if written is None:
                    # Somebody else's by now, unless the answer to a renewal never arrived.
                    found = self._cluster.lease(self._name)
                    written = found if found and found.holder == self._holder else None
            except HooksError:
                continue  # Tried again until it has run out.
            self._state = written
            if written is None:
                return
            self._renewed = now


def _user() -> str:
    """Return who runs this, ready to be followed by the host; nothing in a pod."""
    try:
        return f"{getpass.getuser()}@"
    except (KeyError, OSError):
        return ""
