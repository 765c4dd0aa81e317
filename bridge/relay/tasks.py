"""The tasks of one loop: a fault in any of them ends the loop, loudly, and none outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bridge.ports import Clock

__all__ = ["Tasks", "cancel"]


class Tasks:
    """`bell` wakes the loop; a fault rings it too."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self._fault: BaseException | None = None
        self._all: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._all.add(task)
        task.add_done_callback(self._ended)
        return task

    def call_after(self, seconds: float, clock: Clock, call: Callable[[], None]) -> None:
        """Unless the loop has ended by then."""

        async def wait() -> None:
            await clock.sleep(max(0.0, seconds))
            call()

        self.start(wait())

    async def rest(self) -> None:
        """Until the bell rings, for the next time. Raises what a task of this loop raised."""
        await self.bell.wait()
        self.bell.clear()
        self.check()

    def check(self) -> None:
        """Raises what a task of this loop raised, once."""
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    async def end(self) -> None:
        """Cancels them all and waits until they are gone."""
        await cancel(*self._all)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._all.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self.bell.set()


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancels them and waits until they are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
