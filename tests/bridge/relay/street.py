"""A street of servers that take letters: an adapter whose servers answer as they are told, a clock moved by hand, and a store over both."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from bridge.changes import AppendItem, JoinRoster, Retract
from bridge.errors import Unreachable
from bridge.metrics import Metrics
from bridge.model.capability import Patience
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, ObjectId, Protocol
from bridge.model.item import Delivered, Destination, Item, Omission, Outcome
from bridge.ports import Adapter
from bridge.refs import Need, Needs, Refs, Wire, Writing
from bridge.relay.courier import Courier
from bridge.relay.loading import Loader
from storage import SqlStore
from storage.schema import metadata
from tests.bridge.relay.quiet import Quiet
from tests.conformance.samples import FOLLOWERS, GROUP, NOW, event, follower, item, retraction, server


class Sundial:
    """Time stands until it is moved; whoever sleeps wakes when it has come."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            sleeper = heapq.heappop(self._sleepers)[2]
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._number), sleeper))
        await sleeper


class Letters(Quiet):
    """Every address is an inbox. A letter that comes twice is known by its item's id and taken once.

    `answers` by address or host: outcomes, errors, or functions that are awaited; used up one by one, then all goes well. `gates`: what is
    sent there waits until its gate is opened. `names`: servers name what they take, as a homeserver does.
    """

    def __init__(self, *, patience: Patience | None = None, names: bool = False, protocol: Protocol = ACTIVITYPUB) -> None:
        super().__init__(protocol, patience)
        self.names = names
        self.taken: defaultdict[str, list[Item]] = defaultdict(list)
        self.sends: Counter[tuple[str, str]] = Counter()
        self.order: list[tuple[str, Item]] = []
        self.answers: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.always: dict[str, Any] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.flying: Counter[str] = Counter()
        self.most_flying: Counter[str] = Counter()
        self.threads: set[tuple[str, str]] = set()
        self.written: Counter[str] = Counter()
        self.parents: dict[str, str | None] = {}
        self.bell = asyncio.Event()
        self.unreachable: set[str] = set()

    async def fetch(self, need: Need) -> Any:
        if need.key[-1] in self.unreachable:
            raise Unreachable("it does not answer")
        return await super().fetch(need)

    def write(self, item: Item, refs: Refs) -> Writing:
        """Raises or omits where `form` says so; a reply names what its place calls its parent."""
        if item.form == "impossible":
            return Omission(item.event_id, item.place, "kind.not_carried", "Nobody here can read it.")
        if item.form == "broken":
            raise ZeroDivisionError("our own fault")
        content = item.event.content
        if isinstance(content, Message) and content.reply_to is not None:
            self.parents[item.id] = refs.copy(content.reply_to, item.place)
        for mention in content.mentions if isinstance(content, Message) else ():
            refs.actor(mention.actor)
        if refs.missing:
            return Needs(tuple(refs.missing))
        self.written[item.id] += 1
        return Wire("POST", "", item.id.encode())

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        where = destination.address
        self._fly(where, item, 1)
        try:
            await asyncio.sleep(0)
            gate = self.gates.get(where)
            if gate is not None:
                await gate.wait()
            answer = self._answer(destination)
            if callable(answer):
                answer = await answer(item, destination)
            if isinstance(answer, BaseException):
                raise answer
            outcome: Outcome = answer if answer is not None else Delivered(f"${item.id}" if self.names else None)
            if isinstance(outcome, Delivered):
                self.take(where, item)
            return outcome
        finally:
            self._fly(where, item, -1)
            self.bell.set()

    def take(self, where: str, item: Item) -> None:
        """It is there, whatever is answered."""
        if item.id not in {known.id for known in self.taken[where]}:
            self.taken[where].append(item)
            self.order.append((where, item))

    def _fly(self, where: str, item: Item, step: int) -> None:
        if step > 0:
            self.sends[where, item.id] += 1
            assert (where, item.thread) not in self.threads or item.urgent, "two of one thread are in flight"
            self.threads.add((where, item.thread))
        else:
            self.threads.discard((where, item.thread))
        for name in (where, where.split("/")[2], ""):
            self.flying[name] += step
            self.most_flying[name] = max(self.most_flying[name], self.flying[name])
        self.bell.set()

    def _answer(self, destination: Destination) -> Any:
        for name in (destination.address, destination.host):
            if self.answers[name]:
                return self.answers[name].popleft()
            if name in self.always:
                return self.always[name]
        return None


class Street:
    """`letters`, `store`, `clock` and a courier between them, which can be another one after a crash."""

    def __init__(self, store: SqlStore, clock: Any, letters: Letters | None = None, **courier: Any) -> None:
        self.store = store
        self.clock = clock
        self.letters = letters or Letters()
        self.adapters: dict[Protocol, Adapter] = {self.letters.protocol: self.letters}
        self.metrics = Metrics()
        self._with = courier
        self.courier = self.another_courier()

    def another_courier(self, store: Any = None) -> Courier:
        """As after a restart: it knows what the store knows."""
        where = store or self.store
        loader = Loader(where, self.adapters, self.clock)
        self.courier = Courier(where, self.adapters, loader, self.clock, metrics=self.metrics, **self._with)
        return self.courier

    async def hear(self, *names: str) -> None:
        """These servers hear the group."""
        await self.store.journal.commit([JoinRoster(FOLLOWERS, server(name), follower("sam", name)) for name in names])

    async def write(self, *items: Item) -> None:
        await self.store.journal.commit([AppendItem(each, self.clock.now()) for each in items])

    async def say(self, *names: str, **more: Any) -> list[Event]:
        """One message each, to everyone who hears the group."""
        said = [event(name) for name in names]
        await self.write(*(item(each, **more) for each in said))
        return said

    async def take_back(self, said: Event, name: str = "") -> Event:
        """What the relay commits for a retraction."""
        sorry = retraction(name or f"sorry {said.provenance.native.id}", said)
        taken = item(sorry, "direct", urgent=True, reached=True, keep_days=30)
        now = self.clock.now()
        await self.store.journal.commit([Retract(ObjectId(said.id), said.provenance.native, now), AppendItem(taken, now)])
        return sorry

    async def settle(self, most: int = 200) -> int:
        """Steps until nothing is left to do now; how many there were."""
        for count in range(most):
            if not await self.courier.step():
                return count
        raise AssertionError("the courier never comes to rest")

    async def until(self, days: float, every: float = 1_800.0) -> None:
        """Lets time pass, with a look every `every` seconds."""
        end = self.clock.now() + timedelta(days=days)
        while self.clock.now() < end:
            self.clock.forward(every)
            await self.settle()

    def taken(self, name: str) -> list[str]:
        """The event ids that a server has, in the order in which they came."""
        return [each.event_id for each in self.letters.taken[server(name).address]]

    async def rows(self, *tables: str) -> dict[str, int]:
        """Rows per table, of all tables where none is named."""
        chosen = [table for table in metadata.sorted_tables if not tables or table.name in tables]

        def count(connection: Connection) -> dict[str, int]:
            return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in chosen}

        return await self.store.database.read(count)

    def count(self, outcome: str) -> float:
        return (
            self.metrics.registry.get_sample_value("folkmoot_deliveries_total", {"protocol": self.letters.protocol, "outcome": outcome})
            or 0.0
        )


async def when(true: Callable[[], Any], *, turns: int = 20_000) -> Any:
    """What `true` gives, as soon as that is something; lets everybody else run in between."""
    for _ in range(turns):
        if found := true():
            return found
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


def ids(events: Iterable[Event]) -> list[str]:
    return [each.id for each in events]


__all__ = ["GROUP", "Letters", "Street", "Sundial", "ids", "when"]
