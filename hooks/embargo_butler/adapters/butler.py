"""The Butler, asked in a pod of ingest by the Butler's own Python interface.

That pod has the stack, the repository's address, and the credentials for database and store, so
that none of them has to be anywhere else, and the tables' layout is nobody's business here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from embargo_butler.adapters import kubectl
from embargo_butler.errors import KubernetesError

_SHELL = (
    "if [ -e loadLSST.bash ]; then source loadLSST.bash > /dev/null; setup lsst_obs; fi; "
    'exec nice python -c "$0"'
)
# What follows works with the Butler of each stack since w_2023_41: `registry` and the constructor
# have stayed, names in `bind` take no colon, `exposure.day_obs` is understood whether it is a
# dimension or a field, and an instrument that is not registered is an error of the older ones.
_BEGINNING = r"""
import json, os, sys
from collections import defaultdict

def tell(kind, error, _):
    first = str(error).strip().partition("\n")[0]
    print(f"{kind.__name__}: {first}", file=sys.stderr)

sys.excepthook = tell
from lsst.daf.butler import Butler
from lsst.daf.butler.registry import MissingCollectionError, MissingDatasetTypeError

if not hasattr(Butler, "get_many_uris"):
    from lsst.daf.butler.version import __version__
    this = os.environ.get("OBS_LSST_VERSION", __version__)
    sys.exit(f"the Butler in this pod is {this}, older than w_2023_41: it cannot be asked")
asked = json.load(sys.stdin)
butler = Butler(os.environ["BUTLER_REPO"])
registry = butler.registry
def records(element, where="", **bind):
    return list(registry.queryDimensionRecords(element, where=where, bind=bind))
instruments = {r.name for r in records("instrument")}
def has_visit(exposure):
    pointing = exposure.tracking_ra, exposure.tracking_dec, exposure.sky_angle
    return None not in pointing and getattr(exposure, "can_see_sky", None) is not False
"""
_KNOWN = r"""
wanted = defaultdict(set)
for instrument, day, exposure in asked["subjects"]:
    if instrument in instruments:
        wanted[instrument, day].add(exposure)
uris, visits = [], []
for (instrument, day), names in sorted(wanted.items()):
    if names == {""}:
        where, bind = "instrument = inst AND exposure.day_obs = today", {"today": int(day)}
    else:
        where = "instrument = inst AND exposure.obs_id IN (names)"
        bind = {"inst": instrument, "names": sorted(names)}
        exposures = {r.id: r for r in records("exposure", where, **bind)}
        if not exposures:
            continue
        where, bind = "instrument = inst AND exposure IN (ids)", {"ids": sorted(exposures)}
        defined = {r.exposure for r in records("visit_definition", where, inst=instrument, **bind)}
        visits += [[r.obs_id, r.id in defined] for r in exposures.values() if has_visit(r)]
    for kind, home in ("raw", "all"), ("guider_raw", "guider"):
        try:
            refs = list(registry.queryDatasets(kind, collections=f"{instrument}/raw/{home}",
                where=where, bind={"inst": instrument, **bind}))
        except (MissingCollectionError, MissingDatasetTypeError):
            continue
        found = butler.get_many_uris(refs, predict=False, allow_missing=True)
        uris += [str(uri.primaryURI) for uri in found.values()]
json.dump({"uris": uris, "visits": sorted(visits)}, sys.stdout)
"""
_UNVISITED = r"""
found = []
for instrument in sorted(instruments):
    where = "instrument = inst AND exposure.day_obs IN (days)"
    bind = {"inst": instrument, "days": asked["days"]}
    visited = {r.exposure for r in records("visit_definition", where, **bind)}
    found += [
        [r.instrument, r.obs_id] for r in records("exposure", where, **bind)
        if has_visit(r) and r.id not in visited
        and asked["since"] <= r.timespan.begin.unix and r.timespan.end.unix <= asked["until"]]
json.dump({"unvisited": sorted(found)}, sys.stdout)
"""
_DEFINE = (
    "if [ -e loadLSST.bash ]; then source loadLSST.bash > /dev/null; setup lsst_obs; fi; "
    'exec butler define-visits "$BUTLER_REPO" "$0" --collections "$0/raw/all" --where "$1"'
)


class PodButler:
    """The repository of an environment's ingest."""

    def __init__(self, make: kubectl.MakeKubectl, deployment: str) -> None:
        """Take where ingest runs; nothing is asked yet."""
        self._make = make
        self._deployment = deployment

    def known(self, subjects: Sequence[tuple[str, str, str]]) -> tuple[set[str], dict[str, bool]]:
        """Return what the Butler has of some exposures.

        Args:
            subjects: Instrument, observation day and name of each exposure; the name is empty for
                all of a day, as in the Large File Annex, which has none.

        Returns:
            The paths of its datasets; and of each exposure that it has and that gets a visit,
            whether that is defined. `DefineVisitsTask` gives one to an exposure whose tracking_ra,
            tracking_dec and sky_angle are set and whose can_see_sky is not False, whatever its
            type (seen with the real task).
        """
        answer = self._ask(_KNOWN, "uris", {"subjects": sorted(set(subjects))})
        paths = {str(uri).removeprefix("s3://") for uri in answer["uris"]}
        return paths, {str(name): bool(defined) for name, defined in answer["visits"]}

    def unvisited(self, days: Sequence[str], since: float, until: float) -> list[tuple[str, str]]:
        """Return instrument and name of each exposure that gets a visit and has none.

        Args:
            days: The observation days that are looked through, `YYYYMMDD`.
            since: When the exposure began at the earliest, in seconds since 1970.
            until: When it ended at the latest.
        """
        asked = {"days": [int(day) for day in days], "since": since, "until": until}
        answer = self._ask(_UNVISITED, "unvisited", asked)
        return [(str(instrument), str(name)) for instrument, name in answer["unvisited"]]

    def define_visits(self, instrument: str, exposures: Sequence[str]) -> None:
        """Define the visits of exposures, by the stack's own command."""
        names = ", ".join(f"'{name}'" for name in exposures)
        command = ["bash", "-c", _DEFINE, instrument, f"exposure.obs_id IN ({names})"]
        kubectl.run_in(self._make, self._deployment, "ingest", command, "")

    def _ask(self, program: str, first: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        command = ["bash", "-c", _SHELL, _BEGINNING + program]
        text = kubectl.run_in(self._make, self._deployment, "ingest", command, json.dumps(question))
        try:
            answer = json.loads(text[text.index(f'{{"{first}"') :])
            assert isinstance(answer, dict)
            assert all(isinstance(value, list) for value in answer.values())
        except (ValueError, AssertionError):
            raise KubernetesError(
                f"Deployment {self._deployment}: its Butler's answer cannot be read"
            ) from None
        return answer
