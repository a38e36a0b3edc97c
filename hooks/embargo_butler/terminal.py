"""What reaches a terminal, a log, an Event or a shell: nothing in it does more than be read.

Keys, notes of Redis, headers, and the words of servers may hold anything.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from typing import TextIO


def show(*lines: str, file: TextIO | None = None) -> None:
    """Print lines, by default to the standard output; nobody prints texts in another way.

    A line break within one of them is somebody else's, and becomes visible.
    """
    for line in lines:
        print(visible(line), file=file or sys.stdout, flush=True)


def visible(text: str) -> str:
    r"""Return a line in which all that is not to be seen, or moves what is, is spelled: `\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def word(text: str) -> str:
    """Spell a word for a POSIX shell, which gives it back as it is; the spelling is visible."""
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_in_quotes, text))}'"


def command(words: Iterable[str]) -> str:
    """Spell a command as it can be pasted."""
    return " ".join(map(word, words))


def _in_quotes(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    # Octal: a shell would take more digits of a hexadecimal number than two.
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogateescape"))
