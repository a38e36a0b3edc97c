"""The day-one world: USDF as it may be before anything of ours is there.

People log in to Vault by LDAP, which here is a token with their policy and Vault's `default`; they
may read what the services need, and make or grant nothing. No service account may log in. Vault has
no owner's keys: these are AWS profiles of the people, a pair for each store under one user's name.
The manifests before the chart run, with Secrets as kustomize names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.rig import credentials, environment, images, vault
from tests.rig.release import Release
from tests.rig.site import PROJECT
from tests.support import predecessor
from tests.support.changing import Changing
from tests.support.operated import Said

TAG = "1.2.98"
OTHER_PAIR = ("OTHER-STORE", "other-secret")
"""The keys of the same user's name on the other store."""
SERVICES = ("enqueue", "ingest", "idle", "presence")
SETTING: Mapping[str, Any] = {
    "vault": yaml.safe_load(
        next(
            line
            for line in (PROJECT / "docs/getting-started.md").read_text().splitlines()
            if line.startswith("    auth: ")
        )
    )
}
"""All that the shipped files lack there, as the page says it."""
_OF_THE_RIG = {"hooks": {"audit": {"enabled": False}}}
"""Its values have an audit by the clock, which wrapped tokens cannot serve."""
STATES = ("statefulsets,deployments,services,secrets,configmaps,roles,serviceaccounts,jobs",)


class DayOne(Changing):
    """A release that is yet to be, in that world.

    Args:
        release: The release.
        folder: For the operator's files, and their home.
    """

    def __init__(self, release: Release, folder: Path) -> None:
        super().__init__(release, folder)
        self.token = ""
        keys = self._keys = credentials.load().s3(release.bucket)
        pairs = {
            release.renamed("wsummit"): (keys.access_key, keys.secret_key),
            # Of the same user on the other store, which this one does not know.
            "embargo-rw": OTHER_PAIR,
        }
        lines = [
            f"[{name}]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
            for name, (access, secret) in pairs.items()
        ]
        (folder / ".aws").mkdir()
        (folder / ".aws/credentials").write_text("".join(lines))

    @property
    def credentials(self) -> tuple[str, ...]:
        """What no verb may show."""
        return (self.token, self._keys.secret_key)

    def begin(self) -> None:
        """Have that world, and the predecessor at work in it."""
        environment.make(self.release)
        self.token = vault.as_on_day_one(self.release)
        for image in self.release.images():
            if image.name.rpartition(":")[0].rpartition("-")[2] in SERVICES:
                images.tag(image, f"{image.name.rpartition(':')[0]}:{TAG}")
        rig = yaml.safe_load((PROJECT / "tests/rig/values/summit.yaml").read_text())
        predecessor.apply(self.release, rig)

    def type(self, verb: str, *words: str, **change: Any) -> Said:
        """Type a verb with that token, those profiles, and the one setting."""
        return self.run(verb, *words, token=self.token, **{**SETTING, **_OF_THE_RIG, **change})

    @contextmanager
    def another_value(self, **fields: str) -> Iterator[None]:
        """Have Vault hold other values than those that run, for a while."""
        path = self.release.renamed(vault.OWN)
        kept = vault.change(path, **fields)
        try:
            yield
        finally:
            vault.change(path, **kept)

    def everything(self) -> dict[str, str]:
        """Return the version of each object of the namespace: another one was written."""
        found = self.get(*STATES)["items"]
        return {
            f"{each['kind']}/{each['metadata']['name']}": str(each["metadata"]["uid"])
            + str(each["metadata"].get("generation", each["metadata"]["resourceVersion"]))
            for each in found
        }
