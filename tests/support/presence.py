"""Presence's question and answers, asked as Prompt Processing asks: by HTTP."""

from __future__ import annotations

from dataclasses import dataclass

import urllib3


@dataclass(frozen=True)
class Answer:
    """What presence said: the HTTP status, and where the image is if it is there."""

    status: int
    uri: str | None


class Presence:
    """The presence service at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(maxsize=4, timeout=10, retries=False)

    def address(self, group: str, detector: str) -> str:
        """Return the URL that asks for a detector's first image of a group."""
        return f"{self.url}/presence/LSSTCam/{group}/0/{detector}"

    def ask(self, group: str, detector: str) -> Answer:
        """Ask for a detector's first image of a group.

        Raises:
            OSError: No answer came.
        """
        try:
            response = self._pool.request("GET", self.address(group, detector))
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"GET {self.address(group, detector)}: {error}") from error
        if response.status != 200:
            return Answer(response.status, None)
        said = response.json()
        return Answer(response.status, said["uri"] if said["present"] else None)
