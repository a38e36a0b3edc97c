"""The object store: what it should have, and what it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from embargo_butler.buckets import policy
from embargo_butler.buckets.inventory import Inventory, generations
from embargo_butler.config.buckets import BucketConfig, TopicSpec
from embargo_butler.config.config import Config, EnqueueConfig
from embargo_butler.config.templates import TemplateError, references, render
from embargo_butler.engine.report import Report
from embargo_butler.errors import ConfigError, Gathering, KubernetesError, NoBucketError
from embargo_butler.misfortune import Misfortune
from embargo_butler.model import urls
from embargo_butler.model.plan import Plan
from embargo_butler.model.ports import READERS, Cluster, Gateway
from embargo_butler.model.resources import KubernetesSecret, ObservedBucket, Topic
from embargo_butler.model.xml_text import unfit
from embargo_butler.secret import Secret
from embargo_butler.waiting import until

_POLL_SECONDS = 0.5

Attributes = Mapping[str, Mapping[str, Secret]]


@dataclass(frozen=True)
class Observed:
    """What the object store has, as far as it matters here.

    Attributes:
        topics: By real name: declared, in the inventory, or a generation of one that is declared.
        uses: Every topic that is listed, with the notifications that are known to use it.
        buckets: By name: declared, or in the inventory.
        gone: Those of them that are not there, as their owners are told, with the owners.
        unseen: Owners of notifications of ours whose buckets could not be looked into.
    """

    topics: Mapping[str, Topic]
    uses: Mapping[str, int]
    buckets: Mapping[str, ObservedBucket]
    gone: Mapping[str, str] = field(default_factory=dict)
    unseen: frozenset[str] = frozenset()

    @property
    def follows(self) -> bool:
        """Whether the gateway is one of Ceph 20, whose listing does not tell of uses."""
        return all(topic.follows for topic in self.topics.values())

    def in_use(self) -> tuple[Topic, ...]:
        """Return the topics that one of the buckets announces to."""
        used = {live.topic for there in self.buckets.values() for live in there.notifications}
        return tuple(topic for name, topic in self.topics.items() if name in used)


def attributes(
    config: Config,
    buckets: BucketConfig,
    secret_of: Callable[[str], KubernetesSecret | None],
    address: str,
    gathering: Gathering,
) -> Attributes:
    """Fill in the topics' attributes from the Secrets and the address."""
    asked = {path for template in _templates(buckets) for path in references(template)}
    live: dict[str, dict[str, str]] = {}
    for name in sorted({path[1] for path in asked if path[0] == "secrets"}):
        with gathering.catching():
            secret = secret_of(name)
            if secret is None:
                raise KubernetesError(
                    f"Secret {name} of namespace {config.namespace}: is not there, but a topic "
                    "needs it; run `embargo-butler job secrets` first"
                )
            # Others beside them may be no text.
            keys = {path[2] for path in asked if path[:2] == ("secrets", name)}
            live[name] = {
                key: _text(config, name, key, secret.data[key])
                for key in sorted(keys & secret.data.keys())
            }
    context = {"enqueue": {"address": address}, "secrets": live}
    filled: dict[str, dict[str, Secret]] = {}
    for topic in buckets.topics.values():
        filled[topic.name] = {}
        for attribute, template in topic.attributes.items():
            needs = {path[1] for path in references(template) if path[0] == "secrets"}
            if needs - live.keys():
                continue  # Noted above.
            with gathering.catching():
                try:
                    value = _fit(topic, attribute, context)
                    filled[topic.name][attribute] = Secret(value)
                    # Without an address, which was noted before, it is none yet.
                    if attribute == "push-endpoint" and (address or not _addressed(template)):
                        _check_endpoint(value)
                except TemplateError as error:
                    raise ConfigError(f"{topic.key}.attributes.{attribute}: {error}") from None
    return filled


def refuse_unfit(config: Config, secrets: Collection[KubernetesSecret]) -> None:
    """Refuse Secrets that no gateway may be given: by the notifications, or by a topic's attribute.

    Raises:
        Problems: There are such; keys that a topic asks for and nobody has are not among them.
    """
    gathering = Gathering()
    texts = {each.name: dict(_texts(each)) for each in secrets}
    context = {"enqueue": {"address": ""}, "secrets": texts}
    for topic in config.buckets.topics.values() if config.buckets else ():
        for attribute in topic.attributes:
            with gathering.catching(), suppress(TemplateError):
                _fit(topic, attribute, context)
    # Where somebody keeps the buckets by hand, no topic is known here.
    at = config.pipeline.enqueue.secret if config.pipeline else None
    why = unfit(texts.get(at.secret, {}).get(at.key, "")) if at else ""
    with gathering.catching():
        if at and why and not gathering.found:
            raise ConfigError(f"Secret {at.secret}, key {at.key}, which notifications carry: {why}")
    gathering.check()


def _texts(secret: KubernetesSecret) -> Iterator[tuple[str, str]]:
    for key, value in secret.data.items():
        with suppress(ValueError):
            yield key, value.text()


def _fit(topic: TopicSpec, attribute: str, context: Mapping[str, Any]) -> str:
    """Fill in an attribute.

    Raises:
        TemplateError: It cannot be.
        ConfigError: The gateway could not show it again.
    """
    template = topic.attributes[attribute]
    value = render(template, context)
    if why := unfit(value):
        for kind, *path in sorted(references(template)):
            held = context["secrets"].get(path[0], {}).get(path[1], "") if kind == "secrets" else ""
            if of_secret := unfit(held):
                why = f"Secret {path[0]}, key {path[1]}: {of_secret}"
        raise ConfigError(f"{topic.key}.attributes.{attribute}: {why}")
    return value


def _text(config: Config, secret: str, key: str, value: Secret) -> str:
    try:
        return value.text()
    except ValueError:
        raise KubernetesError(
            f"Secret {secret} of namespace {config.namespace}: its key {key} is no UTF-8 text, but "
            "a topic's attribute needs it; correct it where it comes from"
        ) from None


def _check_endpoint(value: str) -> None:
    if not urls.is_sound(value):
        raise TemplateError(
            "filled in, it is no URL of the form SCHEME://USER:PASSWORD@HOST:PORT/PATH; put "
            "`| urlencode` behind the secrets in it, or for Kafka put them under `user-name` and "
            "`password`"
        )


def needs_address(config: BucketConfig) -> bool:
    """Whether a topic uses the address of enqueue."""
    return any(map(_addressed, _templates(config)))


def _addressed(template: str) -> bool:
    return ("enqueue", "address") in references(template)


def address_of(
    enqueue: EnqueueConfig,
    cluster: Cluster,
    patience: float,
) -> tuple[str, tuple[KubernetesError, ...]]:
    """Return the load balancer's address of enqueue once something is ready behind it.

    At last an address is returned even so, with what stands against it: a plan can be made with it
    and shown, but nothing is to be written.

    Args:
        enqueue: The Service.
        cluster: Where it is.
        patience: The monotonic time at which it is given up; a time in the past looks once.

    Raises:
        KubernetesError: There is no address, or another one than declared.
    """
    for _ in until(patience, _POLL_SECONDS):
        state = cluster.service(enqueue.service)
        declared = enqueue.address in (None, state.address)
        if state.address and declared and state.ready:
            return state.address, ()
    if state.address and not declared:
        raise KubernetesError(
            f"Service {enqueue.service}: has the load-balancer address {state.address}, but "
            f"enqueue.address says {enqueue.address}; correct one of both"
        )
    lacks = [] if state.address else ["a load-balancer address"]
    lacks += [] if state.ready else ["a ready endpoint"]
    has = f" (its address is {state.address})" if state.address else ""
    problem = KubernetesError(
        f"Service {enqueue.service}: still without {' and without '.join(lacks)}{has}; "
        "look at the address pool, or at the enqueue pod"
    )
    if not state.address:
        raise problem
    return state.address, (problem,)


def observe(
    config: BucketConfig,
    inventory: Inventory,
    gateways: Mapping[str, Gateway],
    report: Report,
    gathering: Gathering,
    renew: Collection[str] = (),
) -> Observed:
    """Read what the plan needs: a listing per owner, each topic once, each bucket twice.

    Where a topic of Ceph 20 is to go, the owners' other buckets are read for its users too.
    What belongs to an owner without a gateway is left out: why there is none was noted before.
    A gateway answers many requests at once in hardly more time than one.
    What is current of the topics to `renew` goes, so its users are looked for as well.
    """
    ours = inventory.without(config.unconfirmed)
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="observe")
    try:
        listings = {owner: pool.submit(store.topics) for owner, store in gateways.items()}
        whose = _buckets(config, ours)
        reading = {
            bucket: (pool.submit(store.notifications, bucket), pool.submit(store.policy, bucket))
            for bucket, owner in whose.items()
            if (store := gateways.get(owner))
        }
        uses: dict[str, int] = {}
        for owner, listing in listings.items():
            report.step(f"listing the topics of {owner}")
            with gathering.catching():
                # Owners of two tenants may have topics of one name.
                for name, count in listing.result().items():
                    uses[name] = max(count, uses.get(name, 0))
        # From Ceph 20 on other users' topics are not listed, and refuse to be read.
        fresh = config.topics.keys() - ours.topics.keys()
        names = _topics(config, ours)
        for name in fresh:
            names |= dict.fromkeys(generations(name, uses), names[name])
        asked = {
            name: pool.submit(gateways[owner].topic, name)
            for name, owner in names.items()
            if (name in uses or name in fresh) and owner in gateways
        }
        topics = {}
        for name, answer in asked.items():
            report.step(f"reading topic {name}")
            with gathering.catching():
                if topic := answer.result():
                    topics[name] = topic
        found, gone = {}, {}
        for bucket, (notifications, statements) in reading.items():
            report.step(f"reading bucket {bucket}")
            with gathering.catching():
                try:
                    there = ObservedBucket(notifications.result(), tuple(statements.result()))
                    found[bucket] = there
                except NoBucketError:
                    gone[bucket] = whose[bucket]
        following = {name for name, topic in topics.items() if topic.follows}
        retired = {name for each in config.buckets.values() for name in each.retired.topics}
        # What is current of a topic that is renewed goes too.
        staying = set(map(ours.real, config.topics.keys() - set(renew)))
        going = following - staying | (retired & uses.keys())
        counts = Counter(live.topic for there in found.values() for live in there.notifications)
        for owner, store in gateways.items() if going else ():
            report.step(
                f"looking for users of {', '.join(sorted(going))} in the buckets of {owner}"
            )
            with gathering.catching():
                counts.update(_announced_to(store, pool, found))
        uses |= {name: max(uses[name], counts[name]) for name in going & uses.keys()}
    finally:
        # A run that is cut short does not wait for the rest.
        pool.shutdown(wait=False, cancel_futures=True)
    announcing = {each.owner for each in inventory.notifications.values()}
    return Observed(topics, uses, found, gone, frozenset(announcing - gateways.keys()))


def _announced_to(store: Gateway, pool: ThreadPoolExecutor, but: Collection[str]) -> Iterator[str]:
    """Yield the topic of each notification of an owner's buckets, but for some.

    From Ceph 20 on the listing of topics does not tell which of them are in use.
    """
    others = [bucket for bucket in store.buckets() if bucket not in but]
    for notifications in pool.map(store.notifications, others):
        yield from (each.topic for each in notifications)


def never_there(config: BucketConfig, inventory: Inventory, observed: Observed) -> frozenset[str]:
    """Return the declared buckets that are not there, and for all we know never were: typos?"""
    return frozenset((observed.gone.keys() & config.buckets.keys()) - _made_in(inventory))


def _made_in(inventory: Inventory) -> set[str]:
    return {bucket for bucket, _ in inventory.notifications} | inventory.policies.keys()


def missing_buckets(
    config: BucketConfig,
    inventory: Inventory,
    observed: Observed,
    kept: Collection[str] = (),
) -> Plan:
    """Tell of each bucket that is not there: a misfortune only where it is declared.

    Args:
        config: What is declared.
        inventory: What we made.
        observed: What is there.
        kept: What stays, though declared no longer, because a bucket never was there.
    """
    warnings, misfortunes = [], []
    made = _made_in(inventory)
    for name, owner in observed.gone.items():
        dropped = "what was made in it is dropped from the inventory"
        gone = f"there is no such bucket, as its owner {owner} is told at {config.endpoint}"
        if name in config.buckets:
            more = f", and {dropped}" if name in made else ""
            # RGW says the same of a bucket of another tenant.
            mend = (
                "correct its `owner`, which may be of a tenant (`tenant$user`), make it, or take "
                f"it out of bucketConfig.buckets.{name}"
            )
            if name not in made:
                near = get_close_matches(name, made - config.buckets.keys(), 1)
                mend += "".join(f" (is it {each}?)" for each in near)
                stays = "; until then these stay, though they are declared no longer: "
                mend += stays + ", ".join(kept) if kept else ""
            misfortunes.append(Misfortune(f"bucket {name}", f"{gone}{more}: {mend}"))
        else:
            warnings.append(f"bucket {name}: {gone}; {dropped}")
    return Plan(warnings=tuple(warnings), misfortunes=tuple(misfortunes))


def missing_foreign(config: BucketConfig, observed: Observed) -> Iterator[Misfortune]:
    """Tell of each foreign notification that is not there."""
    for name, bucket in config.buckets.items():
        for missing in bucket.foreign:
            if any(live.name == missing for live in observed.buckets[name].notifications):
                continue
            yield Misfortune(
                f"bucket {name}",
                f"the foreign notification {missing} is not there; it is somebody else's: tell "
                f"them, or take it out of bucketConfig.buckets.{name}.foreign",
            )


def undeclared_statements(config: BucketConfig, observed: Observed) -> Iterator[str]:
    """Tell of each statement of others in a policy that is kept here, which nobody has declared."""
    for name, bucket in config.buckets.items():
        if bucket.manages_policy and not bucket.take_over:
            for statement in policy.undeclared(
                bucket, observed.buckets[name].statements, config.environment
            ):
                yield (
                    f"policy of bucket {name}: its statement {statement} is not declared, and "
                    "stays; find out who put it there, and declare it under "
                    f"bucketConfig.buckets.{name} (grants, deny), or take it away"
                )


def _templates(config: BucketConfig) -> list[str]:
    return [text for topic in config.topics.values() for text in topic.attributes.values()]


def _topics(config: BucketConfig, inventory: Inventory) -> dict[str, str]:
    names = {name: topic.owner for name, topic in config.topics.items()}
    for owned in inventory.topics.values():
        names.update(dict.fromkeys(owned.names, owned.owner))
    return names


def _buckets(config: BucketConfig, inventory: Inventory) -> dict[str, str]:
    gone = {bucket: owned.owner for (bucket, _), owned in inventory.notifications.items()}
    return {**gone, **inventory.policies} | {
        name: bucket.owner for name, bucket in config.buckets.items() if bucket.asks
    }
