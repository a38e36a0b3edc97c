"""The gateway's answers in XML, whatever namespace a version puts them into."""

from __future__ import annotations

import re
from contextlib import suppress
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

from embargo_butler.model import xml_text

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


def root(document: bytes, wanted: str) -> Element:
    """Parse an answer; a proxy's page must not pass for one in which there is nothing.

    Raises:
        ValueError: It is not one of that tag.
    """
    found = _parsed(document)
    if found is None or tag(found) != wanted:
        raise ValueError(f"not a {wanted}")
    return found


def text(entry: Element, name: str) -> str:
    """Return the text of an element's child, empty where there is none."""
    return entry.findtext(f"{{*}}{name}") or ""


def error_code(document: bytes) -> str:
    """Return the code in an error's document, empty where there is none.

    Whatever does not look like one is none: what answers may send back what it was asked with.
    """
    found = _parsed(document)
    if found is None:
        return ""
    code = found if tag(found) == "Code" else found.find(".//{*}Code")
    said = (code.text or "") if code is not None else ""
    return said if _CODE.fullmatch(said) else ""


def _parsed(document: bytes) -> Element | None:
    with suppress(ParseError, LookupError, ValueError):  # the last two for its encoding
        try:
            return ElementTree.fromstring(document)
        except ParseError:
            return ElementTree.fromstring(xml_text.readable(document))
    return None


def tag(element: Element) -> str:
    """Return an element's tag without its namespace."""
    return element.tag.rpartition("}")[2]
