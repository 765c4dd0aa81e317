"""An adapter whose peers say what they are told to: each body stands for what reading it comes to, and asking outside can be slow or vain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from bridge.changes import Change
from bridge.errors import Unreachable
from bridge.metrics import Metrics
from bridge.model.actor import Actor
from bridge.model.capability import Patience
from bridge.model.content import Content
from bridge.model.event import Event
from bridge.model.ids import MATRIX, Native, Protocol
from bridge.ports import Adapter
from bridge.refs import Absent, Need, Needs, Read, Reading, Refs
from bridge.relay.loading import Loader
from bridge.relay.reader import Reader
from bridge.streams import Intake, Receipt, Stream
from storage import SqlStore
from storage.schema import intake, waits
from tests.bridge.relay.quiet import Quiet
from tests.conformance.samples import MAKERS, actor, event

Says = Callable[[Refs], Reading]


class Script(Quiet):
    """`lines` by body. `unreachable` and `gates` by what is asked for; `people` are those who can be fetched."""

    def __init__(self, patience: Patience | None = None) -> None:
        super().__init__(MATRIX, patience)
        self.lines: dict[bytes, Says] = {}
        self.people: dict[Native, Actor] = {}
        self.unreachable: dict[str, Unreachable] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.fetched: Counter[str] = Counter()
        self.asking = 0
        self.most_asking = 0
        self.reads: list[bytes] = []

    def read(self, entry: Intake, refs: Refs) -> Reading:
        reading = self.lines[entry.body](refs)
        if refs.missing:
            return Needs(tuple(refs.missing))
        self.reads.append(entry.body)
        return reading

    async def fetch(self, need: Need) -> Any:
        what = need.key[-1]
        self.fetched[what] += 1
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        try:
            if what in self.gates:
                await self.gates[what].wait()
            if what in self.unreachable:
                raise self.unreachable[what]
            found = self.people.get(Native(MATRIX, what))
            return found if found is not None else Absent("nobody of that name")
        finally:
            self.asking -= 1


class Desk:
    """`script`, `store`, `clock` and a reader between them, which can be another one after a crash."""

    def __init__(self, store: SqlStore, clock: Any, script: Script | None = None) -> None:
        self.store = store
        self.clock = clock
        self.script = script or Script()
        self.adapters: dict[Protocol, Adapter] = {self.script.protocol: self.script}
        self.metrics = Metrics()
        self.reader = self.another_reader()

    def another_reader(self, store: Any = None) -> Reader:
        where = store or self.store
        self.reader = Reader(where, self.adapters, Loader(where, self.adapters, self.clock), self.clock, metrics=self.metrics)
        return self.reader

    async def take(self, *said: tuple[str, Says], lane: str = "one") -> tuple[Receipt, ...]:
        """Accepts bodies of these names; what each comes to is remembered."""
        self.script.lines.update((name.encode(), says) for name, says in said)
        return await self.store.journal.accept(
            [Intake(f"{lane} {name}", lane, MATRIX, "event", name.encode(), self.clock.now()) for name, _ in said]
        )

    async def settle(self, most: int = 100) -> None:
        for _ in range(most):
            if not await self.reader.step():
                return
        raise AssertionError("the reader never comes to rest")

    async def events(self) -> list[Event]:
        """In order, erased ones left out."""
        return [each for _, each in await self.store.journal.read_events(MAKERS, 1_000)]

    async def names(self) -> list[str]:
        return [each.provenance.native.id.removeprefix("$") for each in await self.events()]

    async def ended(self) -> dict[str, tuple[str | None, bool, bool]]:
        """Of every entry, by name: why it ended, whether that was a refusal, and whether its bytes are gone."""
        rows = await self.store.database.read(lambda connection: connection.execute(select(intake)).all())
        return {row.key.rpartition(" ")[2]: (row.why, row.refused, row.body is None) for row in rows}

    async def is_done(self) -> bool:
        return not await self.store.journal.pending(Stream.INTAKE)

    async def waits(self) -> dict[str, tuple[str, bool, int]]:
        """What is parked, by name: why, whether for a person, and how often it has waited."""
        rows = await self.store.database.read(
            lambda connection: connection.execute(
                select(intake.c.key, waits.c.why, waits.c.stuck, waits.c.tries).join(waits, waits.c.seq == intake.c.seq)
            ).all()
        )
        return {row.key.rpartition(" ")[2]: (row.why, row.stuck, row.tries) for row in rows}


def says(name: str, content: Content | None = None, *changes: Change) -> tuple[str, Says]:
    """Something that is read as one event."""
    return name, lambda _: Read((event(name, content),), tuple(changes))


def comes_to(name: str, reading: Reading) -> tuple[str, Says]:
    return name, lambda _: reading


def asks(name: str, of: str, then: Callable[[Actor | None], Reading] | None = None) -> tuple[str, Says]:
    """Something by somebody who has to be looked up."""

    def read(refs: Refs) -> Reading:
        found = refs.actor(Native(MATRIX, of))
        return then(found) if then is not None else Read((event(name),))

    return name, read


def points_at(name: str, native: str, reading: Reading, known: Reading | None = None) -> tuple[str, Says]:
    """Something about an object: `known` when that is known here."""

    def read(refs: Refs) -> Reading:
        found = refs.object_at(Native(MATRIX, f"${native}"))
        return known if found is not None and known is not None else reading

    return name, read


def person(name: str) -> Actor:
    return actor(Native(MATRIX, name))
