"""Objects and notes that hold what a terminal, a shell or make would run: it is only ever shown."""

from __future__ import annotations

import ast
import html
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from embargo_butler.cli.job.command import main
from embargo_butler.cli.job.running import Caller
from embargo_butler.config.config import load
from embargo_butler.release import targets
from tests.rig.site import PROJECT
from tests.unit.pipeline_site import BUCKET, Site
from tests.unit.programs import Fake

EVIL = "\x1b[31m;touch x;$(shell touch x)`touch x`'\"\n\u202e\x9b\x7f.fits"
NOTE = "\x1b]0;owned\x07\nnext line"


@pytest.fixture
def evil(pipeline: Site) -> list[str]:
    """Two such objects: one that nobody was told of, and one that ingest gave up."""
    paths = [pipeline.put(1, ending=EVIL), pipeline.put(2, ending=EVIL)]
    pipeline.store.hset(f"FILE:{paths[1]}", mapping={"recv_time": "1", "md_fail_exc": NOTE})
    pipeline.store.hset(f"FAIL:{BUCKET}:LSSTCam", paths[1].split("/")[2], 1)
    pipeline.world.fake_logs.lines["ingest"] = [f"{paths[1].rpartition('/')[2]} {NOTE}"]
    return paths


def said(pipeline: Site, *words: str) -> str:
    """Run a verb as `make` does, and return all that it prints."""
    caller = Caller(
        load(Path(pipeline.file)),
        lambda command: targets.make("summit", *command),
        Fake().kubectl(),
    )
    main([*words], pipeline.world, caller)
    printed = pipeline.capsys.readouterr()
    return printed.out + printed.err


def keys(paths: list[str]) -> list[str]:
    return [path.removeprefix(f"{BUCKET}/") for path in paths]


def words_of(verb: str, evil: list[str], folder: Path) -> list[str]:
    unseen, dropped = keys(evil)
    return {
        "trace": ["trace", unseen],
        "dropped": ["trace", dropped, "--rows", "--no-butler"],
        "nearest": ["trace", f"{unseen}s"],
        "trigger": ["trigger", unseen, dropped, "--wait", "0"],
        "backfill": ["backfill", "--since", "24h"],
        "status": ["status", "--pipeline-only"],
        "report": ["report", "--night", unseen.split("/")[1], "--file", str(folder / "page\x1b")],
        "reconcile": ["reconcile"],
    }[verb]


@pytest.mark.parametrize(
    "verb",
    ["trace", "dropped", "nearest", "trigger", "backfill", "status", "report", "reconcile"],
)
def test_what_is_printed_moves_no_cursor(
    verb: str, evil: list[str], pipeline: Site, tmp_path: Path
) -> None:
    out = said(pipeline, *words_of(verb, evil, tmp_path))
    lines = out.split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert r"\x1b" in out, "it is shown"
    assert not any(line.startswith("next line") for line in lines), "as one line"


def pasted(command: str, folder: Path) -> list[str]:
    """Let a shell read a command, and return its words."""
    done = subprocess.run(
        ["bash", "-c", rf"set -- {command}; printf '%s\0' \"$@\"".replace(r"\"", '"')],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    assert not (folder / "x").exists(), command
    return done.stdout.decode().split("\0")[:-1]


def asked(command: str, folder: Path) -> tuple[list[str], list[str]]:
    """Return the verb that an advised command is, with its options, and what it is about."""
    make, target, *variables = pasted(command, folder)
    assert make == "make"
    return targets.read(target, dict(each.split("=", 1) for each in variables))


def test_what_trace_advises_finds_the_same_object(
    evil: list[str], pipeline: Site, tmp_path: Path
) -> None:
    for key in keys(evil):
        advised = re.findall(r"^ +(make trigger .*)$", said(pipeline, "trace", key), re.M)
        assert [asked(each, tmp_path) for each in advised] == [(["trigger", "summit"], [key])]
        assert "1 of 1 objects queued" in said(pipeline, "trigger", key, "--wait", "0")


def test_what_a_page_advises_finds_the_same_object(
    evil: list[str], pipeline: Site, tmp_path: Path
) -> None:
    page, day = tmp_path / "page", keys(evil)[0].split("/")[1]
    said(pipeline, "report", "--night", day, "--file", str(page))
    text = page.read_text()
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    advised = [html.unescape(each) for each in re.findall(r"<code>(make .*?)</code>", text)]
    found = sorted(asked(each, tmp_path)[1][0] for each in advised)
    assert found == sorted(keys(evil))


def test_a_name_that_is_none_of_the_camera_s_is_asked_for_by_its_key(
    evil: list[str], pipeline: Site
) -> None:
    paths = pipeline.expose(258)
    pipeline.arrive(paths[1:])
    name = paths[0].split("/")[3]
    ordinary = said(pipeline, "trace", name)
    assert f"make trigger ENV=summit EXPOSURE={name}_" in ordinary
    assert EVIL not in ordinary


def calls_of_print(source: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]


def test_nobody_else_prints_texts() -> None:
    """What is JSON or YAML has nothing in it that is not to be seen."""

    def escaped(argument: Any) -> bool:
        called = ast.unparse(argument).partition("(")[0]
        return called in ("json.dumps", "yaml.safe_dump") or called == "before"

    for file in sorted((PROJECT / "hooks").rglob("*.py")):
        if file.name != "terminal.py":
            for call in calls_of_print(file.read_text()):
                assert all(map(escaped, call.args)), f"{file}:{call.lineno}"
