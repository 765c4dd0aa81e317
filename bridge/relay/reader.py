"""The first loop: INTAKE to EVENTS. Everything accepted is read once, in the order of its lane, and ends as events, a reason, or a wait.

Design section 2. Lanes are independent. A crash reads again what had been read, under the same ids, and loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.errors import Fenced, Full, StorageError, StoreDown
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.ids import Protocol
from bridge.ports import Adapter, Clock, Store
from bridge.relay.loading import Loader
from bridge.relay.reading import Readings, Verdict
from bridge.relay.tasks import Tasks
from bridge.streams import Entry, Stream

__all__ = ["Reader"]

LANES_AT_ONCE = 16

BATCH = 64
"""Entries of one lane that share a commit."""

DUE = 64
"""Waits looked at in one round."""

LONGEST_NAP = 1.0
"""Seconds between two looks when no hint comes; a lost hint costs no more."""

_log = logger()


class Reader:
    """`run` until cancelled, or `step` by step."""

    def __init__(
        self, store: Store, adapters: Mapping[Protocol, Adapter], loader: Loader, clock: Clock, *, metrics: Metrics | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._readings = Readings(store.journal, adapters, loader, clock, metrics or Metrics())
        self._tasks = Tasks()
        self._lanes: dict[str, asyncio.Task[bool]] = {}
        self._again: set[str] = set()
        self._room = asyncio.Semaphore(LANES_AT_ONCE)

    # ------------------------------------------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """What the store answers when it is in trouble is waited out; the node's health tells of it."""
        _log.info("loop.started", loop="reader")
        self._tasks.start(self._listen())
        try:
            while True:
                try:
                    await self._begin(patiently=True)
                except StorageError as error:
                    await self._wait_out(error)
                    self._tasks.bell.set()
                await self._tasks.rest()
        finally:
            await self._tasks.end()
            _log.info("loop.stopped", loop="reader")

    async def step(self) -> bool:
        """What is due and what is new, once round; True when there was anything. Raises StorageError, after every lane had its turn."""
        done = await asyncio.gather(*await self._begin(patiently=False), return_exceptions=True)
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return any(done)

    async def _listen(self) -> None:
        while True:
            await self._store.journal.hint(Stream.INTAKE, LONGEST_NAP)
            self._tasks.bell.set()

    async def _wait_out(self, error: StorageError) -> None:
        _log.error("loop.failed", loop="reader", code=error.code, reason=error.private)
        await self._clock.sleep(LONGEST_NAP)

    # ------------------------------------------------------------------------------------------------------ lanes

    async def _begin(self, *, patiently: bool) -> Sequence[asyncio.Task[bool]]:
        """A turn for every lane that has something and is not at work. Raises StorageError."""
        due, rest = await self._due()
        if patiently and rest is not None and rest < LONGEST_NAP:
            self._tasks.call_after(rest, self._clock, self._tasks.bell.set)
        begun: list[asyncio.Task[bool]] = []
        for lane in dict.fromkeys([*due, *await self._store.journal.pending(Stream.INTAKE)]):
            if lane in self._lanes:
                self._again.add(lane)
                continue
            if not self._store.claims.owns(Stream.INTAKE, lane):
                continue
            self._store.claims.begin(Stream.INTAKE, lane)
            waiting = sorted(due.get(lane, ()), key=lambda entry: entry.seq)
            turn = self._patient_turn(lane, waiting) if patiently else self._turn(lane, waiting)
            task = self._lanes[lane] = self._tasks.start(turn)
            task.add_done_callback(lambda _, lane=lane: self._ended(lane))  # type: ignore[misc]
            begun.append(task)
        return begun

    async def _due(self) -> tuple[Mapping[str, list[Entry]], float | None]:
        """What waited and may be read now, by lane; else the seconds until something may."""
        found: defaultdict[str, list[Entry]] = defaultdict(list)
        share = self._store.claims.share(Stream.INTAKE)
        first, now = await self._store.journal.next_due(share), self._clock.now()
        if first is None or first > now:
            return found, None if first is None else (first - now).total_seconds()
        for _, entry in await self._store.journal.waits_due(now, DUE, share):
            found[entry.intake.lane].append(entry)
        return found, None

    def _ended(self, lane: str) -> None:
        del self._lanes[lane]
        self._store.claims.end(Stream.INTAKE, lane)
        if lane in self._again:
            # Something came for it while it was at work.
            self._again.discard(lane)
            self._tasks.bell.set()

    async def _patient_turn(self, lane: str, due: Sequence[Entry]) -> bool:
        try:
            return await self._turn(lane, due)
        except Fenced:
            return False  # whoever has the lane now reads it
        except StorageError as error:
            await self._wait_out(error)
            return False

    async def _turn(self, lane: str, due: Sequence[Entry]) -> bool:
        """What waited and is due, then what is new. Raises StorageError; the lane is then as far as was written."""
        async with self._room:
            for entry in due:
                await self._write(lane, [await self._readings.look(entry)])
            entries = await self._store.journal.read_intake(lane, BATCH)
            await self._read(lane, entries)
            if len(entries) == BATCH:
                self._again.add(lane)
            return bool(due or entries)

    async def _read(self, lane: str, entries: Sequence[Entry]) -> None:
        batch: list[Verdict] = []

        async def flush() -> None:
            # What was read already does not wait for somebody else's slow server.
            done, batch[:] = list(batch), []
            await self._write(lane, done)

        for entry in entries:
            verdict = await self._readings.look(entry, before_asking=flush)
            batch.append(verdict)
            if verdict.is_seen:
                await flush()
        await flush()

    async def _write(self, lane: str, verdicts: Sequence[Verdict]) -> None:
        """In one commit; when that cannot be, each alone, so that the one which cannot be written costs no other. Raises StorageError."""
        if not verdicts:
            return
        where: dict[str, Any] = {"stream": Stream.INTAKE, "lane": lane, "upto": verdicts[-1].seq}
        try:
            await self._store.journal.commit([change for verdict in verdicts for change in verdict.changes], **where)
        except (Fenced, Full, StoreDown):
            raise
        except Exception as error:  # noqa: BLE001  (a bug of ours must cost one entry, not a lane)
            if len(verdicts) == 1:
                await self._store.journal.commit(self._readings.stuck(verdicts[0].seq, error).changes, **where)
                return
            for verdict in verdicts:
                await self._write(lane, [verdict])
