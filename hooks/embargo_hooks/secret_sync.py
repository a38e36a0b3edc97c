"""Kubernetes Secrets: what they should hold, out of Vault, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping

from embargo_hooks.config import (
    Config,
    FieldSource,
    LiteralSource,
    Source,
    TemplateSource,
    VaultPath,
)
from embargo_hooks.errors import Gathering, VaultError
from embargo_hooks.ports import Cluster, Vault
from embargo_hooks.report import Report
from embargo_hooks.resources import KubernetesSecret
from embargo_hooks.secret import Secret
from embargo_hooks.templates import TemplateError, render

Documents = Mapping[VaultPath, Mapping[str, Secret] | None]


def paths(config: Config) -> list[VaultPath]:
    """Return every path that the declared Secrets need, each once."""
    needed: dict[VaultPath, None] = {}
    for keys in config.secrets.values():
        for source in keys.values():
            needed.update(dict.fromkeys(_paths(source)))
    return list(needed)


def read(vault: Vault, wanted: list[VaultPath], report: Report, gathering: Gathering) -> Documents:
    """Read paths; a path that could not be read is noted as a problem, once, and None here."""
    documents: dict[VaultPath, Mapping[str, Secret] | None] = {}
    for at in wanted:
        report.step(f"reading Vault {at}")
        documents[at] = None
        with gathering.catching():
            documents[at] = vault.read(at.path, at.version)
    return documents


def desired(config: Config, documents: Documents, gathering: Gathering) -> list[KubernetesSecret]:
    """Work out the declared Secrets; what cannot be is noted as a problem."""
    made = []
    for name, keys in config.secrets.items():
        data = {}
        for key, source in keys.items():
            with gathering.catching():
                value = _value(f"Secret {name}, key {key}", source, documents)
                if value is not None:
                    data[key] = value
        made.append(KubernetesSecret(name, data))
    return made


def observe(
    config: Config, cluster: Cluster, report: Report, gathering: Gathering
) -> dict[str, KubernetesSecret]:
    """Get the live Secrets of the declared names."""
    live = {}
    report.step(f"reading {len(config.secrets)} Secrets of namespace {config.namespace}")
    for name in config.secrets:
        with gathering.catching():
            if found := cluster.secret(name):
                live[name] = found
    return live


def field_of(what: str, at: VaultPath, name: str, document: Mapping[str, Secret]) -> Secret:
    """Return a field that must be there and hold something.

    Raises:
        VaultError: It is missing or empty.
    """
    if name not in document:
        there = ", ".join(sorted(document)) or "none"
        raise VaultError(f"{what}: Vault path {at} has no field {name!r}; its fields: {there}")
    if not document[name]:
        raise VaultError(
            f"{what}: field {name!r} of Vault path {at} is empty; "
            'fill it, or declare `value: ""` if it is meant to be'
        )
    return document[name]


def _paths(source: Source) -> list[VaultPath]:
    match source:
        case FieldSource(at=at):
            return [at]
        case TemplateSource(sources=sources):
            return list(sources.values())
        case LiteralSource():
            return []


def _value(what: str, source: Source, documents: Documents) -> Secret | None:
    match source:
        case LiteralSource(value=value):
            return Secret(value)
        case FieldSource(at=at, field=name, optional=optional):
            document = documents[at]
            if document is None or (optional and name not in document):
                return None
            return field_of(what, at, name, document)
        case TemplateSource():
            return _filled(what, source, documents)


def _filled(what: str, source: TemplateSource, documents: Documents) -> Secret | None:
    context = {}
    for name, at in source.sources.items():
        document = documents[at]
        if document is None:
            return None
        try:
            context[name] = {key: value.text() for key, value in document.items()}
        except ValueError as error:
            raise VaultError(f"{what}: Vault path {at}: {error}") from None
    try:
        return Secret(render(source.template, context))
    except TemplateError as error:
        if source.optional:
            return None
        raise VaultError(f"{what}: {error}") from None
