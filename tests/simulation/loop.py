"""An event loop whose time is virtual: whoever sleeps is woken at once, in order, and a day of waiting costs nothing.

Everything in asyncio that waits (`sleep`, `timeout`, `wait`) asks the loop for the time, so nothing has to be told that time is not real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["Stuck", "VirtualLoop"]

MOST_TURNS = 500_000
"""Turns of the loop in which no time passes: more is somebody who goes round in a circle."""


class Stuck(AssertionError):
    """Everybody waits for somebody else, or somebody never waits."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`time` in seconds since it was made. There are no sockets and no threads: what would run in one runs at once."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._turns = 0
        self._selector = self
        # Times are sums of many floats; what is a microsecond away is now.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._seconds

    def select(self, timeout: float | None) -> list[Any]:
        """As a selector that never has anything. Raises Stuck."""
        if timeout is None:
            raise Stuck("everybody waits, and nobody for the time")
        self._turns = 0 if timeout > 0 else self._turns + 1
        if self._turns > MOST_TURNS:
            raise Stuck(f"at {self._seconds:.3f} s somebody goes round in a circle")
        self._seconds += timeout
        return []

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  (whatever it is, it belongs to whoever asked)
            done.set_exception(error)
        return done

    def _process_events(self, event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...
