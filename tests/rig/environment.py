"""What an environment has outside of the cluster: buckets, repository, secrets, a login."""

from __future__ import annotations

import shutil

from tests.rig import butler, ceph, postgres, vault
from tests.rig.progress import Say
from tests.rig.release import Release
from tests.rig.site import STATE


def make(release: Release, say: Say = print) -> None:
    """Have all of it for a release that is to be deployed; the site has to be up."""
    ceph.make(release)
    butler.make(release)
    vault.make(release)
    say(f"buckets {release.bucket} and {release.users_bucket}, a repository, a login to Vault")


def remove(release: Release) -> None:
    """Remove a release and all of it; summit's is never removed but with the site."""
    release.remove()
    ceph.remove(release)
    postgres.drop(release.database)
    vault.remove(release)
    shutil.rmtree(STATE / "releases" / release.name)
