"""The Butler repository as the two ingesters use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lsst.daf.butler import (
    Butler,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    DimensionRecord,
    FileDataset,
)
from lsst.resources import ResourcePath

_FORMATTER = "lsst.daf.butler.formatters.json.JsonFormatter"


class DuplicateIngestError(RuntimeError):
    """A file is in the repository already."""


class UndefinedExposureError(RuntimeError):
    """A guider's exposure is not in the repository yet."""


def _nothing(*_: Any) -> None:
    return


@dataclass(frozen=True)
class Hooks:
    """Whom an ingester tells what became of each file; a hook may raise to end the run."""

    success: Callable[[list[FileDataset]], None]
    metadata_failure: Callable[[ResourcePath, Exception], None]
    ingest_failure: Callable[[list[ResourcePath], Exception], None] = field(default=_nothing)
    undefined_exposure: Callable[[ResourcePath, str], None] = field(default=_nothing)


class Repository:
    """A writeable Butler, and the detectors that it knew when it was opened.

    Args:
        butler: The Butler.
    """

    def __init__(self, butler: Butler) -> None:
        self.butler = butler
        self._detectors: dict[str, dict[str, DimensionRecord]] = {}
        for instrument in butler.registry.queryDimensionRecords("instrument"):
            self._detectors[instrument.name] = {
                record.full_name: record
                for record in butler.registry.queryDimensionRecords(
                    "detector", instrument=instrument.name
                )
            }

    def detector(self, instrument: str, name: str) -> DimensionRecord:
        """Return a detector's record.

        Raises:
            LookupError: The repository did not know the instrument, or it has no such detector.
        """
        if instrument not in self._detectors:
            raise LookupError(f"Instrument {instrument} is not registered in the repository")
        if name not in self._detectors[instrument]:
            raise LookupError(f"Instrument {instrument} has no detector {name}")
        return self._detectors[instrument][name]

    def data_id(self, instrument: str, detector: int, exposure: int) -> DataCoordinate:
        """Return the data ID of one image."""
        return DataCoordinate.standardize(
            instrument=instrument,
            detector=detector,
            exposure=exposure,
            universe=self.butler.dimensions,
        )

    def ingest(
        self, files: list[tuple[ResourcePath, DataCoordinate]], kind: DatasetType, run: str
    ) -> list[FileDataset]:
        """Record files where they are, all or none; the same file always gets the same UUID.

        Raises:
            ConflictingDefinitionError: One of them is there already.
        """
        unique = DatasetIdGenEnum.DATAID_TYPE_RUN
        datasets = [
            FileDataset(
                path=path,
                refs=[DatasetRef(kind, data_id, run=run, id_generation_mode=unique)],
                formatter=_FORMATTER,
            )
            for path, data_id in files
        ]
        self.butler.ingest(*datasets, transfer="direct")
        return datasets
