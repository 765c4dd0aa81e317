"""Shows what happens while it happens, as plain text that needs no colour; a tick stands only for what was seen to arrive."""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

import msgspec

__all__ = ["Shown", "Telling"]

WIDEST = 100


class Shown(msgspec.Struct, frozen=True):
    """One message as a client shows it. `thread`: the id of the message it stands under; `reactions`: sign and who put it there."""

    id: str
    who: str
    text: str
    thread: str = ""
    edited: bool = False
    taken_back: bool = False
    reactions: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Telling:
    """Writes to one stream. On a terminal, what is under way is shown until its tick takes the place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._alive = out.isatty()
        self._width = max(60, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
        self._since = time.monotonic()
        self.ticks = 0

    def line(self, text: str = "") -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def heading(self, text: str) -> None:
        self.line()
        self.line(text)
        self.line("─" * min(self._width, len(text)))

    def says(self, who: str, text: str) -> None:
        """Somebody says or does something."""
        self._wrapped(text, first=f"  {who:<8}", then=" " * 10)

    def note(self, text: str) -> None:
        self._wrapped(text, first="  ", then="  ")

    def doing(self, text: str) -> None:
        """Begins to wait for something."""
        self._since = time.monotonic()
        if self._alive:
            self._out.write(f"          … {text}")
            self._out.flush()

    def tick(self, text: str) -> None:
        """It is there; since when it was waited for is said with it."""
        self.ticks += 1
        self._done("✓", f"{text} ({time.monotonic() - self._since:.1f}\N{NO-BREAK SPACE}s)")

    def cross(self, text: str) -> None:
        """It did not come."""
        self._done("✗", text)

    def conversation(self, title: str, lines: Sequence[Shown]) -> None:
        """The whole of it, as one side shows it: each thread together."""
        self.line()
        self.line(f"  {title}")
        self.line()
        for shown in _threaded(lines):
            edge = "      " if shown.thread else "    "
            words = "(taken back)" if shown.taken_back else shown.text + (" (edited)" if shown.edited else "")
            self._wrapped(f"{shown.who}: {words}", first=edge, then=edge + "  ")
            if shown.reactions:
                signs = "   ".join(f"{key} {', '.join(who)}" for key, who in shown.reactions)
                self._wrapped(signs, first=edge + "  ", then=edge + "  ")

    def _done(self, sign: str, text: str) -> None:
        if self._alive:
            self._out.write("\r\x1b[K")
        self._wrapped(text, first=f"          {sign} ", then=" " * 12)

    def _wrapped(self, text: str, *, first: str, then: str) -> None:
        self.line(textwrap.fill(text, self._width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False))


def _threaded(lines: Sequence[Shown]) -> Iterator[Shown]:
    roots = {line.id for line in lines if not line.thread}
    for line in lines:
        if line.thread not in roots:
            yield line
            yield from (answer for answer in lines if answer.thread == line.id)
