"""Changes of a YAML file keep all that is said beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.errors import ConfigError
from embargo_butler.release.yaml_file import YamlFile, put, remove, rename

FILE = """\
# The head.
topics:
  first:
    mark: why # and why not
    # who
    owner: x

    attributes:
      # where to
      endpoint: http://h/ # for now
      text: "{{ secrets.a.b }}"
      # after all of them
    # when
    second: >-
      some words
      and more
    # above the last
    events: ["s3:*"]
    list:
    - {a: b}
    # after an entry
  # between
  next: {owner: y, mark: z, topic: first} # at the end
# below
"""


@pytest.fixture
def file(tmp_path: Path) -> YamlFile:
    (tmp_path / "x.yaml").write_text(FILE)
    return YamlFile(tmp_path / "x.yaml")


def first(file: YamlFile) -> Any:
    return file.document["topics"]["first"]


def two_less(topics: Any) -> None:
    remove(topics["first"], "events")
    remove(topics["first"], "attributes")


def one_for_another(topics: Any) -> None:
    remove(topics["first"], "list")
    put(topics["first"], "last", True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda it: None, FILE),
        (
            lambda it: remove(it["first"], "mark"),
            FILE.replace("    mark: why # and why not\n", ""),
        ),
        (
            lambda it: remove(it["first"], "second"),
            FILE.replace("    second: >-\n      some words\n      and more\n", ""),
        ),
        (lambda it: remove(it["first"], "owner"), FILE.replace("    owner: x\n", "")),
        (
            lambda it: remove(it["first"]["attributes"], "text"),
            FILE.replace('      text: "{{ secrets.a.b }}"\n', ""),
        ),
        (lambda it: remove(it["next"], "mark"), FILE.replace("mark: z, ", "")),
        (lambda it: rename(it, "first", "third"), FILE.replace("  first:", "  third:")),
        (lambda it: rename(it, "next", "on"), FILE.replace("  next:", '  "on":')),
        (
            lambda it: rename(it["first"]["attributes"], "endpoint", "there"),
            FILE.replace("endpoint:", "there:"),
        ),
        (
            lambda it: put(it["first"]["attributes"], "ttl", 300),
            FILE.replace('a.b }}"\n', 'a.b }}"\n      ttl: 300\n'),
        ),
        (
            lambda it: put(it["first"], "more", {"read": ["abc", "s3:*"]}),
            FILE.replace("    # after an", '    more:\n      read: [abc, "s3:*"]\n    # after an'),
        ),
        (
            two_less,
            FILE.replace('    events: ["s3:*"]\n', "").replace(
                FILE[FILE.index("    attributes:") : FILE.index("      # after all")], ""
            ),
        ),
        (
            one_for_another,
            FILE.replace("    list:\n    - {a: b}\n", "    last: true\n"),
        ),
        (lambda it: put(it["first"], "events", ["s3:A"]), FILE.replace("s3:*", "s3:A")),
        (lambda it: put(it["first"], "owner", "x"), FILE),
        (lambda it: put(it["next"], "owner", "yes"), FILE.replace("owner: y", 'owner: "yes"')),
    ],
)
def test_a_change_is_one_and_no_other(
    change: Callable[[Any], None], expected: str, file: YamlFile
) -> None:
    change(file.document["topics"])
    text = file.text()
    # A comment behind an entry stays in its column.
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        " ".join(line.split()) for line in expected.splitlines()
    ]
    assert yaml.safe_load(text) == yaml.safe_load(expected)


@pytest.mark.parametrize("text", ["no", "on", "1e3", "0x1F", "1.5", "null", "a: b", "", "#x", "é"])
def test_a_text_stays_a_text(text: str, file: YamlFile) -> None:
    put(first(file), text or "x", text)
    assert yaml.safe_load(file.text())["topics"]["first"][text or "x"] == text


@pytest.mark.parametrize("dash", ["- a\n    - b", "  - a\n      - b"])
def test_a_list_stays_where_it_is(dash: str, tmp_path: Path) -> None:
    text = f"x:\n  y:\n    z:\n    {dash}\n"
    (tmp_path / "x.yaml").write_text(text)
    assert YamlFile(tmp_path / "x.yaml").text() == text


def test_what_somebody_has_changed_meanwhile_is_not_written_over(file: YamlFile) -> None:
    remove(first(file), "mark")
    file.path.write_text("theirs: 1\n")
    with pytest.raises(ConfigError, match="somebody has changed it meanwhile; try again"):
        file.save()
    assert file.path.read_text() == "theirs: 1\n"


BELOW = """\
x:
  topic: t
  events: ["s3:*"]
  # asked in vain
  mark: why # yet
  # about y
y:
  grants:
    read:
    - a
  # about the policy below
  deny:
  - d
  # about foreign
  foreign: [z]
"""


def changed(tmp_path: Path, text: str, change: Callable[[Any], None]) -> str:
    (tmp_path / "x.yaml").write_text(text)
    file = YamlFile(tmp_path / "x.yaml")
    change(file.document)
    assert yaml.safe_load(file.text()) == file.document
    return file.text()


def test_what_is_said_above_the_last_entry_stays_when_that_goes(tmp_path: Path) -> None:
    text = changed(tmp_path, BELOW, lambda found: remove(found["x"], "mark"))
    assert text == BELOW.replace("  mark: why # yet\n", "")


def test_what_is_said_below_a_list_stays_when_that_is_another(tmp_path: Path) -> None:
    def change(found: Any) -> None:
        put(found["y"], "grants", {"read": ["a", "b"]})
        put(found["y"], "deny", ["e"])

    text = changed(tmp_path, BELOW, change)
    for said in ("# about the policy below\n  deny: ", "# about foreign\n  foreign: "):
        assert said in text


def test_a_link_stays_one_and_a_mode_too(tmp_path: Path) -> None:
    target, link = tmp_path / "there.yaml", tmp_path / "x.yaml"
    target.write_text("a: 1\n")
    target.chmod(0o664)
    link.symlink_to(target)
    file = YamlFile(link)
    put(file.document, "a", 2)
    file.save()
    assert link.is_symlink()
    assert target.read_text() == "a: 2\n"
    assert target.stat().st_mode & 0o777 == 0o664
