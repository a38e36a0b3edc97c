"""Put the chart over the manifests that it takes the place of, while everything goes on.

1. What is there is written down in the cluster.
2. The workloads are held: their pods run on, whatever becomes of the declarations.
3. Helm makes everything declared the release's, and the jobs do their work.
4. Workload by workload, the old pods go for new ones, each watched.

A failure at any of these puts everything back. That is why Helm must not undo a failed installation
by itself (`--atomic`): it would uninstall the site.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from embargo_butler.adapters.programs import Programs
from embargo_butler.adapters.revisions import revisions
from embargo_butler.errors import HooksError
from embargo_butler.migration import exchange, same_secrets
from embargo_butler.migration.predecessor import NAME, Predecessor, addresses, nothing_there
from embargo_butler.release import targets
from embargo_butler.release.difference import Manifest
from embargo_butler.release.upgrade import Say


def check(
    programs: Programs, manifests: list[Manifest], config: Mapping[str, Any] | None
) -> Predecessor:
    """Return what is to be taken over.

    Raises:
        HooksError: There is nothing, an earlier take-over did not end, or a secret's value differs.
    """
    release = programs.release
    if Predecessor.stored(programs):
        raise HooksError(
            f"an earlier take-over of {release} has not ended, or can still be undone (Secret "
            f"{NAME}): `{targets.make(release, 'take-over', '--back')}` puts back what was there "
            "before it"
        )
    if revisions(programs):
        raise HooksError(
            f"{release} is a release of Helm already: `{targets.make(release, 'apply')}` (with "
            "TAKE_OVER=1 where others have changed something since)"
        )
    found = Predecessor.observe(programs, manifests)
    if not found.workloads():
        raise nothing_there(programs)
    if config:
        values = same_secrets.declared(config)
        before = same_secrets.live(programs)
        new = exchange.in_order(manifests)
        others = list(same_secrets.different(found.workloads(), new, before, values))
        if others:
            raise HooksError(
                "; ".join(others) + ". Events that wait carry the old notification secret and "
                "would be dropped, and clients of one password meet a Redis of another: put the "
                "running values into Vault, take over, and rotate them afterwards"
            )
    return found


def take_over(
    programs: Programs,
    found: Predecessor,
    manifests: list[Manifest],
    work: Callable[[], None],
    say: Say,
) -> None:
    """Take over; put everything back if it fails.

    Args:
        programs: helm and kubectl.
        found: What is taken over.
        manifests: What the chart declares, without hooks.
        work: Lets Helm do its part.
        say: Is told each step.

    Raises:
        HooksError: It failed; what was put back is said.
    """
    found.store(programs)
    try:
        exchange.hold(programs, found.workloads())
        say("held: the pods that run stay until each workload's turn")
        work()
        names = {(each["kind"], each["metadata"]["name"]) for each in found.objects}
        taken = [each for each in manifests if (each["kind"], each["metadata"]["name"]) in names]
        workloads = exchange.in_order(taken)
        for each in [*(each for each in taken if each not in workloads), *workloads]:
            exchange.exchange(programs, each, say)
        _check_addresses(programs, found)
    except BaseException as error:
        told = isinstance(error, (HooksError, KeyboardInterrupt))
        why = str(error) or type(error).__name__
        say(f"failed, so everything is put back: {why}")
        found.put_back(programs, manifests, say)
        if not told:
            raise
        raise HooksError(f"{why}. Everything was put back as it was before") from None


def back(programs: Programs, manifests: list[Manifest], say: Say) -> None:
    """Put back what an earlier take-over has found.

    Raises:
        HooksError: There is nothing to put back, or the release has gone on since.
    """
    stored = Predecessor.stored(programs)
    release = programs.release
    if stored is None:
        raise HooksError(f"no take-over of {release} is written down (Secret {NAME}): nothing done")
    if len(revisions(programs)) > 1:
        raise HooksError(
            f"{release} was upgraded since it was taken over: "
            f"`{targets.make(release, 'rollback')}` goes back inside the release; delete Secret "
            f"{NAME} if the old manifests are of no use"
        )
    stored.put_back(programs, manifests, say)


def _check_addresses(programs: Programs, found: Predecessor) -> None:
    for name, before in found.addresses.items():
        now = addresses(programs.objects("service", name))[name]
        if now != before:
            raise HooksError(f"Service {name}: its address was {before}, and has become {now}")
