"""Every command of the documents, run as it stands there on a release of its own.

In the place of summit stands the release, in that of the exposure one that was taken, in that of
FILE the jobs' configuration; the rig's values and the answer to questions come by the environment.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.rig import cluster, environment, vault
from tests.rig.command import wait_for
from tests.rig.release import Release
from tests.rig.site import KUBECONFIG, PROJECT
from tests.support import connect
from tests.support.exposure import Exposure

pytestmark = pytest.mark.soak

# Ceph 16 delivers nothing for a topic that was deleted and made again under one name.
RELEASE = Release(f"handbook-{secrets.token_hex(3)}")
EXPOSURE = Exposure("20260603", 258)
ALL_ARRIVED = "all 205 files have arrived"
_EXPOSURE = "MC_O_20260603_000258"


@dataclass(frozen=True)
class Case:
    """What a command has to do.

    Attributes:
        says: What it prints, a regular expression, with summit in the place of the release.
        code: Its exit status; make's own is 2 for whatever failed.
        interrupted: Whether it goes on until it is interrupted.
    """

    says: str
    code: int = 0
    interrupted: bool = False


RUN: dict[str, Case] = {
    "make environments": Case(r"summit-new +usdf-embargo-dmz +summit-new"),
    "make vault-policy ENV=summit": Case("vault policy write embargo-butler-summit"),
    "make plan ENV=summit": Case(r"StatefulSet redis: new"),
    "make apply ENV=summit": Case("all is well"),
    "make status ENV=summit": Case(r"status: summit: well"),
    "make status ENV=summit OUTPUT=json": Case('"healthy": true'),
    "make status ENV=summit WATCH=30": Case("status: summit: well", 124, interrupted=True),
    f"make trace ENV=summit EXPOSURE={_EXPOSURE}": Case(ALL_ARRIVED),
    f"make trace ENV=summit EXPOSURE={_EXPOSURE}_R22_S11": Case("all 1 files have arrived"),
    f"make trace ENV=summit EXPOSURE={_EXPOSURE} ROWS=1": Case(r"R22_S11 .* yes +yes +ingested"),
    "make trace ENV=summit NIGHT=20260603": Case("all 1 exposures of 20260603 have arrived"),
    'make set-aside ENV=summit FILES="..."': Case("never announced: only what waits", 2),
    f"make trigger ENV=summit EXPOSURE={_EXPOSURE}": Case("0 of 205 objects queued"),
    f"make trigger ENV=summit EXPOSURE={_EXPOSURE} DRY_RUN=1": Case("0 of 205 .* would be queued"),
    f"make trigger ENV=summit EXPOSURE={_EXPOSURE}_R22_S11 FORCE=1": Case(
        "1 of 1 objects queued, 1 (ingested|there already)"
    ),
    f"make trigger ENV=summit EXPOSURE={_EXPOSURE}_R22_S11 FORCE=1 THROUGH=webhook": Case(
        "1 of 1 objects announced, 1 (ingested|there already)"
    ),
    "make report ENV=summit NIGHT=20260603": Case("205 files in summit-20260603.html"),
    "make backfill ENV=summit SINCE=1h APPLY=1": Case("nothing to queue"),
    "make backfill ENV=summit SINCE=6h": Case("nothing to queue"),
    "make backfill ENV=summit SINCE=24h": Case("nothing to queue"),
    "make backfill ENV=summit APPLY=1": Case("nothing to queue"),
    "make backfill ENV=summit SINCE=6h APPLY=1": Case("nothing to queue"),
    "make backfill ENV=summit SINCE=10d IN_BUTLER=1 APPLY=1": Case("nothing to queue"),
    "make visits ENV=summit": Case("every exposure on the sky has its visit"),
    "make visits ENV=summit APPLY=1": Case("every exposure on the sky has its visit"),
    "make diff ENV=summit": Case("0 of .* objects would change"),
    "make diff ENV=summit-new": Case("0 of .* objects would change"),
    "make audit ENV=summit": Case("all is as declared"),
    "make buckets ENV=summit": Case("nothing to do"),
    "make withdraw ENV=summit": Case("plan: delete notification"),
    "make withdraw ENV=summit APPLY=1": Case("1 withdrawn"),
    "make buckets-apply ENV=summit": Case("changes made"),
    "make renew ENV=summit TOPIC=rubin-summit": Case("changes made"),
    "make import ENV=summit": Case("rubin-summit"),
    "make import ENV=summit CONFIRM=1": Case("0 confirmed, 3 left .*; nothing was written"),
    "make pause ENV=summit": Case("ingest is paused"),
    "make resume ENV=summit": Case("ingest is at work again, 1 pods"),
    "make -s config ENV=summit": Case("environment: summit"),
    "make -s config ENV=summit > FILE": Case(""),
    "embargo-butler job plan --config FILE": Case("nothing to do"),
    "embargo-butler job secrets --dry-run --config FILE": Case("nothing to do"),
    "embargo-butler job secrets --config FILE": Case("nothing to do"),
    "embargo-butler job buckets --config FILE": Case("nothing to do"),
    "embargo-butler job restart --config FILE": Case("nothing to do"),
    "embargo-butler job audit --config FILE": Case("all is as declared"),
    "embargo-butler job status --config FILE --pipeline-only": Case("status: summit: well"),
    f"embargo-butler job trace --config FILE {_EXPOSURE}": Case(ALL_ARRIVED),
    f"embargo-butler job trigger --config FILE --wait 0 {_EXPOSURE}_R22_S11": Case(
        "0 of 1 objects"
    ),
    "embargo-butler job backfill --config FILE --since 6h": Case("nothing to queue"),
    "make promote FROM=test TO=summit-new": Case("pin the other environment first", 2),
    "make promote FROM=summit TO=bts": Case("images changed, nothing deployed"),
    "make plan ENV=summit-new": Case("nothing to do"),
    "make apply ENV=summit-new": Case("all is well"),
    "helm upgrade --install summit charts/embargo-butler -n summit --create-namespace "
    "-f values/summit.yaml -f bucket-config/summit.yaml": Case("STATUS: deployed"),
    "helm history summit -n summit": Case("deployed"),
    "helm get values summit -n summit --revision N": Case("USER-SUPPLIED VALUES"),
    "make rollback ENV=summit": Case("all is well"),
    "make rollback ENV=summit REVISION=1": Case("all is well"),
    "helm rollback summit -n summit": Case("Rollback was a success"),
    "make unlock ENV=summit": Case("not pending: nothing to do"),
    "kubectl scale -n summit deployment/embargo-butler-ingest --replicas=2": Case("scaled"),
    "kubectl logs -n summit -l app=ingest -c ingest --tail=50": Case("Waiting on WORKER:"),
    "kubectl logs -n summit -l app=idle -c idle --tail=20": Case(""),
    "kubectl logs -n summit -l app.kubernetes.io/component=audit --tail=50": Case(""),
    "kubectl rollout restart -n summit deployment/embargo-butler-ingest": Case("restarted"),
    "kubectl rollout restart -n summit deployment/embargo-butler-idle": Case("restarted"),
    "kubectl describe pod -n summit redis-0": Case("Name: +redis-0"),
    "kubectl create job -n summit by-hand --from=cronjob/embargo-butler-reconcile": Case("created"),
    "kubectl exec -n summit redis-0 -- sh -c "
    "'REDISCLI_AUTH=$(cat /run/redis/password) redis-cli LLEN QUEUE:rubin-summit'": Case(r"^\d+$"),
    "kubectl exec -n summit redis-0 -- sh -c "
    "'REDISCLI_AUTH=$(cat /run/redis/password) redis-cli HGETALL "
    f"FILE:rubin-summit/LSSTCam/20260603/{_EXPOSURE}/{_EXPOSURE}_R22_S11.fits'": Case("recv"),
    "helm uninstall summit -n summit": Case("uninstalled"),
    "embargo-butler job clean-up --config FILE": Case("clean-up: summit"),
}
"""In an order in which each finds what the documents presume."""

ELSEWHERE = {
    "vault kv put secret/rubin/embargo/owners/s3dfrgw/rubin-summit "
    "access_key=ACCESS_KEY secret_key=SECRET_KEY": "tests/e2e/test_undone.py::"
    "test_missing_keys_fail_no_release_and_are_taken_once_they_are_there",
    "make take-over ENV=summit": "tests/e2e/nothing_lost/test_take_over.py::test_it_takes_over",
    "make take-over ENV=summit BACK=1": "tests/e2e/nothing_lost/test_take_over.py::"
    "test_it_is_undone",
    "make pin ENV=summit-new": "tests/e2e/test_registry.py::test_pinning_writes_what_the_tag_means",
    "make pin ENV=test": "tests/e2e/test_registry.py::test_pinning_writes_what_the_tag_means",
    "skopeo copy --all": "tests/e2e/test_registry.py::test_a_copy_keeps_the_digest",
}
"""Commands that another test runs."""

MENTIONED = {
    "helm upgrade": "helm upgrade --install summit charts/embargo-butler -n summit "
    "--create-namespace -f values/summit.yaml -f bucket-config/summit.yaml",
    "kubectl scale": "kubectl scale -n summit deployment/embargo-butler-ingest --replicas=2",
    "helm rollback": "helm rollback summit -n summit",
    "helm upgrade --atomic": "helm upgrade --install summit charts/embargo-butler -n summit "
    "--create-namespace -f values/summit.yaml -f bucket-config/summit.yaml",
    "vault login": "vault login -method=ldap",
    "embargo-butler job": "embargo-butler job status --config FILE --pipeline-only",
}
"""Short for a whole command that stands elsewhere."""

REFUSED = {
    "make demo": "it brings the site up; what it shows on it, test_first_images.py looks at",
    "make test": "it is what runs these tests",
    "vault login -method=ldap": "the site has no LDAP; what comes of it, a token, is what is used",
}
"""Commands that cannot be run on the site, and why."""


class Desk:
    """A checkout on a login node."""

    def __init__(self, folder: Path) -> None:
        """Lay it out: the project, but with the release's files in place of the environments'."""
        self.folder = folder
        for name in ("Makefile", "hooks", "charts", "tests", "docs"):
            (folder / name).symlink_to(PROJECT / name)
        files = [Path(file) for flag, file in pairwise(RELEASE.full_command) if flag == "-f"]
        own, buckets, *rig = files
        for place, file in (("values", own), ("bucket-config", buckets)):
            (folder / place).mkdir()
            for each in (PROJECT / place).glob("*.yaml"):
                (folder / place / each.name).write_text(each.read_text())
            (folder / place / f"{RELEASE.name}.yaml").write_text((PROJECT / file).read_text())
        programs = folder / "bin"
        programs.mkdir()
        start = (
            f"#!/bin/sh\nPYTHONPATH={PROJECT}/hooks exec {sys.executable} "
            '-m embargo_butler.cli "$@"\n'
        )
        (programs / "embargo-butler").write_text(start)
        (programs / "embargo-butler").chmod(0o755)
        self._rig = [str(PROJECT / file) for file in rig]
        self._programs = [str(programs), str(cluster.programs()), str(Path(RELEASE.helm).parent)]

    def run(self, command: str, case: Case) -> subprocess.CompletedProcess[str]:
        """Run a command as it is documented."""
        typed = command
        if "promote" not in typed:
            typed = RELEASE.renamed(typed.replace("summit-new", "summit"))
        typed = typed.replace("--revision N", "--revision 1").replace("FILE ", "FILE.yaml ")
        typed = re.sub(r"FILE$", "FILE.yaml", typed)
        if typed.startswith("helm upgrade"):
            typed += "".join(f" -f {file}" for file in self._rig) + " --wait"
        if case.interrupted:
            typed = f"timeout --signal=INT 45 {typed}"
        return subprocess.run(
            ["bash", "-c", typed],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": ":".join([*self._programs, os.environ["PATH"]]),
                "KUBECONFIG": str(KUBECONFIG),
                "HELM": RELEASE.helm,
                "VAULT_TOKEN": str(vault.admin().token),
                # What differs on the rig, and the answer to what is asked.
                "VALUES": " ".join(self._rig),
                "YES": "1",
            },
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def desk(site: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    environment.make(RELEASE)
    RELEASE.prepare_namespace()
    try:
        yield Desk(tmp_path_factory.mktemp("desk"))
    finally:
        environment.remove(RELEASE)


@pytest.fixture(scope="module")
def exposed(desk: Desk) -> None:
    """An exposure, in the Butler; `make apply` was before it."""
    connect.camera(RELEASE).put_all(EXPOSURE.files())
    queues = connect.queues(RELEASE)

    def ingested() -> int:
        return sum(bool(each.ingested) for each in queues.notes(list(EXPOSURE.keys)).values())

    wait_for("the exposure is ingested", lambda: ingested() == 205, timeout=180)


@pytest.mark.parametrize("command", RUN)
def test_a_documented_command(desk: Desk, command: str, request: pytest.FixtureRequest) -> None:
    case = RUN[command]
    order = list(RUN)
    before = order[order.index(command) - 1]
    if order.index(command) > order.index("make apply ENV=summit"):
        request.getfixturevalue("exposed")
        if re.search(r" (apply|upgrade|rollback|restart|scale|resume) ", f" {before} "):
            RELEASE.wait_for_rollout()  # what an earlier command has restarted
    done = desk.run(command, case)
    assert done.returncode == case.code, done.stdout + done.stderr
    says = case.says if "summit-new" in case.says else RELEASE.renamed(case.says)
    assert re.search(says, done.stdout + done.stderr, re.MULTILINE), done.stdout + done.stderr
