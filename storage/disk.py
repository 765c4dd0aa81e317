"""How much room a database on this machine has, asked now and then and never while somebody waits for the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from storage.guard import free_space

__all__ = ["Disk"]

EVERY: Final = 5.0
"""Seconds between two looks."""


class Disk:
    """A `Free`: what was found last. `start` it before its first use, `stop` it after."""

    def __init__(self, folder: Path) -> None:
        self._ask = free_space(folder)
        self._found: tuple[int, int] | None = None
        self._task: asyncio.Task[None] | None = None

    def __call__(self) -> tuple[int, int] | None:
        return self._found

    async def start(self) -> None:
        await self._look()
        self._task = asyncio.create_task(self._keep_looking(), name="storage-disk")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self._look()

    async def _look(self) -> None:
        try:
            self._found = await asyncio.to_thread(self._ask)
        except OSError:  # the server's folder is not ours to see
            self._found = None
