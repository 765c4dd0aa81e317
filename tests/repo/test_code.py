"""Promises about every module: short, named after what it is, opened by a sentence, mirrored by tests that say why when they skip."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import PurePath

from tests.repo.tree import ROOT, modules, names, text

LONGEST = 600
CODE = modules("bridge", "protocols", "storage", "deploy", "tests")
SAY_NOTHING = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc", "handler", "handlers"}

MARKS = ("pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail")

TESTED_ELSEWHERE = {
    "bridge/model": "tests/bridge/norms/test_properties.py",
    "bridge/commands": "tests/bridge/test_cli.py",
    "bridge/web": "tests/protocols/activitypub/test_server.py",
    "bridge/demonstration": "tests/live/test_demo.py",
}
"""Folders without a mirror of their own, and where their promises are kept instead."""


def test_no_module_is_longer_than_six_hundred_lines() -> None:
    programs = [name for name in names() if name.endswith((".mjs", ".sh"))]
    lengths = {name: len(text(name).splitlines()) for name in [*CODE, *programs]}

    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_modules_are_named_after_what_they_are() -> None:
    assert [name for name in CODE if PurePath(name).stem in SAY_NOTHING or SAY_NOTHING & set(PurePath(name).parts)] == []


def test_no_module_beside_a_script_hides_one_of_the_standard_library() -> None:
    """A checkout is on the path while one works in it, and `html.py` beside a script once broke everything that reads HTML."""
    beside_scripts = {PurePath(name).stem for name in names() if PurePath(name).parent.as_posix() in ("deploy", "tests", ".")}

    assert beside_scripts & {"html", "logging", "http", "types", "select", "signal", "token", "calendar", "copy", "queue"} == set()


def test_every_module_opens_with_the_sentence_that_says_what_it_promises() -> None:
    silent = [name for name in modules("bridge", "protocols", "storage") if text(name).strip() and ast.get_docstring(parsed(name)) is None]

    assert [name for name in silent if not name.startswith("storage/migrations/versions/")] == []


def test_every_room_has_its_tests() -> None:
    rooms = {PurePath(name).parent.as_posix() for name in modules("bridge", "protocols", "storage")}
    rooms = {
        room for room in rooms if room.count("/") <= 1 and room not in ("bridge", "protocols", "storage/migrations", "storage/changes")
    }
    for room in rooms:
        elsewhere = TESTED_ELSEWHERE.get(room)
        assert (ROOT / elsewhere).exists() if elsewhere else list((ROOT / "tests" / room).glob("test_*.py")), f"who tests {room}?"
    assert set(TESTED_ELSEWHERE) <= rooms, "no longer there"


def test_whatever_is_skipped_says_why() -> None:
    wordless = []
    for name in modules("tests"):
        with_words: set[ast.expr] = set()
        for call, where in calls(name):
            if where in ("pytest.skip", "pytest.xfail", "pytest.importorskip") and not (call.args or call.keywords):
                wordless.append(f"{name}:{call.lineno}")
            if where in MARKS and any(keyword.arg == "reason" for keyword in call.keywords):
                with_words.add(call.func)
        wordless += [f"{name}:{mark.lineno}" for mark in marks(name) if mark not in with_words]

    assert wordless == []


def test_no_test_sleeps_with_the_clock_of_the_wall() -> None:
    sleepers = [f"{name}:{call.lineno}" for name in modules("tests") for call, where in calls(name) if where == "time.sleep"]

    assert [place for place in sleepers if not place.startswith(("tests/bench/", "tests/repo/"))] == []


@functools.cache
def parsed(name: str) -> ast.Module:
    return ast.parse(text(name), name)


def dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case _:
            return ""


@functools.cache
def calls(name: str) -> list[tuple[ast.Call, str]]:
    """Every call in a module, and what it calls where that is a plain name."""
    return [(node, dotted(node.func)) for node in ast.walk(parsed(name)) if isinstance(node, ast.Call)]


def marks(name: str) -> Iterator[ast.expr]:
    """Every mark that leaves a test out, called or bare."""
    if any(mark.rpartition(".")[2] in text(name) for mark in MARKS):
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.Attribute) and dotted(node) in MARKS:
                yield node
