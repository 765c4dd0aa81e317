"""One life of a process: everything it began ends with it, at whatever it was waiting for, and nothing that it does afterwards counts."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection

from bridge.errors import Full, StoreDown
from storage.inline import Inline
from tests.simulation.loop import VirtualLoop

__all__ = ["Disk", "Life", "virtual_loop"]

T = TypeVar("T")
P = TypeVar("P")

_LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)

SLOWEST = 0.004
"""Seconds that one call of the store takes at most."""


class Life:
    """`begin` what belongs to it, `end` it."""

    def __init__(self) -> None:
        self.alive = True
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """In the order in which they began: that of a set would be another each time."""
        self._context = contextvars.copy_context()
        self._context.run(_LIFE.set, self)

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return asyncio.get_running_loop().create_task(work, context=self._context)

    def end(self) -> None:
        """Now, and without a word: whatever it still does on its way out reaches neither its disk nor the network."""
        self.alive = False
        for task in [*self.tasks]:
            task.cancel()

    async def gone(self) -> None:
        """Returns when none of its tasks is left."""
        while self.tasks:
            for task in [*self.tasks]:
                task.cancel()
            await asyncio.sleep(0)

    def require(self) -> None:
        """For whatever has an effect outside. Raises CancelledError in a dead process, StoreDown to those who asked it from outside."""
        if self.alive:
            return
        if _LIFE.get() is self:
            raise asyncio.CancelledError
        raise StoreDown("the process is gone")


def count_tasks(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:
    """A task factory that lets each life know what belongs to it."""
    task = asyncio.Task(work, loop=loop, **more)
    context = more.get("context")
    life = _LIFE.get() if context is None else context.get(_LIFE)
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(life.tasks.pop)
        if not life.alive:
            task.cancel()
    return task


@contextmanager
def virtual_loop() -> Iterator[VirtualLoop]:
    """For lives and what belongs to none; nothing that began in it outlives it."""
    loop = VirtualLoop()
    loop.set_task_factory(count_tasks)  # type: ignore[arg-type]
    try:
        yield loop
    finally:
        while tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()


class Disk:
    """A `Database` over what outlives the process. It takes its time, it can be full or away, and the process can die around any transaction.

    `dies_in`: writes until the process dies; `dies_after`: whether the last of them took effect.
    """

    def __init__(self, real: Inline, life: Life, random: Random, on_death: Callable[[str], None]) -> None:
        self.is_full = False
        self.is_away = False
        self.dies_in: int | None = None
        self.dies_after = False
        self._real = real
        self._life = life
        self._random = random
        self._on_death = on_death

    async def read(self, work: Callable[[Connection], T]) -> T:
        await self._wait()
        return await self._real.read(work)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        await self._wait()
        return await self._real.scan(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        await self._write_may_begin()
        result = await self._real.write(work)
        self._written()
        return result

    async def gather(self, work: Callable[[Connection, list[P]], list[T]], value: P) -> T:
        await self._write_may_begin()
        result = await self._real.gather(work, value)
        self._written()
        return result

    async def truncate(self) -> bool:
        self._life.require()
        return await self._real.truncate()

    async def close(self) -> None:
        """The disk stays."""

    async def _wait(self) -> None:
        self._life.require()
        await asyncio.sleep(self._random.random() * SLOWEST)
        self._life.require()
        if self.is_away:
            raise StoreDown("The store does not answer.", private="the disk is away")

    async def _write_may_begin(self) -> None:
        await self._wait()
        if self.is_full:
            raise Full("The disk of this node is full; come back later.", private="database or disk is full")
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0 and not self.dies_after:
                self._die("before a transaction")

    def _written(self) -> None:
        if self.dies_in is not None and self.dies_in <= 0:
            self._die("after a transaction")

    def _die(self, when: str) -> None:
        self._on_death(when)
        self._life.require()
