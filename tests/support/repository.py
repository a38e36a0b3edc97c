"""The Butler repository seen from outside: which raw images it has, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lsst.daf.butler import Butler, DatasetRef, MissingCollectionError, MissingDatasetTypeError

from tests.rig.errors import RigError
from tests.support.exposure import Exposure

HOMES = {"raw": "LSSTCam/raw/all", "guider_raw": "LSSTCam/raw/guider"}
"""The collection that each dataset type is ingested into."""


@dataclass(frozen=True)
class Dataset:
    """One dataset: what it is of, and the object that it stands for."""

    kind: str
    exposure: int
    detector: str
    uri: str


class Repository:
    """A Butler opened to read.

    Args:
        butler: An open Butler in which the instrument is registered.
    """

    def __init__(self, butler: Butler) -> None:
        self._butler = butler
        records = butler.query_dimension_records("detector", instrument="LSSTCam", explain=False)
        self._names = {int(record.id): str(record.full_name) for record in records}

    def found(self, exposures: Iterable[Exposure]) -> set[str]:
        """Return the keys of those files of some exposures of which there is a dataset."""
        keys = {
            (exposure.exposure_id, detector.name): key
            for exposure in exposures
            for key, detector in exposure.keys.items()
        }
        refs = [ref for kind in HOMES for ref in self._refs(kind, {number for number, _ in keys})]
        return {keys[number, name] for number, name in map(self._subject, refs)}

    def datasets(self, exposures: Iterable[Exposure]) -> list[Dataset]:
        """Return every dataset of some exposures, repeated ones too, each with its object's URI."""
        numbers = {exposure.exposure_id for exposure in exposures}
        return [
            Dataset(kind, *self._subject(ref), str(self._butler.getURI(ref)))
            for kind in HOMES
            for ref in self._refs(kind, numbers)
        ]

    def visits(self, exposures: Iterable[Exposure]) -> list[tuple[int, int]]:
        """Return visit and exposure of each visit that was defined of some exposures."""
        numbers = sorted(exposure.exposure_id for exposure in exposures)
        records = self._butler.query_dimension_records(
            "visit_definition", where=_where(numbers), explain=False, limit=None
        )
        return [(int(record.visit), int(record.exposure)) for record in records]

    def _refs(self, kind: str, numbers: Iterable[int]) -> list[DatasetRef]:
        try:
            refs = self._butler.query_datasets(
                kind,
                # In whatever run, and each of them: one that is there twice is no good either.
                collections="*",
                find_first=False,
                where=_where(sorted(numbers)),
                explain=False,
                limit=None,
            )
        except (MissingCollectionError, MissingDatasetTypeError):
            return []  # nothing has been ingested yet: the first file makes the collection
        if astray := {ref.run for ref in refs} - {HOMES[kind]}:
            raise RigError(f"{kind}: datasets are in {sorted(astray)}, not in {HOMES[kind]} alone")
        return refs

    def _subject(self, ref: DatasetRef) -> tuple[int, str]:
        return int(ref.dataId["exposure"]), self._names[int(ref.dataId["detector"])]


def _where(numbers: Iterable[int]) -> str:
    return f"instrument = 'LSSTCam' AND exposure IN ({', '.join(map(str, numbers))})"
