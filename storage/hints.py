"""Tells a waiting loop that something may be new in its stream; a lost hint costs time, never data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from bridge.ports import Clock
from bridge.streams import Stream

__all__ = ["Hints", "WallClock"]


class WallClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Hints:
    """Counts news per stream and remembers which of them each task has been told of, so none falls between a look and a wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news: dict[Stream, int] = dict.fromkeys(Stream, 0)
        self._told: dict[Stream, WeakKeyDictionary[asyncio.Task[object], int]] = {stream: WeakKeyDictionary() for stream in Stream}
        self._bells: dict[Stream, asyncio.Event] = {}

    def ring(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            self._news[stream] += 1
            bell = self._bells.pop(stream, None)
            if bell is not None:
                bell.set()

    async def wait(self, stream: Stream, seconds: float) -> None:
        """Returns at once for news this task was not told of."""
        task = asyncio.current_task()
        told = self._told[stream]
        if task is not None and told.get(task, 0) == self._news[stream]:
            await self._rung(stream, seconds)
        if task is not None:
            told[task] = self._news[stream]

    async def _rung(self, stream: Stream, seconds: float) -> None:
        bell = self._bells.setdefault(stream, asyncio.Event())
        rung = asyncio.ensure_future(bell.wait())
        late = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({rung, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()
            late.cancel()
