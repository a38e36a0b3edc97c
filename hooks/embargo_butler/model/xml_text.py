"""Text that XML 1.0 can carry (section 2.2), as the gateway puts into its answers what it is given.

One character that it cannot carry in one topic makes the list of topics unreadable for every user
of the gateway (seen on 16.2.15).
"""

from __future__ import annotations

import re
import unicodedata

_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile("&#(x[0-9a-fA-F]+|[0-9]+);")
_INSTEAD = "\ufffd"
_KINDS = {"Cc": "a control character", "Cs": "half of a pair of surrogates"}


def unfit(text: str) -> str:
    """Say which character XML cannot carry, and where, without the text; empty if it can all."""
    if not (found := _UNFIT.search(text)):
        return ""
    kind = _KINDS.get(unicodedata.category(found[0]), "no character")
    return (
        f"character {found.start() + 1} is U+{ord(found[0]):04X}, {kind}, which no answer of the "
        "gateway can carry: with it in one topic, nobody could list topics any more; take it out"
    )


def readable(document: bytes) -> str:
    """Return an answer with U+FFFD in place of all that XML cannot carry.

    So what somebody has broken is seen, differs from all that can be declared, and can be mended.
    """
    return _UNFIT.sub(_INSTEAD, _REFERENCE.sub(_referred, document.decode(errors="replace")))


def _referred(reference: re.Match[str]) -> str:
    number = int(reference[1][1:], 16) if reference[1][0] == "x" else int(reference[1])
    fits = number <= 0x10FFFF and not _UNFIT.match(chr(number))
    return reference[0] if fits else _INSTEAD
