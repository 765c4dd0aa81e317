"""The third loop: OUT to the adapters. Each destination hears what it is owed, in order, once; nobody else tries anything again.

Design section 2, engine.md section 9, ADR 0007 and 0009. What is known here and not in the store yet is only ever what has been done, so a
crash repeats a send under the same key and loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

from bridge.changes import Change
from bridge.errors import Conflict, Fenced, Full, StorageError, StoreDown
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.content import Retraction
from bridge.model.ids import Protocol
from bridge.model.item import Item
from bridge.ports import Adapter, Clock, Store
from bridge.relay.lane import WINDOW, Flight, Host, Key, Lane, Settlement
from bridge.relay.loading import Loader
from bridge.relay.outcomes import Outcomes
from bridge.relay.tasks import Tasks, cancel
from bridge.relay.writing import Writer
from bridge.streams import LaneState, Stream

__all__ = ["Courier"]

CHUNK = 64
"""Lanes read at once: few enough that what was read is begun at once, enough that reading costs microseconds per lane."""

LOOK = 256
"""Lanes asked for beyond those known."""

BREATH = 0.002
"""Seconds for which those that were sent are gathered, so that what comes after them is read together."""

SETTLE = 0.25
"""Seconds for which successes are gathered into one commit (engine.md section 9)."""

LONGEST_NAP = 1.0
"""Seconds between two looks when no hint comes; a lost hint costs no more."""

_log = logger()


class Courier:
    """`run` until cancelled, `drain` before that; or `step` by step. `per_host`: items in flight to one server."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        loader: Loader,
        clock: Clock,
        *,
        sends_at_once: int = 256,
        per_host: int = 4,
        metrics: Metrics | None = None,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._sends_at_once = sends_at_once
        self._per_host = per_host
        self._writer = Writer(loader)
        self._outcomes = Outcomes(store, adapters, self._writer, clock, metrics or Metrics())
        self._turn = asyncio.Lock()
        """Held while the store is told, or says how lanes are: an answer never mixes what was before with what came after."""
        self._tasks = Tasks()
        self._sending: set[asyncio.Task[None]] = set()
        self._soiled = asyncio.Event()
        self._rings: asyncio.TimerHandle | None = None
        self._is_running = False
        self._is_draining = False
        self._lanes: dict[Key, Lane] = {}
        self._forget_all()

    def _forget_all(self) -> None:
        """The store knows where everything was."""
        for lane in self._lanes.values():
            self._store.claims.end(Stream.OUT, lane.host.name)
        self._lanes = {}
        self._hosts: dict[str, Host] = {}
        self._queue: deque[Lane] = deque()
        self._dirty: dict[Lane, None] = {}
        self._news = True
        self._is_truncated = False

    # ------------------------------------------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """What the store answers when it is in trouble is waited out; results that it could not take are kept and told again."""
        _log.info("loop.started", loop="courier")
        self._forget_all()
        self._is_running = True
        self._tasks.start(self._listen())
        self._tasks.start(self._keep_settling())
        try:
            while True:
                try:
                    await self._round()
                except StorageError as error:
                    await self._wait_out(error)
                    self._tasks.bell.set()
                await self._tasks.rest()
        finally:
            self._is_running = False
            await self._tasks.end()
            await self._writer.stop()
            _log.info("loop.stopped", loop="courier")

    async def step(self) -> bool:
        """What may go now, each sent once and noted; True when there was anything. Raises StorageError; what is known by then is kept."""
        self._news = True
        try:
            begun = await self._round()
        finally:
            while self._sending:
                await asyncio.wait(self._sending)
        self._tasks.check()
        return await self._settle() or begun

    async def drain(self, seconds: float) -> None:
        """Begins nothing more, gives what is in flight so many seconds, and notes all that is known. Raises StorageError.

        What is cut off is sent again after the next start, under the same key.
        """
        self._is_draining = True
        deadline = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            while self._sending and not deadline.done():
                await asyncio.wait({*self._sending, deadline}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel(deadline, *self._sending)
        await self._settle()

    async def _listen(self) -> None:
        while True:
            await self._store.journal.hint(Stream.OUT, LONGEST_NAP)
            self._look_again()

    async def _keep_settling(self) -> None:
        while True:
            await self._soiled.wait()
            await self._clock.sleep(SETTLE)
            try:
                await self._settle()
            except StorageError as error:
                await self._wait_out(error)

    async def _wait_out(self, error: StorageError) -> None:
        _log.error("loop.failed", loop="courier", code=error.code, reason=error.private)
        await self._clock.sleep(LONGEST_NAP)

    def _look_again(self) -> None:
        self._news = True
        self._tasks.bell.set()

    # ------------------------------------------------------------------------------------------------------ what may go

    @property
    def _room(self) -> int:
        return 0 if self._is_draining else self._sends_at_once - len(self._sending)

    async def _round(self) -> bool:
        """Begins whatever may begin; True when there was anything. Raises StorageError."""
        begun = False
        while True:
            known = len(self._lanes)
            if self._room > 0 and (self._news or (self._is_truncated and not self._queue)):
                await self._look()
            while chunk := self._chunk():
                begun = await self._begin(chunk) or begun
            if self._room <= 0 or not self._is_truncated or len(self._lanes) <= known:
                # Else all that was seen waits for servers that are busy, and others may stand behind them.
                return begun

    async def _look(self) -> None:
        """Which lanes have something to hear."""
        limit = len(self._lanes) + LOOK
        is_news, self._news = self._news, False
        async with self._turn:
            try:
                states = await self._store.deliveries.lanes(self._clock.now(), limit, self._store.claims.share(Stream.OUT))
            except BaseException:
                self._news = is_news
                raise
            for state in states:
                self._see(state, is_news=is_news)
        self._is_truncated = len(states) == limit

    def _see(self, state: LaneState, *, is_news: bool) -> None:
        destination, urgent = state.destination, state.urgent
        if not self._owns(destination.host):
            return  # handed over since it was asked for
        lane = self._lanes.get((destination, urgent))
        host = self._hosts.get(destination.host)
        if (lane is not None and lane.ending is not None) or (host is not None and host.unsettled):
            return  # the store has not been told yet
        if host is None:
            host = self._hosts[destination.host] = Host(destination.host, self._per_host)
        host.is_down, host.is_probed = False, state.probe and not host.has_recovered
        if lane is None:
            adapter = self._adapters.get(destination.protocol)
            lane = self._lanes[destination, urgent] = Lane(state, host, adapter.patience.parallel if adapter is not None else 1)
            host.lanes.add(lane)
            self._store.claims.begin(Stream.OUT, host.name)
        elif is_news or lane.is_down:
            lane.renew(state)
        self._outcomes.watch(lane)
        self._enqueue(lane)

    def _owns(self, host: str) -> bool:
        return self._store.claims.owns(Stream.OUT, host)

    def _enqueue(self, lane: Lane) -> None:
        if lane.may_begin and not lane.is_queued:
            lane.is_queued = True
            _join(self._queue, lane)

    def _chunk(self) -> list[Lane]:
        """The next lanes to read: none whose server has no room, and no more than there is room for."""
        chunk: list[Lane] = []
        taken: dict[Host, int] = {}
        while self._queue and len(chunk) < min(CHUNK, self._room):
            lane = self._queue.popleft()
            host = lane.host
            if not self._owns(host.name):
                lane.more = False
            if host.is_down or not lane.may_begin:
                lane.is_queued = False
                self._forget(lane)
            elif taken.get(host, 0) >= host.room:
                _join(host.waiting, lane)
            else:
                taken[host] = taken.get(host, 0) + 1
                chunk.append(lane)
        return chunk

    async def _begin(self, chunk: list[Lane]) -> bool:
        """Reads them, and sends what may go."""
        try:
            windows = await self._store.deliveries.windows([lane.standpoint for lane in chunk], WINDOW)
        except BaseException:
            self._queue.extendleft(reversed(chunk))
            raise
        begun = False
        for lane, window in zip(chunk, windows, strict=True):
            lane.is_queued = False
            if not (lane.is_down or lane.host.is_down):
                room = min(self._room, lane.host.room)
                flights, passed = lane.begin(window, room, lambda item, lane=lane: self._waits(lane, item))  # type: ignore[misc]
                for flight in flights:
                    task = self._tasks.start(self._deliver(lane, flight))
                    self._sending.add(task)
                    task.add_done_callback(self._sent)
                for _ in passed:
                    self._outcomes.passed_over(lane)
                if passed or len(flights) >= room:
                    self._enqueue(lane)
                begun = begun or bool(flights or passed)
            self._touch(lane)
            self._admit(lane.host)
            self._forget(lane)
        return begun

    def _waits(self, lane: Lane, item: Item) -> bool:
        """A retraction waits for its own create, where that is in flight, and for nothing else."""
        sibling = self._lanes.get(lane.sibling)
        return sibling is not None and isinstance(item.event.content, Retraction) and sibling.tells_of(item)

    def _admit(self, host: Host) -> None:
        """As many of those who wait for room there as there is room."""
        if host.is_down:
            while host.waiting:
                lane = host.waiting.popleft()
                lane.is_queued = False
                self._forget(lane)
        for _ in range(min(host.room, len(host.waiting))):
            _join(self._queue, host.waiting.popleft())

    def _forget(self, lane: Lane) -> None:
        if lane.is_idle and self._lanes.get(lane.key) is lane:
            self._let_go(lane)

    def _let_go(self, lane: Lane) -> None:
        del self._lanes[lane.key]
        self._store.claims.end(Stream.OUT, lane.host.name)
        lane.host.lanes.discard(lane)
        if not lane.host.lanes:
            del self._hosts[lane.host.name]

    # ------------------------------------------------------------------------------------------------------ one item

    async def _deliver(self, lane: Lane, flight: Flight) -> None:
        try:
            outcome = await self._outcomes.attempt(lane, flight)
            noted = await self._outcomes.note(lane, flight, outcome)
        except Fenced:
            lane.put_back(flight)
            self._go_on(lane)
            return
        except StorageError as error:
            lane.put_back(flight)
            await self._wait_out(error)
            self._go_on(lane)
            return
        for each in (lane, *noted.also):
            self._touch(each)
            self._go_on(each)
        if noted.rests is not None and noted.rests < LONGEST_NAP and self._is_running:
            self._tasks.call_after(noted.rests, self._clock, self._look_again)
        if noted.at_once:
            try:
                await self._settle()
            except StorageError as error:
                _log.error("loop.failed", loop="courier", code=error.code, reason=error.private)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not self._sending:
            self._ring()
        elif self._rings is None:
            self._rings = asyncio.get_running_loop().call_later(BREATH, self._ring)

    def _ring(self) -> None:
        if self._rings is not None:
            self._rings.cancel()
            self._rings = None
        self._tasks.bell.set()

    def _go_on(self, lane: Lane) -> None:
        """Something ended: what waited for it, or for room, may begin."""
        self._enqueue(lane)
        sibling = self._lanes.get(lane.sibling)
        if sibling is not None:
            self._enqueue(sibling)
        self._admit(lane.host)
        self._forget(lane)

    # ------------------------------------------------------------------------------------------------------ what is known

    def _touch(self, lane: Lane) -> None:
        if lane.is_dirty and self._lanes.get(lane.key) is lane:
            self._dirty[lane] = None
            self._soiled.set()

    async def _settle(self) -> bool:
        """Tells the store all that is known, in one commit; True when there was anything. Raises StorageError; then it is kept."""
        async with self._turn:
            self._soiled.clear()
            lanes, self._dirty = list(self._dirty), {}
            try:
                return await self._tell(lanes, learned=True)
            except Fenced:
                if not self._lose(lanes):
                    raise
                return True
            except (Full, StoreDown):
                raise
            except Exception as error:
                if len(lanes) == 1:
                    raise self._untold(lanes[0], error) from error
            # One lane that cannot be told must not keep the others from it.
            failed: StorageError | None = None
            for lane in lanes:
                self._dirty.pop(lane, None)
                try:
                    await self._tell([lane])
                except (Fenced, Full, StoreDown):
                    raise
                except Exception as error:  # noqa: BLE001  (a bug of ours is one lane's)
                    failed = self._untold(lane, error)
            if failed is not None:
                raise failed
            return True

    def _lose(self, lanes: Iterable[Lane]) -> bool:
        """Forgets servers that another process sends to now; it sends again what was not written down, under the same keys."""
        lost = {lane.host for lane in lanes if not self._store.claims.keeps(Stream.OUT, lane.host.name)}
        for lane in [lane for host in lost for lane in host.lanes]:
            lane.is_down = True
            self._dirty.pop(lane, None)
            self._let_go(lane)
        return bool(lost)

    def _untold(self, lane: Lane, error: Exception) -> StorageError:
        """It rests as it is, and is told again with the next one."""
        lane.is_down = True
        _log.error("lane.stalled", protocol=lane.destination.protocol, peer=lane.host.name, exc_info=error)
        return Conflict("What came of a delivery could not be written.", private=type(error).__name__)

    async def _tell(self, lanes: Iterable[Lane], *, learned: bool = False) -> bool:
        """`learned`: also what writing brought about."""
        changes: list[Change] = []
        if learned:
            changes, self._writer.learned = self._writer.learned, []
        taken = [(lane, lane.take()) for lane in lanes]
        told = [*changes, *(change for _, each in taken for change in each.changes)]
        told += [each.advance for _, each in taken if each.advance is not None]
        told += [each.ending for _, each in taken if each.ending is not None]
        try:
            await self._store.journal.commit(told)
        except BaseException:
            self._writer.learned[:0] = changes
            for lane, each in taken:
                lane.give_back(each)
                self._touch(lane)
            raise
        for lane, each in taken:
            self._settled(lane, each)
        return bool(told)

    def _settled(self, lane: Lane, taken: Settlement) -> None:
        lane.settled(taken)
        self._touch(lane)
        self._go_on(lane)
        self._tasks.bell.set()


def _join(line: deque[Lane], lane: Lane) -> None:
    """Urgent lanes stand in front."""
    (line.appendleft if lane.state.urgent else line.append)(lane)
