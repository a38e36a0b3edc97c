"""Whose keys the object store is entered with, and where they come from.

The rule, for all that enters it: Vault's keys count. Where Vault has none of an owner's, those of
the AWS profile of the person who runs this do; and where Vault lets nobody in, those of all
profiles, if they are all that is needed. Who can do with profiles alone asks for them first: then
Vault, which may be away, is asked for the others' only. A pod has no profiles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from embargo_butler.buckets.inventory import Inventory
from embargo_butler.config.buckets import BucketConfig, OwnerSpec
from embargo_butler.config.config import Config, VaultPath
from embargo_butler.connections import Connections
from embargo_butler.engine.report import Report
from embargo_butler.errors import ConfigError, GatewayError, Gathering, VaultError
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.ports import Gateway, Keys
from embargo_butler.secrets import sync
from embargo_butler.secrets.sync import Documents

_FIELDS = ("access_key", "secret_key")
"""The fields of an owner's path in Vault."""


@dataclass(frozen=True)
class Store:
    """The object store, as far as it can be entered.

    Attributes:
        gateways: By owner.
        lacking: Whose keys are not there, by owner.
        documents: What was read from Vault; None where there was no login.
    """

    gateways: dict[str, Gateway]
    lacking: Mapping[str, Misfortune]
    documents: Documents | None


def enter(
    config: Config,
    declared: BucketConfig,
    inventory: Inventory,
    world: Connections,
    report: Report,
    gathering: Gathering,
    more: Collection[VaultPath] = (),
    profiles_first: bool = False,
) -> Store:
    """Enter the object store with the keys of each owner that is needed.

    Args:
        config: The configuration.
        declared: The part about buckets.
        inventory: What we made.
        world: Makes the connections.
        report: Is told what is done.
        gathering: Takes the problems.
        more: What else to read from Vault, which no profile is in the place of.
        profiles_first: Whether Vault is asked only for what a person has no profile of.
    """
    needed = _needed(declared, inventory, gathering)
    own = _profiles(needed, world) if profiles_first else {}
    wanted = dict.fromkeys(
        VaultPath(owner.path) for owner in needed if owner.path and owner.name not in own
    )
    absent: dict[VaultPath, VaultError | None] = {at: None for at in wanted if at not in more}
    login = Gathering()
    paths = list(dict.fromkeys([*wanted, *more]))
    documents = sync.logged_in(world.vault, paths, report, login, absent)
    if documents is None and not more and len(every := _profiles(needed, world)) == len(needed):
        own = every
        names = ", ".join(dict.fromkeys(owner.profile for owner in needed))
        report.warn(
            "Vault is passed over, since you have the keys of all that is needed as AWS profiles "
            f"({names}): {'; '.join(map(str, login.found))}"
        )
    else:
        gathering.found.extend(login.found)
    # Without a login nothing is known of any path.
    known = documents if documents is not None else dict.fromkeys(wanted)
    gateways, lacking = dict[str, Gateway](), dict[str, Misfortune]()
    for owner in needed:
        found = own.get(owner.name) or _in_vault(owner, config.vault.mount, known, absent)
        if isinstance(found, Misfortune):
            mine = _profile(owner, world)
            found = mine if isinstance(mine, Keys) else replace(found, text=found.text + mine)
        with gathering.catching():
            if isinstance(found, Misfortune):
                lacking[owner.name] = found
            elif found:
                gateways[owner.name] = world.gateway(declared, owner.name, found)
    return Store(gateways, lacking, documents)


def undone(
    lack: Misfortune, owner: str, declared: BucketConfig, inventory: Inventory
) -> Misfortune:
    """Tell of an owner's missing keys with what stays as it is for the lack of them.

    Args:
        lack: Why the keys are not there.
        owner: Whose they are.
        declared: What is declared.
        inventory: What we made, which may be declared no longer.
    """
    buckets = [each for each in declared.buckets.values() if each.owner == owner]
    topics = {name for name, each in declared.topics.items() if each.owner == owner}
    # A topic and its notifications wait for each other.
    topics |= {spec.topic for each in buckets for spec in each.notifications.values()}
    made, names = inventory.without(declared.unconfirmed), {each.name for each in buckets}
    topics |= {name for name, each in made.topics.items() if each.owner == owner}
    left = [
        *(f"bucket {name}" for name in names),
        *(f"topic {name}" for name in topics),
        *(
            f"notification {each.current} of bucket {bucket}"
            for (bucket, _), each in made.notifications.items()
            if each.owner == owner and bucket not in names
        ),
        *(
            f"policy of bucket {bucket}"
            for bucket, by in made.policies.items()
            if by == owner and bucket not in names
        ),
    ]
    stays = f"{', '.join(sorted(left)) or 'what was made with them'} stays as it is"
    return replace(lack, text=f"its keys are not there, so {stays}: {lack.text}")


def _needed(config: BucketConfig, inventory: Inventory, gathering: Gathering) -> list[OwnerSpec]:
    """Return the owners whose keys are needed; one that is not declared is a problem.

    Args:
        config: What is declared.
        inventory: What we made.
        gathering: Takes the problems.
    """
    ours = inventory.without(config.unconfirmed)
    owned = [*ours.topics.values(), *ours.notifications.values()]
    needed = dict.fromkeys(
        [bucket.owner for bucket in config.buckets.values() if bucket.asks]
        + [topic.owner for topic in config.topics.values()]
        + [entry.owner for entry in owned]
        + list(ours.policies.values())
    )
    found = list[OwnerSpec]()
    for name in needed:
        with gathering.catching():
            if name not in config.owners:
                raise ConfigError(
                    f"bucketConfig.owners.{name}: is missing, but topics or notifications made as "
                    f"{name} have to be taken away; declare it until they are gone"
                )
            found.append(config.owners[name])
    return found


def _profiles(owners: Collection[OwnerSpec], world: Connections) -> dict[str, Keys]:
    """Return a person's own keys, by owner whose profile has them."""
    found = {owner.name: _profile(owner, world) for owner in owners}
    return {name: keys for name, keys in found.items() if isinstance(keys, Keys)}


def _profile(owner: OwnerSpec, world: Connections) -> Keys | str:
    """Return a person's own keys, or why the profile has none; nothing where there is none."""
    if not (owner.profile and world.by_hand):
        return ""
    try:
        return world.profile(owner.profile)
    except GatewayError as error:
        return f"; {error}"


def _in_vault(
    owner: OwnerSpec,
    mount: str,
    documents: Documents,
    absent: Mapping[VaultPath, VaultError | None],
) -> Keys | Misfortune | None:
    """Pick an owner's keys out of what was read.

    Args:
        owner: The owner.
        mount: Vault's mount that the path is in.
        documents: What was read.
        absent: Why a path is not there.

    Returns:
        The keys, or that Vault has none; None where something else was wrong, which was noted.
    """
    about = f"owner {owner.name}"
    if owner.path is None:
        return Misfortune(
            about,
            "no place in Vault is named that has its keys: set vault.ownersPath, the folder of all "
            f"owners' keys, or bucketConfig.owners.{owner.name}.path",
        )
    at = VaultPath(owner.path)
    document, why = documents[at], absent.get(at)
    values = tuple(f"{name}={name.upper()}" for name in _FIELDS)
    path = f"{mount}/{owner.path}"
    if why:
        # Where it may not be read it may be there all the same: that is not to be written over.
        unread = ("-cas=0",) if why.kind == "forbidden" else ()
        return Misfortune(about, str(why), ("vault", "kv", "put", *unread, path, *values))
    if document is None:
        return None
    try:
        access, secret = (sync.field_of("its keys", at, name, document) for name in _FIELDS)
    except VaultError as error:
        # Whatever else stands there stays.
        return Misfortune(about, str(error), ("vault", "kv", "patch", path, *values))
    return Keys(access, secret)
