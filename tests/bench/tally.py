"""Counts what arrives at a sink, and tells whoever waits for a number of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

__all__ = ["Tally"]


class Tally:
    """Times are of the machine's monotonic clock, the same in every process."""

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = 0.0
        self._wanted = 0
        self._reached = asyncio.Event()

    def note(self) -> None:
        """One more has arrived."""
        self.last = time.monotonic()
        if not self.count:
            self.first = self.last
        self.count += 1
        if self.count >= self._wanted:
            self._reached.set()

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """`{"reset": true}` begins at nought; `{"count": 10, "seconds": 5}` waits until ten have arrived, five seconds at most."""
        if question.get("reset"):
            self.count = 0
        self._wanted = int(question.get("count", 0))
        if self.count < self._wanted:
            self._reached.clear()
            try:
                async with asyncio.timeout(float(question["seconds"])):
                    await self._reached.wait()
            except TimeoutError:
                pass
        return {"count": self.count, "first": self.first, "last": self.last}
