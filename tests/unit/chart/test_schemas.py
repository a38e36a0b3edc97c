"""The schemas that kubeconform is fed with refuse what the API server would refuse, or drop."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.tools.schemas import kinds

PORT = {"type": "object", "properties": {"port": {"$ref": "#/definitions/number"}}}
DEFINITIONS: dict[str, Any] = {
    "thing": {
        "type": "object",
        "description": "prose",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "description": {"type": "string"},
            "port": {"$ref": "#/definitions/port"},
        },
        "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Thing"}],
    },
    "port": PORT,
    "number": {"type": "string", "format": "int-or-string"},
    "unused": PORT,
    "foreign": {
        "type": "object",
        "properties": {},
        "x-kubernetes-group-version-kind": [{"group": "other", "version": "v1", "kind": "Far"}],
    },
}
GOOD = {"apiVersion": "apps/v1", "kind": "Thing", "metadata": {"name": "a"}}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found = dict(kinds(DEFINITIONS))
    assert list(found) == ["thing-apps-v1"]
    assert set(found["thing-apps-v1"]["definitions"]) == {"thing", "port", "number"}
    return found["thing-apps-v1"]


@pytest.mark.parametrize("port", [80, "http"])
def test_takes_what_is_right(schema: dict[str, Any], port: int | str) -> None:
    jsonschema.validate({**GOOD, "description": "text", "port": {"port": port}}, schema)


@pytest.mark.parametrize(
    "change", [{"prot": {}}, {"port": {"prot": 80}}, {"apiVersion": "v1"}, {"port": 80}]
)
def test_refuses_what_is_wrong(schema: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**GOOD, **change}, schema)
