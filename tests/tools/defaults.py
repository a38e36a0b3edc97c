"""The part of the chart's schema that says which values have to be there, from values.yaml.

A key without a value (`mode:`, which is null) makes Helm take the default away before it looks at
the schema, and templates would be rendered without it. So every default has to be there when the
schema is looked at, but for the keys in `NULLS`.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

COMPONENTS = ("redis", "enqueue", "ingest", "idle", "presence")
NULLS: Mapping[str, str] = {
    "<component>.replicas": "left out of the manifest, so that `kubectl scale` lasts",
    "<component>.podDisruptionBudget.maxUnavailable": "a drain may take as many as it likes",
    "<component>.tolerations": "those of `pods`",
    "<component>.priorityClassName": "that of `pods`",
    "<component>.env.*": "the variable is not set",
    "<component>.volumes.*": "there is no such volume",
    "<component>.volumeMounts.*": "nothing is mounted there",
    "ingest.files.*": "there is no such file",
    "ingest.claims.*": "there is no such claim",
    "ingest.fsGroup": "the claims stay whose they are",
    "ingest.rucio": "nothing is registered with Rucio",
    "secrets.*": "it is not copied from Vault",
    "existingSecrets.*": "nobody else makes it",
    "vault.namespace": "none",
    "vault.caBundle": "the authorities of the image",
    "vault.timeoutSeconds": "10",
    "vault.retrySeconds": "30",
    "monitoring.dashboard.labels.*": "the label is not set",
    "extraObjects.*": "there is no such object",
}
"""The keys whose null means something, and what. `*` is any name."""

_WIDTH = 100
_BEGIN = '  "$comment": "Written by `make docs`: '
_COMMENT = f'{_BEGIN}every default has to be there, unless its null means something.",\n'


def meant(path: Sequence[str]) -> str | None:
    """Return the entry of `NULLS` for a key of the values, or None where a null is refused."""
    for pattern in NULLS:
        words = pattern.split(".")
        if len(words) == len(path) and all(map(_matches, words, path)):
            return pattern
    return None


def _matches(word: str, key: str) -> bool:
    return word in ("*", key) or (word == "<component>" and key in COMPONENTS)


def required(values: Mapping[str, Any], *above: str) -> dict[str, Any]:
    """Return the schema that requires all keys of a map of defaults, and of the maps in it.

    It is made of patterns, as Helm tells what `allOf` finds with words about `allOf`.
    """
    keys = [key for key in values if not meant((*above, key))]
    inner = {
        f"^{re.escape(key)}$": required(values[key], *above, key)
        for key in keys
        if isinstance(values[key], dict)
    }
    found = {
        "required": keys,
        "patternProperties": {key: node for key, node in inner.items() if node},
    }
    return {key: part for key, part in found.items() if part}


def schema(text: str, values: Mapping[str, Any]) -> str:
    """Return the schema's text with the part that follows from values.yaml at its end."""
    by_hand = text.partition(_BEGIN)[0].rstrip().removesuffix("}").rstrip().removesuffix(",")
    return f"{by_hand},\n{_COMMENT}{_text(required(values))[2:]}\n"


def _text(node: Any, indent: int = 0) -> str:
    """Format JSON, on one line where it fits, else a map by its keys and a list by the line."""
    line = json.dumps(node)
    if indent and len(line) + indent < _WIDTH:
        return line
    space = " " * (indent + 2)
    if isinstance(node, list):
        words = ", ".join(map(json.dumps, node))
        filled = textwrap.fill(words, _WIDTH, initial_indent=space, subsequent_indent=space)
        return f"[\n{filled}\n{space[2:]}]"
    parts = (f"{space}{json.dumps(key)}: {_text(part, indent + 2)}" for key, part in node.items())
    return "{\n" + ",\n".join(parts) + f"\n{space[2:]}}}"
