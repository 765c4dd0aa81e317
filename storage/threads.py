"""One thread writes, and what queues up during a commit is the next commit (group commit, engine.md section 4). Short look-ups are answered
where they are asked: a hop to a thread and back costs ten times what SQLite needs for a row (ADR 0017). Long ones have a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bridge.errors import StoreDown
from storage.engine import BUSY_MS, translated
from storage.jobs import BATCH, Job, fail, finish, run_all, run_one
from storage.prepared import PreparedConnection

__all__ = ["Threads"]

BRIEF_MS: Final = 100
"""How long emptying the write-ahead log waits for those who still read what is in it."""

T = TypeVar("T")
P = TypeVar("P")


class Threads:
    """A `Database` over two engines of one file. `readers`: how many threads for long reads."""

    def __init__(self, writing: Engine, reading: Engine, *, readers: int = 1) -> None:
        self._short: PreparedConnection | None = None
        self._writes: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._engines = (writing, reading)
        self._closed = False
        self._lost: BaseException | None = None
        self._threads = [threading.Thread(target=self._write_all, name="folkmoot-writer", daemon=True)]
        self._threads += [threading.Thread(target=self._read_all, name=f"folkmoot-reader-{n}", daemon=True) for n in range(readers)]
        for thread in self._threads:
            thread.start()

    async def read(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        try:
            if self._short is None:
                self._short = PreparedConnection(self._engines[1])
            return self._short.run(work)
        except (DBAPIError, sqlite3.Error) as error:
            raise translated(error) from error

    async def scan(self, work: Callable[[Connection], T]) -> T:
        return await self._put(self._reads, Job(work, None))  # type: ignore[no-any-return]

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._put(self._writes, Job(work, None))  # type: ignore[no-any-return]

    async def gather(self, work: Callable[[Connection, list[P]], list[T]], value: P) -> T:
        return await self._put(self._writes, Job(work, (value,)))  # type: ignore[no-any-return]

    async def truncate(self) -> bool:
        return await self._put(self._writes, Job(_checkpoint, None))  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Finishes what was asked for, folds the write-ahead log into the file, ends the threads."""
        if self._closed:
            return
        if self._lost is None:
            await self.truncate()
        self._closed = True
        for _ in self._threads[1:]:
            self._reads.put(None)
        self._writes.put(None)
        for thread in self._threads:
            while thread.is_alive():
                thread.join(timeout=0.01)
                await asyncio.sleep(0)
        if self._short is not None:
            self._short.close()
        for engine in self._engines:
            engine.dispose()

    async def _put(self, line: queue.SimpleQueue[Job | None], job: Job) -> Any:
        self._require_open()
        line.put(job)
        if self._lost is not None:
            raise self._lost
        return await job.future

    def _require_open(self) -> None:
        if self._closed:
            raise StoreDown("The store is closed.")
        if self._lost is not None:
            raise self._lost

    def _write_all(self) -> None:
        with self._answering(self._writes), PreparedConnection(self._engines[0]) as connection:
            while (first := self._writes.get()) is not None:
                batch = [first]
                ending = False
                while len(batch) < BATCH:
                    try:
                        job = self._writes.get_nowait()
                    except queue.Empty:
                        break
                    if job is None:
                        ending = True
                        break
                    batch.append(job)
                _commit(connection, batch)
                if ending:
                    return

    @contextlib.contextmanager
    def _answering(self, line: queue.SimpleQueue[Job | None]) -> Iterator[None]:
        """Whatever ends a thread before its time (the file is gone, no memory), nobody waits for ever for its answer."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001  told to everybody who waits, and to all who come
            self._lost = translated(error)
            with contextlib.suppress(queue.Empty):
                while True:
                    job = line.get_nowait()
                    if job is not None:
                        _call(job.loop, fail, job, self._lost)

    def _read_all(self) -> None:
        with self._answering(self._reads), PreparedConnection(self._engines[1]) as connection:
            while (job := self._reads.get()) is not None:
                _alone(connection, job)


def _commit(connection: PreparedConnection, batch: Sequence[Job]) -> None:
    """All in one transaction; when one of them fails, nobody else may suffer: each again in its own."""
    if len(batch) == 1 or any(job.work is _checkpoint for job in batch):
        for job in batch:
            _alone(connection, job)
        return
    try:
        connection.run(lambda on: run_all(on, batch))
    except BaseException:  # noqa: BLE001  a loop: whoever failed is found and told below
        for job in batch:
            _alone(connection, job)
        return
    _tell(batch)


def _alone(connection: PreparedConnection, job: Job) -> None:
    if job.work is _checkpoint:
        job.result = _checkpoint(connection)
        _tell([job])
        return
    try:
        connection.run(lambda on: run_one(on, job))
    except BaseException as error:  # noqa: BLE001  a loop: the caller gets it, the thread goes on
        _call(job.loop, fail, job, translated(error))
        return
    _tell([job])


def _checkpoint(connection: PreparedConnection) -> bool:
    """Never waits long for a reader of an older state: a backup may take minutes, and doors wait for this thread."""
    raw = connection.connection.dbapi_connection
    if raw is None:
        return False
    raw.execute(f"PRAGMA busy_timeout={BRIEF_MS}")
    try:
        return not raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _tell(batch: Sequence[Job]) -> None:
    for loop, jobs in groupby(batch, key=lambda job: job.loop):
        _call(loop, finish, list(jobs))


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop has ended: nobody waits for the answer any more
        return
