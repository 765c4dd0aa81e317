"""Promises that long work shows how far it is, on stderr, so that stdout stays the command's own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

__all__ = ["shown"]


@contextlib.contextmanager
def shown(label: str) -> Iterator[Callable[[int, int], None]]:
    """What is yielded is told how much was done since the last time, and how much there is in all; the bar begins with the first word."""
    with contextlib.ExitStack() as stack:
        bar: ProgressBar[int] | None = None

        def progress(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr))
            bar.update(done)

        yield progress
