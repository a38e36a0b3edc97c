"""What each version of the services does where they differ: the one table, for stand-ins and tests.

Sources: lsst-dm/embargo-butler by its tags, and what was seen of the real services. 1.6.1 is not
public: it is 1.5 with what is known of it. Each row has its test in `test_versions.py` of
`tests/site/services`.
"""

from __future__ import annotations

import json
import re
from typing import Any

VERSIONS = ("1.2.1", "1.3.3", "1.5", "1.6.1")
_BRANCHES = {"DM-54533": "1.6.1", "DM-54386": "1.5"}

TABLE: dict[str, tuple[Any, ...]] = {
    # A file that fails in its batch is tried once more alone, then dropped; later MAX_FAILURES.
    "second_failure_drops": (True, True, False, False),
    # A duplicate is a failure like any other, and counted; later it only leaves the list.
    "duplicates_fail": (True, True, False, False),
    # WEBHOOK_URI hears of each file with all that its path says; later once an exposure.
    "posts_each_file": (True, False, False, False),
    # A WEBHOOK_URI that refuses ends the books of the batch, whose files are in the Butler.
    "refused_post_aborts": (True, True, False, False),
    # Visits are defined of what a batch has brought; later as soon as an exposure is new.
    "visits_by_batch": (True, True, False, False),
    # Before, the files of guiders are taken for raws, which they are not, and dropped.
    "guiders": (False, False, True, True),
    # A sidecar that cannot be read is passed over for the header (stacks from w_2026_05).
    "broken_sidecar_passed": (False, False, True, True),
    # The books of a file of the Large File Annex end in an AttributeError.
    "annex_breaks_off": (False, False, True, True),
    # What the image of enqueue can be: it has the libraries of one of the two.
    "enqueue": ("webhook", "webhook", "webhook", "kafka"),
    # gunicorn's workers of presence: 2 to 1.3.0.
    "presence_workers": (2, 8, 8, 8),
    # From 8 on a wait for an empty queue ends after 58 s with a TimeoutError.
    "redis_py": (7, 7, 7, 8),
}


def behaves_as(tag: str) -> str:
    """Return the version as which a stand-in of a tag behaves: the newest that is not newer.

    Raises:
        ValueError: The tag is neither a version nor one of the known branches.
    """
    if tag in _BRANCHES:
        return _BRANCHES[tag]
    if not (match := re.match(r"\d+(\.\d+)+", tag)):
        raise ValueError(f"{tag}: no tag of the services that is known; see {__name__}")
    older = [each for each in VERSIONS if _numbers(each) <= _numbers(match[0])]
    return older[-1] if older else VERSIONS[0]


def behaviour(tag: str) -> dict[str, Any]:
    """Return the table's column of a tag, with the tag and the version that it behaves as."""
    version = behaves_as(tag)
    column = VERSIONS.index(version)
    return {"tag": tag, "version": version} | {row: cell[column] for row, cell in TABLE.items()}


def variable(tag: str) -> str:
    """Return the same as a stand-in is given it: in its environment variable STAND_IN."""
    return json.dumps(behaviour(tag))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
