"""Ingest of science and wavefront images."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from lsst.daf.butler import DataCoordinate, DatasetType, DimensionRecord
from lsst.resources import ResourcePath

import headers
import visits
from lsstcam import GUIDER, RAW, RAW_DIMENSIONS, STORAGE_CLASSES
from observations import Observation, identify, records
from repository import Hooks, Repository
from settings import Settings

logger = logging.getLogger(__name__)


@dataclass
class _ExposureFiles:
    """The files of one exposure; the first one's header speaks for all."""

    records: dict[str, DimensionRecord]
    files: list[tuple[ResourcePath, DataCoordinate]]

    @property
    def paths(self) -> list[ResourcePath]:
        return [path for path, _ in self.files]


class RawIngester:
    """Ingests files, exposure by exposure.

    Args:
        repository: Where to.
        hooks: Whom to tell.
        settings: What the environment says.
    """

    def __init__(self, repository: Repository, hooks: Hooks, settings: Settings) -> None:
        self._repository = repository
        self._hooks = hooks
        self._is_lfa = settings.is_lfa
        self._does = settings.does
        self._type = DatasetType(
            RAW, RAW_DIMENSIONS, STORAGE_CLASSES[RAW], universe=repository.butler.dimensions
        )

    def run(self, resources: list[ResourcePath]) -> list[DimensionRecord]:
        """Ingest files; returns their exposures.

        Raises:
            RuntimeError: Some of them failed, in a way that the hooks have been told.
        """
        exposures, failures = self._prepare(resources)
        for exposure in exposures:
            failures += not self._ingest(exposure)
        if failures:
            raise RuntimeError("Some failures encountered during ingestion")
        return [exposure.records["exposure"] for exposure in exposures]

    def _prepare(self, resources: list[ResourcePath]) -> tuple[list[_ExposureFiles], int]:
        """Read all headers, one after the other, and look up what they name."""
        exposures: dict[tuple[str, int], list[tuple[ResourcePath, Observation]]] = {}
        made: dict[tuple[str, int], dict[str, DimensionRecord]] = {}
        failures = 0
        universe = self._repository.butler.dimensions
        for resource in resources:
            try:
                passed = self._does["broken_sidecar_passed"]
                observation = identify(headers.for_raw(resource, broken_sidecar_passed=passed))
                detector = self._repository.detector(observation.instrument, observation.detector)
                if detector.purpose == GUIDER and not self._does["guiders"]:
                    raise ValueError(f"{observation.detector} is a guider, which is no raw")
                found = records(observation, universe)
            except Exception as error:
                self._hooks.metadata_failure(resource, error)
                failures += 1
                continue
            key = observation.instrument, observation.exposure
            exposures.setdefault(key, []).append((resource, observation))
            made.setdefault(key, found)
        # Here an error of the database is nobody's failure: it goes up as it is.
        return [self._expand(made[key], files) for key, files in exposures.items()], failures

    def _expand(
        self,
        found: dict[str, DimensionRecord],
        files: list[tuple[ResourcePath, Observation]],
    ) -> _ExposureFiles:
        repository, registry = self._repository, self._repository.butler.registry
        common = registry.expandDataId(found["exposure"].dataId, records=found)
        known = {name: common.records[name] for name in common.dimensions.elements}
        expanded = []
        for resource, observation in files:
            detector = repository.detector(observation.instrument, observation.detector)
            data_id = repository.data_id(observation.instrument, detector.id, observation.exposure)
            expanded.append((resource, registry.expandDataId(data_id, records=known)))
        return _ExposureFiles(found, expanded)

    def _ingest(self, exposure: _ExposureFiles) -> bool:
        """Ingest one exposure's files; returns whether that went well."""
        registry = self._repository.butler.registry
        try:
            new = [registry.syncDimensionData(*item) for item in exposure.records.items()][-1]
        except Exception as error:
            self._hooks.ingest_failure(exposure.paths, error)
            logger.warning("Exposure could not be registered: %s", error)
            return False
        record = exposure.records["exposure"]
        if new and not (self._is_lfa or self._does["visits_by_batch"]):
            visits.define(self._repository.butler, record)
        registry.registerDatasetType(self._type)
        run = f"{record.instrument}/raw/all"
        self._repository.butler.collections.register(run)
        try:
            ingested = self._repository.ingest(exposure.files, self._type, run)
        except Exception as error:
            self._hooks.ingest_failure(exposure.paths, error)
            logger.warning("Failed to ingest the following for reason: %s", error)
            return False
        self._hooks.success(ingested)
        return True
