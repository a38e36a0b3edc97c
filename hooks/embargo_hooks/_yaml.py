"""YAML in which no key stands twice: of two, YAML's own rule silently takes the last."""

from __future__ import annotations

from typing import Any

import yaml


class GivenTwice(yaml.MarkedYAMLError):
    """A key stands twice in one mapping."""

    def __init__(self, key: str, mark: yaml.Mark) -> None:
        """Take the key and its second place."""
        super().__init__(problem_mark=mark)
        self.key = key


class _Loader(yaml.CSafeLoader):
    """Parses in C: in Python, a configuration takes longer to parse than its buckets to plan."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            # A merge key may stand there several times.
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise GivenTwice(key.value, key.start_mark)
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text: str) -> Any:
    """Parse a document.

    Raises:
        GivenTwice: A key stands twice in one mapping.
        yaml.YAMLError: It is not YAML.
    """
    return yaml.load(text, _Loader)
