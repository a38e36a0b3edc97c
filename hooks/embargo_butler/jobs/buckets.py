"""The buckets job: topics, notifications and policies of the object store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime

from embargo_butler.buckets import observed as buckets
from embargo_butler.buckets import plan as bucket_plan
from embargo_butler.buckets import queues as full_queue
from embargo_butler.buckets.confirmation import (
    leaving,
    setting_aside,
    without_buckets,
    without_owners,
)
from embargo_butler.buckets.inventory import Ledger, by_declaration
from embargo_butler.buckets.safety import refuse_most
from embargo_butler.config.buckets import Unconfirmed
from embargo_butler.config.config import Config, with_secret
from embargo_butler.config.confirmation import remedy
from embargo_butler.connections import Connections
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import ConfigError, Gathering, HooksError, Outage, Problems, VaultError
from embargo_butler.jobs import notification_secret, owner_keys
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.plan import INVENTORY, Plan
from embargo_butler.model.ports import Cluster
from embargo_butler.model.resources import KubernetesSecret


def plan(
    config: Config,
    world: Connections,
    report: Report,
    until: float,
    renew: Collection[str] = (),
    now: datetime | None = None,
    night: Callable[[], full_queue.Night | None] = lambda: None,
) -> Job:
    """Plan the object store's topics, notifications and policies.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        until: The monotonic time until which the address of enqueue is waited for.
        renew: Topics that get a new generation though nothing about them changed.
        now: The UTC time, the clock's by default.
        night: Looks up the busiest of the last nights, for a warning that needs it.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    declared = config.required_buckets
    gathering = Gathering()
    for name in renew:
        with gathering.catching():
            if name not in declared.topics:
                there = ", ".join(declared.topics) or "none"
                aside = name in declared.unconfirmed.topics
                how = f"; `{remedy(config.environment)}` confirms it" if aside else ""
                raise ConfigError(
                    f"no topic {name!r} is declared and confirmed; there: {there}{how}"
                )
    cluster = world.cluster()
    ledger = ledger_of(config, cluster, report)
    inventory = ledger.of(declared.endpoint)
    live, renewing = _live_notification(config, cluster, gathering), None
    more = notification_secret.paths(config)
    store = owner_keys.enter(config, declared, inventory, world, report, gathering, more)
    gateways, whole = store.gateways, config
    misfortunes = [
        owner_keys.undone(lack, name, declared, inventory) for name, lack in store.lacking.items()
    ]
    declared = without_owners(declared, inventory, store.lacking)
    config = replace(config, buckets=declared)
    for name in renew:
        with gathering.catching():
            if name in whole.required_buckets.topics and name not in declared.topics:
                told = "; ".join(map(str, misfortunes))
                raise VaultError(f"topic {name} cannot be renewed: {told}", "path-absent")
    if store.documents:
        renewing = notification_secret.renewal(whole, store.documents, live, gathering)
    if renewing and (stuck := _stuck(whole, config, renewing)):
        misfortunes.append(stuck)
        renewing = None
    address, beside = "", list[HooksError]()
    if config.enqueue and buckets.needs_address(declared):
        report.step(f"waiting for the address of Service {config.enqueue.service}")
        with gathering.catching():
            # With a problem already found the run fails anyway: one look, no waiting.
            patience = time.monotonic() if gathering.found else until
            address, unready = buckets.address_of(config.enqueue, cluster, patience)
            beside.extend(unready)
    put_off = renewing if not config.hooks.restart.automatic else None
    renewing = renewing if config.hooks.restart.automatic else None
    if config.hooks.secrets.keeps and gathering.away and not beside:
        raise Outage(gathering.found)

    def filled() -> buckets.Attributes:
        overlay = {renewing.at.secret: renewing.wanted} if renewing else {}

        def secret_of(name: str) -> KubernetesSecret | None:
            return overlay.get(name) or cluster.secret(config.secret_name(name))

        return buckets.attributes(config, declared, secret_of, address, gathering)

    attributes = filled()
    observed = buckets.observe(declared, inventory, gateways, report, gathering, renew)
    _check(gathering, beside)
    # Where a bucket's name may be a typo, the real one is declared no longer and yet in use.
    doubtful = buckets.never_there(declared, inventory, observed)
    left = inventory.without_buckets(observed.gone)
    kept = leaving(declared, left) if doubtful else Unconfirmed()
    missing = buckets.missing_buckets(declared, inventory, observed, kept.names())
    declared = setting_aside(without_buckets(declared, inventory, observed.gone), kept)
    config, inventory = replace(config, buckets=declared), left
    misfortunes += missing.misfortunes
    if renewing and kept.notifications and (stuck := _stuck(whole, config, renewing)):
        # What stays announces with what enqueue would no longer know.
        misfortunes.append(stuck)
        renewing = None
        attributes = filled()
        _check(gathering, beside)
    misfortunes += buckets.missing_foreign(declared, observed)
    plan, now = Plan(), now or datetime.now(UTC)
    busiest = night() if any(map(full_queue.endless, observed.topics.values())) else None
    with gathering.catching():
        plan = bucket_plan.plan_buckets(
            declared, attributes, observed, ledger, config.inventory_name, now, renew, busiest
        )
    with gathering.catching():
        refuse_most(declared, by_declaration(inventory, declared))
    _check(gathering, beside)
    looked = notification_secret.dropped(config, attributes, observed, inventory, live, now)
    plan = replace(
        plan,
        warnings=(*missing.warnings, *plan.warnings),
        unconfirmed=tuple(whole.required_buckets.unconfirmed.lines()),
        misfortunes=tuple(misfortunes),
    )
    if put_off:
        plan = replace(plan, warnings=(*plan.warnings, put_off.put_off))
    if renewing or looked:
        first = notification_secret.enqueue_first(config, cluster, live, renewing)
        plan = first + replace(plan, lookups=(*plan.lookups, *looked))
    return Job(
        plan,
        cluster,
        gateways,
        problems=tuple(beside),
        undeclared=tuple(buckets.undeclared_statements(declared, observed)),
        topics=observed.in_use(),
        left=whole.required_buckets.ids - declared.ids,
    )


def _check(gathering: Gathering, beside: Collection[HooksError]) -> None:
    """Raise what stands against a plan, and with it what would have stood beside it."""
    if gathering.found:
        raise Problems([*gathering.found, *beside])


def ledger_of(config: Config, cluster: Cluster, report: Report) -> Ledger:
    """Return what we made, on all object stores."""
    report.step(f"reading ConfigMap {config.inventory_name}")
    where = f"ConfigMap {config.inventory_name} of namespace {config.namespace}"
    return Ledger((cluster.config_map(config.inventory_name) or {}).get(INVENTORY), where)


def _stuck(
    whole: Config, reduced: Config, renewing: notification_secret.Renewal
) -> Misfortune | None:
    """Tell that a secret cannot change while topics that carry it cannot."""
    at = renewing.at
    topics = set(with_secret(whole.required_buckets, at))
    topics -= set(with_secret(reduced.required_buckets, at))
    if not topics:
        return None
    return Misfortune(
        f"Secret {at.secret}",
        f"Vault has another value of its key {at.key}, which stays as it is: enqueue would drop "
        f"what topic {', '.join(sorted(topics))} announces, as that cannot be changed with it",
    )


def _live_notification(
    config: Config, cluster: Cluster, gathering: Gathering
) -> KubernetesSecret | None:
    if at := config.notification_secret:
        with gathering.catching():
            return cluster.secret(at.secret)
    return None
