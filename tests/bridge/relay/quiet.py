"""An adapter of a protocol on which nobody says or hears anything: others are made of it by saying what is different."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.changes import Change
from bridge.errors import Unreachable
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.capability import Capabilities, Patience
from bridge.model.ids import Native, ObjectId, Protocol
from bridge.model.item import Dead, Destination, Item, Omission, Outcome
from bridge.model.place import Community, Place
from bridge.refs import Absent, Ignored, Need, Reading, Refs, Wire, Writing
from bridge.streams import Intake


class Quiet:
    def __init__(self, protocol: Protocol, patience: Patience | None = None) -> None:
        self._protocol = protocol
        self._patience = patience or Patience()

    @property
    def protocol(self) -> Protocol:
        return self._protocol

    @property
    def patience(self) -> Patience:
        return self._patience

    def capabilities(self, place: Place) -> Capabilities:
        return Capabilities(carries={}, audiences=frozenset(Audience))

    def read(self, entry: Intake, refs: Refs) -> Reading:
        return Ignored("nobody says anything here")

    async def fetch(self, need: Need) -> Any:
        return Absent("nobody is here")

    async def destinations(self, place: Place) -> tuple[Destination, ...]:
        return ()

    def destination_of(self, actor: Actor, *, alone: bool) -> Destination | None:
        return None

    def name_copy(self, object_id: ObjectId, place: Place) -> str | None:
        return None

    def write(self, item: Item, refs: Refs) -> Writing:
        return Omission(item.event_id, item.place, "kind.not_carried", "Nobody here can read it.")

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        return Dead("nobody hears anything here")

    async def prepare(self, name: str) -> Place:
        raise Unreachable("there is nothing to link here")

    async def recall(self, place: Native, native: str) -> Intake | None:
        return None

    async def embody(self, of: Native, community: Community, *, handle: str | None = None, actor: Actor | None = None) -> Sequence[Change]:
        return ()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...
