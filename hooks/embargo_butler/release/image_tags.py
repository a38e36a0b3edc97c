"""The images that an environment's values file names, and changes of them.

A change keeps the file's comments, order and style.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embargo_butler.release.environments import CHART, read_values
from embargo_butler.release.yaml_file import YamlFile, put, remove

COMPONENTS = ("redis", "enqueue", "ingest", "idle", "presence")
_VERSION = re.compile(r"v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].+)?")
"""The same rule as in the chart's checks; 1.0, 0.99 and 0.99.2-w_2023_41 are versions here."""


@dataclass(frozen=True)
class Image:
    """An image as the values name it.

    Attributes:
        registry: Host of the registry.
        repository: Its repository there.
        tag: Its tag, empty if a digest says all.
        digest: Its digest, empty if none is given.
    """

    registry: str
    repository: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        """Return it as `docker pull` takes it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def moves(self) -> bool:
        """Whether the same name may mean another image tomorrow."""
        return not self.digest and not _VERSION.fullmatch(self.tag)


class ImageTags:
    """The images of an environment's components, by `values/<environment>.yaml`."""

    def __init__(self, project: Path, environment: str) -> None:
        """Read the file.

        Args:
            project: The folder of the project.
            environment: The environment's name.

        Raises:
            ConfigError: The file cannot be read.
        """
        self.path = project / "values" / f"{environment}.yaml"
        self._file = YamlFile(self.path)
        self._values = self._file.document
        self._defaults: Mapping[str, Any] = read_values(project / CHART / "values.yaml")

    def images(self) -> dict[str, Image]:
        """Return the images of the components that the environment has."""
        found = {}
        for name in COMPONENTS:
            given = self._values.get(name, {})
            if given.get("enabled", True) and "image" in given:
                image = {**self._defaults[name]["image"], **given["image"]}
                fields = (str(image[key]) for key in ("registry", "repository", "tag", "digest"))
                found[name] = Image(*fields)
        return found

    def put(self, component: str, image: Image) -> None:
        """Change tag and digest of a component's image; `save` writes it."""
        given = self._values[component]["image"]
        for key, value in (("tag", image.tag), ("digest", image.digest)):
            if value:
                put(given, key, value)
            elif key in given:
                remove(given, key)

    def text(self) -> str:
        """Return the file as it would be written."""
        return self._file.text()

    def save(self) -> None:
        """Write the file, all of it or nothing."""
        self._file.save()
