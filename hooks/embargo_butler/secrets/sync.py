"""Kubernetes Secrets: what they should hold, out of Vault, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from embargo_butler.config.config import (
    Config,
    FieldSource,
    LiteralSource,
    Source,
    TemplateSource,
    VaultPath,
)
from embargo_butler.config.templates import MissingError, TemplateError, references, render
from embargo_butler.engine.report import Report
from embargo_butler.errors import ABSENT, Gathering, KubernetesError, VaultError
from embargo_butler.model.ports import Cluster, Vault
from embargo_butler.model.resources import KubernetesSecret
from embargo_butler.secret import Secret

Documents = Mapping[VaultPath, Mapping[str, Secret] | None]
_READERS = 8
_MAX_BYTES = 1 << 20
"""What the cluster's API accepts in one Secret."""


def paths(config: Config) -> list[VaultPath]:
    """Return every path that the declared Secrets need, each once."""
    needed: dict[VaultPath, None] = {}
    for keys in config.secrets.values():
        for source in keys.values():
            needed.update(dict.fromkeys(paths_of(source)))
    return list(needed)


def logged_in(
    login: Callable[[], Vault],
    wanted: list[VaultPath],
    report: Report,
    gathering: Gathering,
    absent: dict[VaultPath, VaultError | None] | None = None,
) -> Documents | None:
    """Log in to `read` paths, if there are any, and end the login; None where there was none."""
    documents: Documents | None = None if wanted else {}
    if wanted:
        report.step("logging in to Vault")
        with gathering.catching(), login() as vault:
            documents = read(vault, wanted, report, gathering, absent)
    return documents


def read(
    vault: Vault,
    wanted: list[VaultPath],
    report: Report,
    gathering: Gathering,
    absent: dict[VaultPath, VaultError | None] | None = None,
) -> Documents:
    """Read paths; a path that could not be read is noted as a problem, once, and None here.

    Args:
        vault: The open login.
        wanted: The paths.
        report: Is told what is done.
        gathering: Takes the problems.
        absent: The paths that may be absent are its keys; it takes why one is, which is no problem.
    """
    report.step(f"reading Vault {', '.join(map(str, wanted))}")
    documents: dict[VaultPath, Mapping[str, Secret] | None] = dict.fromkeys(wanted)
    pool = ThreadPoolExecutor(min(_READERS, len(wanted) or 1))
    try:
        reading = {at: pool.submit(vault.read, at.path, at.version) for at in wanted}
        told = set[str]()
        for at, future in reading.items():
            with gathering.catching():
                try:
                    documents[at] = future.result()
                except VaultError as error:
                    if absent is not None and at in absent and error.kind in ABSENT:
                        absent[at] = error
                        continue
                    # A token that has expired is one problem, however many paths are asked for.
                    if str(error) in told:
                        continue
                    told.add(str(error))
                    raise
    finally:
        # Not waited for: when the run has to end now, the login is to be ended as well.
        pool.shutdown(wait=False, cancel_futures=True)
    return documents


def desired(config: Config, documents: Documents, gathering: Gathering) -> list[KubernetesSecret]:
    """Work out the declared Secrets; what cannot be is noted as a problem."""
    made = []
    for name, keys in config.secrets.items():
        data = {}
        for key, source in keys.items():
            with gathering.catching():
                value = value_of(f"Secret {name}, key {key}", source, documents)
                if value is not None:
                    data[key] = value
        size = sum(len(value.reveal()) for value in data.values())
        with gathering.catching():
            if size > _MAX_BYTES:
                raise KubernetesError(
                    f"Secret {name}: its values have {size} bytes, and Kubernetes takes "
                    f"{_MAX_BYTES} in one Secret; declare it as several"
                )
        made.append(KubernetesSecret(name, data))
    return made


def missing(config: Config, live: Mapping[str, KubernetesSecret]) -> list[str]:
    """Name the declared keys that are not there, but for optional ones."""
    return [
        f"Secret {name}, key {key}"
        for name, keys in config.secrets.items()
        for key, source in keys.items()
        if isinstance(source, LiteralSource) or not source.optional
        if name not in live or not live[name].ours or key not in live[name].data
    ]


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


def paths_of(source: Source) -> list[VaultPath]:
    """Return the paths that a source needs."""
    match source:
        case FieldSource(at=at):
            return [at]
        case TemplateSource(sources=sources):
            return list(sources.values())
        case LiteralSource():
            return []


def value_of(what: str, source: Source, documents: Documents) -> Secret | None:
    """Return a source's value; None where it is optional and missing, or was not read.

    Raises:
        VaultError: It is not as it should be.
    """
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


def field_of(what: str, at: VaultPath, name: str, document: Mapping[str, Secret]) -> Secret:
    """Return a field that must be there and hold something.

    Raises:
        VaultError: It is missing or empty.
    """
    if name not in document:
        there = ", ".join(sorted(document)) or "none"
        raise VaultError(
            f"{what}: Vault path {at} has no field {name!r}; its fields: {there}", "field-missing"
        )
    if not document[name]:
        raise VaultError(
            f"{what}: field {name!r} of Vault path {at} is empty; "
            'fill it, or declare `value: ""` if it is meant to be',
            "value-empty",
        )
    return document[name]


def _filled(what: str, source: TemplateSource, documents: Documents) -> Secret | None:
    context = {}
    for name, at in source.sources.items():
        document = documents[at]
        if document is None:
            return None
        context[name] = {key: value.text() for key, value in document.items()}
    try:
        filled = render(source.template, context)
        for path in sorted(references(source.template)):
            if len(path) == 2 and context[path[0]].get(path[1]) == "":
                at = source.sources[path[0]]
                field_of(what, at, path[1], documents[at] or {})
    except MissingError as error:
        if source.optional:
            return None
        raise VaultError(f"{what}: {error}", "field-missing") from None
    except TemplateError as error:
        raise VaultError(f"{what}: {error}", "template") from None
    return Secret(filled)
