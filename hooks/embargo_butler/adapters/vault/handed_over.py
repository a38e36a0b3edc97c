"""What a person has read in Vault for a job, wrapped for it alone: neither login nor policy.

Source: Vault's response wrapping, `sys/wrapping/wrap`, which Vault's own policy `default` permits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from embargo_butler.config.config import VaultPath
from embargo_butler.errors import HooksError, VaultError
from embargo_butler.model.ports import Vault
from embargo_butler.secret import Secret

_KEY = "embargo-butler"
_OF_THE_PATH = ("path-absent", "forbidden", "version-deleted", "version-destroyed")


class HandedOver:
    """The paths that were read, and why others could not be."""

    def __init__(self, documents: Mapping[VaultPath, Mapping[str, Secret] | VaultError]) -> None:
        """Take them."""
        self._documents = documents

    def read(self, path: str, version: int | None = None) -> Mapping[str, Secret]:
        """Return the fields of a path.

        Raises:
            VaultError: It could not be read, or was not handed over.
        """
        found = self._documents.get(VaultPath(path, version))
        if found is None:
            raise VaultError(
                f"Vault path {VaultPath(path, version)}: was not handed over to this job, which "
                "says nothing of what Vault has there; it is declared otherwise than in the "
                "checkout that the release was typed from: `make apply` again, from a checkout "
                "that declares it",
                "not-handed-over",
            )
        if isinstance(found, VaultError):
            raise found
        return found


def gathered(vault: Vault, paths: Iterable[VaultPath]) -> dict[str, Any]:
    """Read what a job needs, to be wrapped; why a path cannot be read goes with it.

    Raises:
        VaultError: Vault does not answer.
    """
    read: list[dict[str, Any]] = []
    for each in paths:
        entry: dict[str, Any] = {"path": each.path, "version": each.version}
        try:
            fields = vault.read(each.path, each.version)
            entry["fields"] = {name: value.text() for name, value in fields.items()}
        except VaultError as error:
            if error.kind not in _OF_THE_PATH:
                raise
            entry |= {"problem": str(error), "kind": error.kind}
        read.append(entry)
    return {_KEY: read}


def received(data: Any) -> HandedOver | None:
    """Return what was wrapped for this job; None for anything else.

    Raises:
        HooksError: It was made by another version of this program.
    """
    entries = data.get(_KEY) if isinstance(data, Mapping) else None
    if entries is None:
        return None
    try:
        return HandedOver({VaultPath(e["path"], e["version"]): _document(e) for e in entries})
    except (TypeError, KeyError, AttributeError):
        raise HooksError("what was handed over to this job cannot be read") from None


def _document(entry: Mapping[str, Any]) -> Mapping[str, Secret] | VaultError:
    if "problem" in entry:
        return VaultError(entry["problem"], entry["kind"])
    return {name: Secret(value) for name, value in entry["fields"].items()}
