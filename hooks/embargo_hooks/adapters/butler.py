"""The Butler, asked in a pod of ingest by the Butler's own Python interface.

That pod has the stack, the repository's address, and the credentials for database and store, so
that none of them has to be anywhere else, and the tables' layout is nobody's business here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from embargo_hooks.adapters import kubectl
from embargo_hooks.errors import KubernetesError

_SHELL = (
    "if [ -e loadLSST.bash ]; then source loadLSST.bash > /dev/null; setup lsst_obs; fi; "
    'exec nice python -c "$0"'
)
_PROGRAM = r"""
import json, os, sys
from collections import defaultdict
from lsst.daf.butler import Butler, MissingCollectionError, MissingDatasetTypeError

asked = json.load(sys.stdin)
with Butler.from_config(os.environ["BUTLER_REPO"]) as butler:
    def exposures(instrument, names):
        where = "instrument = :i AND exposure.obs_id IN (:names)"
        return butler.query_dimension_records(
            "exposure", where=where, bind={"i": instrument, "names": names},
            explain=False, limit=None)
    wanted = defaultdict(set)
    for instrument, day, exposure in asked["subjects"]:
        wanted[instrument, day].add(exposure)
    uris, visits = [], []
    for (instrument, day), names in sorted(wanted.items()):
        if names == {""}:
            where, bind = "instrument = :i AND day_obs = :d", {"i": instrument, "d": int(day)}
        else:
            records = {r.id: r.obs_id for r in exposures(instrument, sorted(names))}
            if not records:
                continue
            where = "instrument = :i AND exposure IN (:ids)"
            bind = {"i": instrument, "ids": sorted(records)}
            for r in butler.query_dimension_records(
                    "visit_definition", where=where, bind=bind, explain=False, limit=None):
                visits.append(records[r.exposure])
        for kind, home in ("raw", "all"), ("guider_raw", "guider"):
            try:
                refs = butler.query_datasets(kind, collections=f"{instrument}/raw/{home}",
                    where=where, bind=bind, explain=False, limit=None)
            except (MissingCollectionError, MissingDatasetTypeError):
                continue
            found = butler.get_many_uris(refs, predict=False, allow_missing=True)
            uris += [str(uri.primaryURI) for uri in found.values()]
json.dump({"uris": uris, "visits": sorted(set(visits))}, sys.stdout)
"""


class PodButler:
    """The repository of an environment's ingest."""

    def __init__(self, namespace: str, deployment: str) -> None:
        """Take where ingest runs; nothing is asked yet."""
        self._namespace = namespace
        self._deployment = deployment

    def known(self, subjects: Sequence[tuple[str, str, str]]) -> tuple[set[str], set[str]]:
        """Return what the Butler has of some exposures.

        Args:
            subjects: Instrument, observation day and name of each exposure; the name is empty for
                all of a day, as in the Large File Annex, which has none.

        Returns:
            The paths of its datasets, and the exposures of which a visit is defined.
        """
        command = ["bash", "-c", _SHELL, _PROGRAM]
        asked = json.dumps({"subjects": sorted(set(subjects))})
        text = kubectl.run_in(self._namespace, self._deployment, "ingest", command, asked)
        try:
            answer = json.loads(text[text.index('{"uris"') :])
            paths = {uri.removeprefix("s3://") for uri in answer["uris"]}
            return paths, set(answer["visits"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise KubernetesError(
                f"Deployment {self._deployment}: its Butler's answer cannot be read"
            ) from None
