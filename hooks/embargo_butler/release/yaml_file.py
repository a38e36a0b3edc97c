"""A YAML file that a person has written, and changes of it that keep comments, order and style."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, MutableMapping
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
)
from ruamel.yaml.tokens import CommentToken

from embargo_butler.config import yaml as strict_yaml
from embargo_butler.errors import ConfigError

_ENDING = (FoldedScalarString, LiteralScalarString)
"""Texts of several lines, which end with a line of their own."""
_PLAIN = re.compile(r"([A-Za-z]|\d+\.\d+\.)[\w./-][\w./:@-]*[\w./-]", re.ASCII)
"""What no program that reads YAML takes for anything but a text, but for a word such as `yes`."""
_SEQUENCES = ((2, 0), (4, 2))
"""How far the entries of a list are from their key, and their dashes: below it, or further in."""


class YamlFile:
    """A file and its document.

    Attributes:
        path: The file.
        document: What it holds: plain to read, and to be changed by the functions below.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ConfigError: It cannot be read, is not YAML, or a key stands twice in one mapping.
        """
        self.path = path
        strict_yaml.read(path)
        self.before = path.read_text()
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 4096
        self.document: CommentedMap = self._yaml.load(self.before)
        for sequence, offset in _SEQUENCES:
            self._yaml.indent(mapping=2, sequence=sequence, offset=offset)
            if self.text() == self.before:
                break

    def text(self) -> str:
        """Return the file as it would be written."""
        out = StringIO()
        self._yaml.dump(self.document, out)
        return out.getvalue()

    def versions(self, hide: Callable[[MutableMapping[str, Any]], None]) -> tuple[str, str]:
        """Return the file as it was read and as it would be written, to be shown to people.

        Args:
            hide: Takes out of a document what nobody is to see.
        """
        shown = []
        for text in (self.before, self.text()):
            document, out = self._yaml.load(text), StringIO()
            hide(document)
            self._yaml.dump(document, out)
            shown.append(out.getvalue())
        return shown[0], shown[1]

    def save(self) -> None:
        """Write the file, all of it or nothing; its mode stays, and a link to it.

        Raises:
            ConfigError: It is not as it was read any more, or cannot be written.
        """
        target = self.path.resolve()
        aside = target.with_suffix(".new")
        try:
            if self.path.read_text() != self.before:
                raise ConfigError(f"{self.path}: somebody has changed it meanwhile; try again")
            text = self.text()
            aside.write_text(text)
            shutil.copymode(target, aside)
            aside.replace(target)
            self.before = text
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror}") from None


def put(mapping: MutableMapping[str, Any], key: str, value: Any) -> None:
    """Give a key a value, spelled as it is where it has that already; a new key comes last."""
    if key in mapping and mapping[key] == value:
        return
    if not isinstance(mapping, CommentedMap):
        mapping[key] = value
        return
    if key not in mapping and mapping:
        # What stands after the last entry is said of what follows the mapping.
        last = list(mapping)[-1]
        following = _take_following(mapping, last)
        mapping[_styled(key)] = _styled(value)
        _say_after(mapping, key, following)
        return
    following = _take_following(mapping, key) if key in mapping else ""
    mapping[_styled(key)] = _styled(value, mapping.get(key))
    _say_after(mapping, key, following)


def rename(mapping: MutableMapping[str, Any], old: str, new: str) -> None:
    """Give an entry another key, at its place."""
    if old == new:
        return
    entries = list(mapping)
    at = entries.index(old)
    if not isinstance(mapping, CommentedMap):
        rest = [(key, mapping.pop(key)) for key in entries[at:]]
        mapping.update({new if key == old else key: value for key, value in rest})
        return
    comments = mapping.ca.items.pop(old, None)
    value = mapping.pop(old)
    mapping.insert(at, _styled(new), value)
    if comments is not None:
        mapping.ca.items[new] = comments


def remove(mapping: MutableMapping[str, Any], key: str) -> None:
    """Take an entry away, with what is said in its line; what is said below it stays."""
    if not isinstance(mapping, CommentedMap):
        del mapping[key]
        return
    entries = list(mapping)
    at = entries.index(key)
    following = _take_following(mapping, key)
    above = (mapping.ca.items.get(key) or [None] * 4)[1] or []
    said = "".join(map(_with_indent, above)) + following
    del mapping[key]
    mapping.ca.items.pop(key, None)
    if said and at:
        _say_after(mapping, entries[at - 1], said)
    elif said and len(entries) > 1:
        after = mapping.ca.items.setdefault(entries[1], [None, None, None, None])
        after[1] = [_comment(said), *(after[1] or [])]


def _take_following(mapping: CommentedMap, key: str) -> str:
    """Take what stands in lines of its own after an entry, and return it."""
    holder, at = _last_of(mapping, key)
    if ends := getattr(holder.ca, "end", None):
        holder.ca.end = []
        return "".join(map(_with_indent, ends))
    comments = holder.ca.items.get(at)
    place = 0 if isinstance(holder, CommentedSeq) else 2
    if not comments or comments[place] is None:
        return ""
    if isinstance(holder[at], _ENDING):
        token, comments[place] = comments[place], None
        return _with_indent(token)
    line, _, following = comments[place].value.partition("\n")
    if following:
        comments[place] = _comment(f"{line}\n", comments[place]) if line else None
    return str(following)


def _say_after(mapping: CommentedMap, key: str, text: str) -> None:
    """Let lines of comments, and empty ones, stand after an entry."""
    if not text:
        return
    holder, at = _last_of(mapping, key)
    place = 0 if isinstance(holder, CommentedSeq) else 2
    comments = holder.ca.items.setdefault(at, [None, None, None, None])
    there = comments[place]
    begin = "" if isinstance(holder[at], _ENDING) else "\n"
    comments[place] = _comment((there.value if there else begin) + text, there)


def _last_of(mapping: CommentedMap, key: str) -> tuple[Any, Any]:
    """Return where the comments after an entry are kept: at the last of all that it holds."""
    holder: Any = mapping
    at: Any = key
    while isinstance(below := holder[at], (CommentedMap, CommentedSeq)):
        if not below or below.fa.flow_style():
            break
        holder, at = below, list(below)[-1] if isinstance(below, CommentedMap) else len(below) - 1
    return holder, at


def _with_indent(token: CommentToken) -> str:
    """Return a comment's lines, of which a token has the first one without its indent."""
    return " " * token.start_mark.column + str(token.value)


def _comment(text: str, like: CommentToken | None = None) -> CommentToken:
    return CommentToken(text, like.start_mark if like else CommentMark(0), None)


def _styled(value: Any, before: Any = None) -> Any:
    """Return a value as it is to be spelled: quoted where it could be read as something else."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and yaml.safe_load(value) == value
        quoted = isinstance(before, DoubleQuotedScalarString) or not plain
        return DoubleQuotedScalarString(value) if quoted else value
    if isinstance(value, list):
        like = before[0] if isinstance(before, CommentedSeq) and before else None
        made: Any = CommentedSeq(_styled(each, like) for each in value)
    elif isinstance(value, dict):
        made = CommentedMap((_styled(key), _styled(each)) for key, each in value.items())
    else:
        return value
    if not (isinstance(value, dict) and any(isinstance(each, list) for each in value.values())):
        made.fa.set_flow_style()
    return made
