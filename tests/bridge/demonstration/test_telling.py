"""What the demonstration prints: readable without colour, and a tick only where something arrived."""

from __future__ import annotations

import io
import re

import pytest

from bridge.demonstration.telling import Shown, Telling


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")


def test_a_tick_says_what_arrived_and_how_long_it_took() -> None:
    out = io.StringIO()
    telling = Telling(out)
    telling.doing("it crosses")
    assert out.getvalue() == ""
    telling.tick("Lena reads it")
    assert re.fullmatch(r" {10}✓ Lena reads it \(\d+\.\d\N{NO-BREAK SPACE}s\)\n", out.getvalue())
    assert telling.ticks == 1


def test_what_did_not_come_is_no_tick() -> None:
    out = io.StringIO()
    telling = Telling(out)
    telling.doing("it crosses")
    telling.cross("it did not come")
    assert out.getvalue() == "          ✗ it did not come\n"
    assert telling.ticks == 0


def test_on_a_terminal_what_is_under_way_is_shown_and_gives_place() -> None:
    out = Terminal()
    telling = Telling(out)
    telling.doing("it crosses")
    assert out.getvalue() == "          … it crosses"
    telling.tick("it is there")
    assert "\r\x1b[K          ✓ it is there" in out.getvalue()


def test_a_stream_that_is_no_terminal_gets_no_codes() -> None:
    out = io.StringIO()
    telling = Telling(out)
    telling.heading("They talk")
    telling.doing("x")
    telling.tick("y")
    telling.conversation("Here:", [Shown("1", "Ana", "Hello")])
    assert "\x1b" not in out.getvalue()
    assert "\r" not in out.getvalue()


def test_no_line_is_wider_than_the_terminal() -> None:
    out = io.StringIO()
    telling = Telling(out)
    telling.says("Ana", "word " * 50)
    telling.note("word " * 50)
    telling.tick("word " * 50)
    telling.conversation("Here:", [Shown("1", "Ana", "word " * 50, reactions=(("👍", ("Somebody with a name",) * 6),))])
    assert max(len(line) for line in out.getvalue().splitlines()) <= 60


def test_a_thread_stands_together_under_its_root() -> None:
    out = io.StringIO()
    said = [
        Shown("1", "Ana", "One"),
        Shown("2", "Bo", "Two"),
        Shown("3", "Chi", "To one", thread="1"),
        Shown("4", "Eli", "Lost", thread="9"),
    ]
    Telling(out).conversation("Here:", said)
    assert out.getvalue().splitlines()[3:] == ["    Ana: One", "      Chi: To one", "    Bo: Two", "      Eli: Lost"]


def test_edits_deletions_and_signs_are_told_in_words() -> None:
    out = io.StringIO()
    said = [Shown("1", "Ana", "One", edited=True, reactions=(("👍", ("Bo", "Chi")),)), Shown("2", "Bo", "", taken_back=True)]
    Telling(out).conversation("Here:", said)
    assert out.getvalue().splitlines()[3:] == ["    Ana: One (edited)", "      👍 Bo, Chi", "    Bo: (taken back)"]
