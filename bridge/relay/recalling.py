"""Asks the home of something that stayed there for its words once more: what does not cross is erased here, and some acts need it again."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.errors import Unreachable
from bridge.logs import logger
from bridge.model.content import Message
from bridge.model.event import Event
from bridge.model.ids import ObjectId, Protocol
from bridge.ports import Adapter, Store
from bridge.refs import Read, Refs
from bridge.relay.loading import Loader

__all__ = ["Recalling"]

_ROUNDS = 5

_log = logger()


class Recalling:
    """`recall` what an event is about."""

    def __init__(self, store: Store, adapters: Mapping[Protocol, Adapter], loader: Loader) -> None:
        self._store = store
        self._adapters = adapters
        self._loader = loader

    async def recall(self, event: Event, target: ObjectId | None) -> Event | None:
        """None when we have it, or it is not there. Raises StorageError."""
        native = event.provenance.about
        adapter = self._adapters.get(event.place.protocol)
        if target is None or native is None or adapter is None:
            return None
        if await self._store.objects.get(target) is not None or await self._store.decisions.hold_on(target) is not None:
            return None
        try:
            intake = await adapter.recall(event.place, native)
            if intake is None:
                return None
            refs = Refs()
            for _ in range(_ROUNDS):
                reading = adapter.read(intake, refs)
                if isinstance(reading, Read):
                    return next((one for one in reading.events if ObjectId(one.id) == target and isinstance(one.content, Message)), None)
                if not refs.missing:
                    return None
                await self._loader.fill(refs, tuple(refs.missing), event.place.protocol)
        except Unreachable as error:
            _log.info("document.refused", event_id=event.id, reason=error.public)
        return None
