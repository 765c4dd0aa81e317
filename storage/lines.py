"""PostgreSQL as the ports need it: what queues up during a commit is the next commit, and all processes take turns at writing (ADR 0013)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

from sqlalchemy import Connection, func, select

from bridge.errors import StoreDown
from storage.jobs import BATCH, Job, fail, finish, run_all
from storage.pool import Pool
from storage.postgres import Server

__all__ = ["LOCKS", "Lines"]

T = TypeVar("T")
P = TypeVar("P")

LOCKS: Final = 0x6D6F6F74
"""First half of the number of every advisory lock of ours: `moot` in ASCII."""

_WRITING: Final = 1
_GATHERING: Final = 2

_HELD_UP: Final = "10s"
"""A process that is frozen inside a transaction loses its session, and its turn, after so long."""

_PATIENCE: Final = "15s"
"""Waiting for a turn longer than this is an error; longer than `_HELD_UP`, so that one frozen process fails nobody else."""


def _turn(number: int) -> str:
    """How a transaction begins that waits until no other one of the database has this turn. Nothing may come before it: what comes after it, at

    READ COMMITTED, sees all that was committed before, so turns run as if there were one writer, and numbers are committed in their order."""
    return f"BEGIN; SELECT pg_advisory_xact_lock({LOCKS}, {number})"


class Lines:
    """A `Database` on one server. `readers`: how many read at once."""

    def __init__(self, server: Server, *, readers: int = 4) -> None:
        settings = {"idle_in_transaction_session_timeout": _HELD_UP, "lock_timeout": _PATIENCE}
        self._writing = Pool(server, 2, default_transaction_isolation="read committed", **settings)
        self._reading = Pool(
            server, readers, default_transaction_isolation="repeatable read", default_transaction_read_only="on", **settings
        )
        self._settings = settings
        self._server = server
        self._writes = _Line(self._writing, _WRITING, server)
        self._gathers = _Line(self._writing, _GATHERING, server)

    async def read(self, work: Callable[[Connection], T]) -> T:
        if self._writes.is_closed:
            raise StoreDown("The store is closed.")
        try:
            return await self._reading.look(work)
        except Exception as error:
            ours = self._server.translated(error)
            if ours is error:
                raise
            raise ours from error

    async def scan(self, work: Callable[[Connection], T]) -> T:
        return await self.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return cast(T, await self._writes.put(Job(work, None)))

    async def gather(self, work: Callable[[Connection, list[P]], list[T]], value: P) -> T:
        return cast(T, await self._gathers.put(Job(work, (value,))))

    async def alter(self, work: Callable[[Connection], T]) -> T:
        """In a turn of `write`, for what needs all of SQLAlchemy: bringing the tables up to date, comparing them. Raises StorageError."""
        engine = self._server.engine(sessions=1, isolation="READ COMMITTED", **self._settings)

        def within(connection: Connection) -> T:
            connection.execute(select(func.pg_advisory_xact_lock(LOCKS, _WRITING)))
            return work(connection)

        try:
            async with engine.begin() as connection:
                return await connection.run_sync(within)
        except Exception as error:
            ours = self._server.translated(error)
            if ours is error:
                raise
            raise ours from error
        finally:
            await engine.dispose()

    async def truncate(self) -> bool:
        """Nothing to do: the server's own vacuum and checkpoints overwrite what was erased."""
        return True

    async def close(self) -> None:
        """Finishes what was asked for. A second call does nothing."""
        await self._writes.close()
        await self._gathers.close()
        await self._writing.close()
        await self._reading.close()


class _Line:
    """Calls that wait for their turn at writing."""

    def __init__(self, pool: Pool, number: int, server: Server) -> None:
        self._pool = pool
        self._begin = _turn(number)
        self._server = server
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"storage-line-{number}")
        self.is_closed = False

    async def put(self, job: Job) -> object:
        if self.is_closed:
            raise StoreDown("The store is closed.")
        self._jobs.put_nowait(job)
        return await job.future

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._jobs.put_nowait(None)
            await self._task

    async def _run(self) -> None:
        while (first := await self._jobs.get()) is not None:
            batch = [first]
            ending = False
            while len(batch) < BATCH and not self._jobs.empty() and not ending:
                job = self._jobs.get_nowait()
                if job is None:
                    ending = True
                else:
                    batch.append(job)
            await self._commit(batch)
            if ending:
                return

    async def _commit(self, batch: Sequence[Job]) -> None:
        """All in one transaction; when one of them fails, nobody else may suffer: each again in its own. A lost server is lost for all."""
        try:
            await self._pool.transact(lambda connection: run_all(connection, batch), self._begin)
        except Exception as error:  # noqa: BLE001  a loop: whoever failed is found and told
            ours = self._server.translated(error)
            if len(batch) > 1 and not self._server.is_lost(error):
                for job in batch:
                    await self._commit([job])
                return
            for job in batch:
                fail(job, ours)
            return
        finish(batch)
