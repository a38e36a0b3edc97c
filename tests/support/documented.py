"""The commands that the documents tell people to type, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.rig.site import PROJECT

_PROGRAMS = ("make", "helm", "kubectl", "embargo-butler", "vault", "skopeo", "docker", "curl")
_BEGIN = re.compile(rf"(?:{'|'.join(_PROGRAMS)}) \S")
_SPAN = re.compile(r"`([^`]+)`")
_PLACEHOLDER = re.compile(r"(?<==)(?:<name>|\.\.\.)(?=\s|$)")
_TARGET = re.compile(r"make [a-z-]+")


@dataclass(frozen=True)
class Documented:
    """A command and where it stands.

    Attributes:
        command: The command, `summit` in the place of any environment.
        place: File and line.
    """

    command: str
    place: str


def documents() -> list[Path]:
    """Return the files that people read."""
    return [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


def commands() -> list[Documented]:
    """Return every command of every document."""
    return [found for file in documents() for found in _commands(file)]


def _commands(file: Path) -> Iterator[Documented]:
    lines = iter(enumerate(file.read_text().splitlines(), 1))
    # A span may go on in the next line.
    text, number = "", 0
    for number, line in lines:
        place = f"{file.relative_to(PROJECT)}:{number}"
        if line.startswith("    "):
            whole = line
            while whole.endswith("\\"):
                whole = whole[:-1] + next(lines)[1].strip()
            command = re.sub(r"\s{2,}#.*", "", whole.strip())
            command = re.sub(r"\s+# .*", "", command)
            if _BEGIN.match(command):
                yield Documented(_general(command), place)
            text = ""
            continue
        text = f"{text} {line.strip()}" if text.count("`") % 2 else line
        if text.count("`") % 2 == 0:
            for span in _SPAN.findall(text):
                command = _general(span)
                # A target alone only names it; that it is there is looked at by itself.
                if _BEGIN.match(command) and not _TARGET.fullmatch(command):
                    yield Documented(command, place)
            text = ""


def _general(command: str) -> str:
    named = command.replace("TOPIC=...", "TOPIC=rubin-summit")
    return " ".join(_PLACEHOLDER.sub("summit", named).split())


def targets() -> set[str]:
    """Return the targets of make that the documents name without more."""
    found = set()
    for file in documents():
        found |= set(re.findall(r"`make ([a-z-]+)`", file.read_text()))
    return found


def paths() -> Iterator[tuple[str, str]]:
    """Yield file and the paths of this project that it names."""
    top = tuple(f"{each.name}/" for each in PROJECT.iterdir() if each.is_dir())
    for file in documents():
        for span in _SPAN.findall(file.read_text()):
            if span.startswith(top) and not re.search(r"[<>*{} ]", span):
                yield str(file.relative_to(PROJECT)), span
