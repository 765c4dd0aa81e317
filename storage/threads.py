"""One thread writes, a few read; what queues up during a commit is the next commit (group commit, engine.md section 4)."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from bridge.errors import StoreDown
from storage.engine import translated

__all__ = ["Threads"]

T = TypeVar("T")
P = TypeVar("P")

BATCH = 512


class _Job:
    """One call: `work(connection)`, or `work(connection, [value, …])` together with its neighbours."""

    __slots__ = ("future", "loop", "result", "value", "work")

    def __init__(self, work: Callable[..., Any], value: tuple[Any] | None) -> None:
        self.work = work
        self.value = value
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None


class Threads:
    """A `Database` over two engines. `readers`: how many reading threads."""

    def __init__(self, writing: Engine, reading: Engine, *, readers: int = 1) -> None:
        self._writes: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._engines = (writing, reading)
        self._closed = False
        self._threads = [threading.Thread(target=self._write_all, name="folkmoot-writer", daemon=True)]
        self._threads += [threading.Thread(target=self._read_all, name=f"folkmoot-reader-{n}", daemon=True) for n in range(readers)]
        for thread in self._threads:
            thread.start()

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._put(self._reads, _Job(work, None))  # type: ignore[no-any-return]

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._put(self._writes, _Job(work, None))  # type: ignore[no-any-return]

    async def gather(self, work: Callable[[Connection, list[P]], list[T]], value: P) -> T:
        return await self._put(self._writes, _Job(work, (value,)))  # type: ignore[no-any-return]

    async def truncate(self) -> None:
        await self._put(self._writes, _Job(_checkpoint, None))

    async def close(self) -> None:
        """Finishes what was asked for, folds the write-ahead log into the file, ends the threads."""
        if self._closed:
            return
        await self.truncate()
        self._closed = True
        for _ in self._threads[1:]:
            self._reads.put(None)
        self._writes.put(None)
        for thread in self._threads:
            while thread.is_alive():
                thread.join(timeout=0.01)
                await asyncio.sleep(0)
        for engine in self._engines:
            engine.dispose()

    async def _put(self, line: queue.SimpleQueue[_Job | None], job: _Job) -> Any:
        if self._closed:
            raise StoreDown("The store is closed.")
        line.put(job)
        return await job.future

    def _write_all(self) -> None:
        with self._engines[0].connect() as connection:
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

    def _read_all(self) -> None:
        with self._engines[1].connect() as connection:
            while (job := self._reads.get()) is not None:
                _alone(connection, job)


def _commit(connection: Connection, batch: Sequence[_Job]) -> None:
    """All in one transaction; when one of them fails, nobody else may suffer: each again in its own."""
    if len(batch) == 1 or any(job.work is _checkpoint for job in batch):
        for job in batch:
            _alone(connection, job)
        return
    try:
        with connection.begin():
            for group in _groups(batch):
                for job, result in zip(group, _run(connection, group), strict=True):
                    job.result = result
    except BaseException:  # noqa: BLE001  a loop: whoever failed is found and told below
        for job in batch:
            _alone(connection, job)
        return
    _tell(batch)


def _groups(batch: Sequence[_Job]) -> list[list[_Job]]:
    groups: list[list[_Job]] = []
    for job in batch:
        if groups and job.value is not None and groups[-1][0].work == job.work:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _run(connection: Connection, group: list[_Job]) -> Sequence[Any]:
    first = group[0]
    if first.value is None:
        return [first.work(connection)]
    results: Sequence[Any] = first.work(connection, [job.value[0] for job in group if job.value is not None])
    return results


def _alone(connection: Connection, job: _Job) -> None:
    if job.work is _checkpoint:
        _checkpoint(connection)
        _tell([job])
        return
    try:
        with connection.begin():
            job.result = _run(connection, [job])[0]
    except BaseException as error:  # noqa: BLE001  a loop: the caller gets it, the thread goes on
        _call(job.loop, _fail, job, translated(error))
        return
    _tell([job])


def _checkpoint(connection: Connection) -> None:
    raw = connection.connection.dbapi_connection
    if raw is not None:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _tell(batch: Sequence[_Job]) -> None:
    for loop, jobs in groupby(batch, key=lambda job: job.loop):
        _call(loop, _finish, list(jobs))


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop has ended: nobody waits for the answer any more
        return


def _finish(jobs: list[_Job]) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_result(job.result)


def _fail(job: _Job, error: BaseException) -> None:
    if not job.future.done():
        job.future.set_exception(error)
