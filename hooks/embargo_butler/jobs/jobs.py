"""The two jobs: gather everything, plan; what was planned can then be applied."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
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
from embargo_butler.buckets.inventory import (
    Inventory,
    Ledger,
    by_declaration,
)
from embargo_butler.buckets.safety import refuse_most
from embargo_butler.config.buckets import (
    Unconfirmed,
)
from embargo_butler.config.config import (
    Config,
    with_secret,
)
from embargo_butler.connections import Connections
from embargo_butler.engine.job import Job
from embargo_butler.engine.report import Report
from embargo_butler.errors import (
    ConfigError,
    Gathering,
    HooksError,
    KubernetesError,
    Outage,
    Problems,
    VaultError,
)
from embargo_butler.jobs import notification_secret, owner_keys
from embargo_butler.migration.importing import Live
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.plan import (
    INVENTORY,
    AdmitPassword,
    ApplySecret,
    Plan,
    plan_secrets,
)
from embargo_butler.model.ports import (
    Cluster,
)
from embargo_butler.model.resources import (
    KeyState,
    KubernetesSecret,
    ObservedBucket,
)
from embargo_butler.secret import Secret
from embargo_butler.secrets import predecessor, redis_password
from embargo_butler.secrets import removal as secret_removal
from embargo_butler.secrets import restarts as settling
from embargo_butler.secrets import sync as secret_sync
from embargo_butler.secrets.comparison import compare


def secrets(config: Config, world: Connections, report: Report, rehearse: bool = False) -> Job:
    """Plan the Secrets.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        rehearse: Whether the cluster is asked beforehand if it would take every change.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    gathering = Gathering()
    cluster = world.cluster()
    paths = secret_sync.paths(config)
    documents = secret_sync.logged_in(world.vault, paths, report, gathering)
    live = secret_sync.observe(config, cluster, report, gathering)
    # Without a login nothing is known of any path, and whose the Secrets are is still looked at.
    wanted = secret_sync.desired(config, documents or dict.fromkeys(paths), gathering)
    with gathering.catching():
        buckets.refuse_unfit(config, wanted)
    written = list(notification_secret.held_back(config, wanted, live))
    written = redis_password.carried(config.redis_password, written, live)
    plan = Plan()
    with gathering.catching():
        plan = plan_secrets(written, live, config.take_over_secrets)
        plan = redis_password.overlapping(config.redis_password, plan, live)
    if config.keeps and gathering.away:
        lacking = secret_sync.missing(config, live)
        if not lacking:
            raise Outage(gathering.found)
        gathering.found.append(
            VaultError(
                "hooks.secrets.onOutage is keep, but these are not there yet: "
                + ", ".join(lacking),
                "unreachable",
            )
        )
    gathering.check()
    for change in plan.changes if rehearse else ():
        with gathering.catching():
            match change.instruction:
                case ApplySecret(secret=secret):
                    cluster.apply_secret(secret, rehearse=True)
                case AdmitPassword(by=by):
                    report.step("asking Redis whom it lets in")
                    world.passwords().admitted(by)
    gathering.check()
    shown = redis_password.carried(config.redis_password, wanted, live)
    states = tuple(compare(config, shown, live, os.urandom(16)))
    others = predecessor.refused(config, predecessor.compared(config, cluster, wanted))
    held = [each for each in states if each.state == "changed" and _is(config, each)]
    later = tuple(
        f"Secret {each.secret}, key {each.key}: changes with enqueue and its topics, in one go, "
        "by the buckets job"
        for each in held
    )
    return Job(replace(plan, warnings=(*plan.warnings, *others, *later)), cluster, keys=states)


def _is(config: Config, state: KeyState) -> bool:
    at = config.notification_secret
    return at is not None and (state.secret, state.key) == (at.secret, at.key)


def predecessors_secrets(
    config: Config, world: Connections, report: Report
) -> tuple[KeyState, ...]:
    """Compare what the predecessor's pods are told of Secrets with what Vault has.

    Raises:
        HooksError: Something cannot be read.
    """
    gathering = Gathering()
    documents = secret_sync.logged_in(world.vault, secret_sync.paths(config), report, gathering)
    gathering.check()
    wanted = secret_sync.desired(config, documents or {}, gathering)
    gathering.check()
    return predecessor.compared(config, world.cluster(), wanted)


def settle(config: Config, world: Connections, report: Report, until: float, patient: bool) -> Job:
    """Plan the restart of what holds an older secret.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        until: The monotonic time until which rollouts that are under way are waited for.
        patient: Whether they are waited for, and Redis is asked; else it is said as well what
            comes after the restarts.

    Raises:
        Problems: It cannot be looked at; nothing was written.
    """
    gathering = Gathering()
    cluster = world.cluster()
    live = secret_sync.observe(config, cluster, report, gathering)
    gathering.check()
    if not patient:
        held = settling.look(config, cluster, live)
        plan = settling.restarts(config, cluster, held) + settling.leftover(config, held)
        return Job(plan + secret_removal.plan_removal(config, cluster, report), cluster)
    held = settling.calm(config, cluster, live, report, until)
    plan = settling.restarts(config, cluster, held)
    if plan.changes:
        settling.check_redis(config, live, world.passwords)
    return Job(plan, cluster)


def rest(config: Config, world: Connections, report: Report, until: float) -> Job:
    """Plan what comes after the restarts: what is old goes.

    Raises:
        Problems: It cannot be looked at.
    """
    cluster = world.cluster()
    return Job(settling.finish(config, cluster, world.passwords, report, until), cluster)


def object_store(
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
                raise ConfigError(f"no topic {name!r} is declared and confirmed; there: {there}")
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
    put_off = renewing if not config.restart.automatic else None
    renewing = renewing if config.restart.automatic else None
    if config.keeps and gathering.away and not beside:
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


def live_buckets(config: Config, world: Connections, report: Report) -> Live:
    """Read what `buckets import` writes down; what the cluster does not tell is a warning.

    Raises:
        Problems: Something in Vault or the object store could not be read.
    """
    declared = config.required_buckets
    gathering, cluster = Gathering(), world.cluster()
    # Of each bucket, be nothing of it confirmed yet.
    asked = {name: replace(each, manages_policy=True) for name, each in declared.buckets.items()}
    whole = replace(declared, topics={}, buckets=asked)
    gateways = owner_keys.enter_all(config, whole, Inventory(), world, report, gathering)
    found, topics = {}, {}
    for name, bucket in declared.buckets.items():
        report.step(f"reading bucket {name}")
        with gathering.catching():
            store = gateways.get(bucket.owner)
            if store is None:
                continue
            there = ObservedBucket(store.notifications(name), tuple(store.policy(name)))
            found[name] = there
            for notification in there.notifications:
                if notification.name not in bucket.foreign:
                    topic = store.topic(notification.topic)
                    topics.update({topic.name: topic} if topic else {})
    gathering.check()
    secrets, inventory, address = dict[str, Mapping[str, Secret]](), Inventory(), ""
    try:
        inventory = ledger_of(config, cluster, report).of(declared.endpoint)
        if config.enqueue:
            address = cluster.service(config.enqueue.service).address or ""
        for name in (*config.secrets, *sorted(config.existing)):
            if held := cluster.secret(config.secret_name(name)):
                secrets[name] = held.data
    except KubernetesError as error:
        report.warn(
            f"not all of the cluster can be seen, so some is as the gateway has it: {error}"
        )
    return Live(found, topics, secrets, address, inventory)
