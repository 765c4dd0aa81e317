"""A store that can fail, or take the whole process with it, at any of its calls; otherwise it is the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bridge.changes import Change


class Brittle:
    """A store, or a part of it, each of whose calls `on` is asked about: before it, and after it."""

    def __init__(self, real: Any, on: Callable[[str], Any], parts: tuple[str, ...] = ("journal", "deliveries")) -> None:
        self._real = real
        self._on = on
        self._parts = parts

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name in self._parts:
            return Brittle(real, self._on, ())
        if self._parts or not callable(real):
            return real

        async def call(*args: Any, **more: Any) -> Any:
            await self._on(f"before {name}")
            result = await real(*args, **more)
            await self._on(f"after {name}")
            return result

        return call


class Death:
    """The process dies at the given step: whoever gets there, or to any later one, never goes on."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.came = asyncio.Event()

    async def __call__(self, _: str) -> None:
        if self._left <= 0:
            self.came.set()
            await asyncio.Event().wait()
        self._left -= 1


class Refusing(Brittle):
    """Its journal writes nothing in which there is a change that `refuses` says yes to."""

    def __init__(self, real: Any, refuses: Callable[[Change], bool], error: Exception) -> None:
        async def never(_: str) -> None: ...

        super().__init__(real, never)
        self.journal = _Journal(real.journal, refuses, error)


class _Journal:
    def __init__(self, real: Any, refuses: Callable[[Change], bool], error: Exception) -> None:
        self._real, self._refuses, self._error = real, refuses, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def commit(self, changes: Any, **more: Any) -> None:
        if any(self._refuses(change) for change in changes):
            raise self._error
        await self._real.commit(changes, **more)
