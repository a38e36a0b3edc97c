"""Ingest of the guiders' images, which belong to an exposure that others have to bring."""

from __future__ import annotations

import logging

from lsst.resources import ResourcePath

import headers
from lsstcam import GUIDER, GUIDER_RAW
from observations import Observation, identify
from repository import Hooks, Repository

FILE_FILTER = r".*SG.*_guider\.fits$"

logger = logging.getLogger(__name__)


def ingest(repository: Repository, resources: list[ResourcePath], hooks: Hooks) -> None:
    """Ingest guider files.

    Raises:
        RuntimeError: Some of them failed, in a way that the hooks have been told.
        MissingDatasetTypeError: The repository was made without the guiders' dataset type.
        ValueError: No translator knows a header, of which no hook is told.
    """
    kind = repository.butler.get_dataset_type(GUIDER_RAW)
    # Asks S3 whether each is a folder; an error of S3 goes up as it is.
    for group in ResourcePath.findFileResources(resources, FILE_FILTER, grouped=True):
        paths = list(group)
        named = _identify(repository, paths, hooks)
        known = _exposures(repository, list(named.values()))
        files = []
        for path, observation in named.items():
            if observation.obs_id not in known:
                logger.warning("Failed to find exposure record for %s", observation.obs_id)
                hooks.undefined_exposure(path, observation.obs_id)
                continue
            run = f"{observation.instrument}/raw/guider"
            repository.butler.collections.register(run)
            detector = repository.detector(observation.instrument, observation.detector)
            data_id = repository.data_id(
                observation.instrument, detector.id, known[observation.obs_id]
            )
            files.append((path, data_id))
        if files:
            try:
                ingested = repository.ingest(files, kind, run)
            except Exception as error:
                hooks.ingest_failure([path for path, _ in files], error)
                files = []
            else:
                hooks.success(ingested)
        if len(files) != len(paths):
            raise RuntimeError(f"Failed to ingest {len(paths) - len(files)} files.")


def _identify(
    repository: Repository, paths: list[ResourcePath], hooks: Hooks
) -> dict[ResourcePath, Observation]:
    named = {}
    for path in paths:
        try:
            header = headers.for_raw(path)
        except Exception as error:
            hooks.metadata_failure(path, error)
            continue
        headers.find_translator(header)
        try:
            observation = identify(header)
            detector = repository.detector(observation.instrument, observation.detector)
            if detector.purpose != GUIDER:
                raise ValueError(f"File {path} is not a {GUIDER} observation.")
        except Exception as error:
            hooks.metadata_failure(path, error)
            continue
        named[path] = observation
    return named


def _exposures(repository: Repository, observations: list[Observation]) -> dict[str, int]:
    """Return the numbers of those exposures that the repository has."""
    known: dict[str, int] = {}
    for instrument in {observation.instrument for observation in observations}:
        wanted = {o.obs_id for o in observations if o.instrument == instrument}
        with repository.butler.query() as query:
            found = query.where(
                "exposure.obs_id IN (wanted)", bind={"wanted": wanted}, instrument=instrument
            ).dimension_records("exposure")
            known.update({record.obs_id: record.id for record in found})
    return known
