"""The environments as their own files declare them, on this one site: what USDF has there today.

A release of one is the README's command with the environment's two files, and after them the rig's
values, in which nothing stands but addresses and sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from hvac.exceptions import InvalidPath

from tests.rig import butler, credentials, images, postgres, vault
from tests.rig.progress import Say
from tests.rig.release import Release
from tests.rig.site import PROJECT
from tests.rig.store import Store

_USERS = "rubin-summit-users"
"""Whose keys ingest reads with, where it reads with keys."""


class Declared(Release):
    """An environment's own release, under its own name."""

    @property
    def namespace(self) -> str:
        """The namespace that the environment's values name."""
        return str(self.all_values["namespace"])

    @property
    def database(self) -> str:
        """The Butler's database, and the user that it belongs to."""
        return f"butler_{self.name.replace('-', '_')}"

    @property
    def all_values(self) -> dict[str, Any]:
        """Both of the environment's files."""
        return {k: v for file in self._files() for k, v in _load(file).items()}

    def images(self) -> tuple[images.Image, ...]:
        """Return the images of the services that it has, by the tags that its values name."""
        found = self.all_values
        return tuple(
            images.service(name, str(found[name]["image"]["tag"]))
            for name in ("enqueue", "idle", "ingest", "presence")
            if found[name].get("enabled", True)
        )

    def rig_values(self) -> tuple[Path, ...]:
        """Return the environment's own values file of the rig."""
        return (Path("tests/rig/values") / f"{self.name}.yaml",)

    def _files(self) -> tuple[Path, ...]:
        return tuple(Path(folder) / f"{self.name}.yaml" for folder in ("values", "bucket-config"))


def make(environment: Declared, store: Store, say: Say) -> None:
    """Have what an environment finds at USDF: images, users, buckets, a repository, secrets."""
    found = environment.all_values
    for image in environment.images():
        images.load(image.name, images.archive(image, say), say)
    config = found["bucketConfig"]
    for user in {_USERS, *config["owners"], *_principals(config)}:
        store.ensure_user(user)
    for name, bucket in config["buckets"].items():
        _bucket(store, name, bucket["owner"])
    _repository(environment, store)
    _secrets(environment, store)
    printed = vault.printed_policy(environment)
    client = vault.admin()
    client.sys.create_or_update_policy(printed["policy"]["name"], printed["policy"]["rules"])
    client.write_data(printed["role"]["path"], data=printed["role"]["data"])
    say(f"what {environment.name} finds at USDF is there")


def _principals(config: dict[str, Any]) -> Iterator[str]:
    for bucket in config["buckets"].values():
        for users in bucket.get("grants", {}).values():
            yield from users


def _bucket(store: Store, name: str, owner: str) -> None:
    s3 = store.client("s3", owner)
    if name not in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=name)


def _repository(environment: Declared, store: Store) -> None:
    """Have the repository that ingest opens, where that is in a bucket."""
    where = str(environment.all_values["ingest"]["env"]["BUTLER_REPO"])
    if not where.startswith("s3://"):
        return
    bucket, _, key = where.removeprefix("s3://").rpartition("@")[2].partition("/")
    buckets = environment.all_values["bucketConfig"]["buckets"]
    owner = buckets[bucket]["owner"] if bucket in buckets else ingests_as(environment)
    _bucket(store, bucket, owner)
    postgres.drop(environment.database)
    root = butler.make_empty(environment.database)
    store.client("s3", owner).put_object(Bucket=bucket, Key=key, Body=root)


def ingests_as(environment: Declared) -> str:
    """Return the user whose keys ingest has."""
    if environment.name in ("lfa", "pp-dev"):
        return str(next(iter(environment.all_values["bucketConfig"]["owners"])))
    return _USERS


def _secrets(environment: Declared, store: Store) -> None:
    """Have all that it reads in Vault, beside what others have at the same paths."""
    values = environment.all_values
    for keys in values["secrets"].values():
        for source in keys.values():
            if "path" in source:
                _put(source["path"], source["field"], _value(environment, store, source))
    known, folder = credentials.load(), values["vault"]["ownersPath"]
    for owner in values["bucketConfig"]["owners"]:
        path, keys = f"{folder}/{owner.replace('$', '/')}", known.s3(owner)
        _put(path, "access_key", keys.access_key)
        _put(path, "secret_key", keys.secret_key)


def _value(environment: Declared, store: Store, source: dict[str, str]) -> str:
    field, keys = source["field"], credentials.load().s3(ingests_as(environment))
    login = butler.login(environment.database)
    own = credentials.load().password(f"vault/{environment.name}/{field}")
    return {
        "access_key": keys.access_key,
        "secret_key": keys.secret_key,
        "profile": store.url.replace(
            "://", f"://{quote(keys.access_key, '')}:{quote(keys.secret_key, '')}@"
        ),
        "db-auth.yaml": yaml.safe_dump([login], sort_keys=False),
        "username": login["username"],
        "password": login["password"],
    }.get(field, own)


def _put(path: str, field: str, value: str) -> None:
    """Write a field, if it is not there; a list of logins gets one more."""
    try:
        found = vault.read(path)
    except InvalidPath:
        found = {}
    before = found.get(field)
    if field == "db-auth.yaml" and before:
        logins = yaml.safe_load(before)
        more = [each for each in yaml.safe_load(value) if each not in logins]
        value = yaml.safe_dump([*logins, *more], sort_keys=False) if more else before
    elif before is not None:
        return
    if value != before:
        kv = vault.admin().secrets.kv.v2
        kv.create_or_update_secret(path, {**found, field: value}, mount_point=vault.MOUNT)


def _load(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT / file).read_text())
    return found
