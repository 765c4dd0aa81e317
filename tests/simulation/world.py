"""What everybody in a simulation shares: one seed, one time, one network, a record of what happened, and what was found wrong."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

from tests.simulation.network import Network

__all__ = ["NOON", "Clock", "Violation", "World"]

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

T = TypeVar("T")


class Violation(AssertionError):
    """A promise was broken."""


class World:
    """`random` for everything that is left to chance; `now` in seconds since it began, days that were skipped not counted."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.network = Network(Random(seed + 1), self.note)
        self.steps: list[str] = []
        self.wrong: list[str] = []
        self.skipped = timedelta(0)
        self._outside = contextvars.copy_context()
        self._trace = hashlib.sha256()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def date(self) -> datetime:
        return NOON + self.skipped + timedelta(seconds=self.now)

    def skip(self, days: float) -> None:
        """So many days pass for everybody, in which nobody does anything."""
        self.skipped += timedelta(days=days)

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Something that belongs to no process that could die."""
        return asyncio.get_running_loop().create_task(work, context=self._outside)

    def note(self, what: str) -> None:
        """For whoever has to find out what went wrong."""
        line = f"{self.now:9.3f} {what}"
        self.steps.append(line)
        self._trace.update(line.encode())

    def fail(self, what: str) -> None:
        """Noted, and found at the next look; whoever finds it out may be the product itself, which would catch an error."""
        self.note(f"WRONG: {what}")
        self.wrong.append(what)

    def check(self) -> None:
        """Raises Violation."""
        if self.wrong:
            raise Violation("\n".join(dict.fromkeys(self.wrong)))

    @property
    def digest(self) -> str:
        """Of everything that was noted: the same seed gives the same."""
        return self._trace.hexdigest()[:16]


class Clock:
    """A machine's own idea of what time it is; `jump` sets it wrong. Sleeping does not ask it."""

    def __init__(self, world: World) -> None:
        self.offset = timedelta(0)
        self.jumped_at = -1.0
        self._world = world

    def now(self) -> datetime:
        return self._world.date + self.offset

    def jump(self, seconds: float) -> None:
        self.offset = timedelta(seconds=seconds)
        self.jumped_at = self._world.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
