"""Answers what pure code asked for: from the store, and only where it must be so from outside.

The one place that turns a `Need` into a value, and that calls pure code again until it needs nothing more. What the outside said of an
actor is returned as changes, so that it is kept by the same commit as what needed it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from bridge.changes import Change, PutActor
from bridge.errors import Invariant, Unreachable
from bridge.logs import logger
from bridge.model.actor import Actor
from bridge.model.ids import CommunityId, Native, ObjectId, Protocol
from bridge.ports import Adapter, Clock, Store
from bridge.refs import Absent, Need, Needs, Refs

__all__ = ["Loader"]

FRESH = timedelta(hours=24)
"""How long a foreign account is believed as it was seen; what changed meanwhile comes as a profile event anyhow."""

MOST_ROUNDS = 30
"""How often one thing may ask for more. A reply with a parent to fetch takes eight; who never stops asking has a fault of ours."""

_log = logger()

_Answer = TypeVar("_Answer")


class Loader:
    """`fill(refs, needs, asker)` puts a value for every need into `refs`; None means that it does not exist."""

    def __init__(self, store: Store, adapters: Mapping[Protocol, Adapter], clock: Clock) -> None:
        self._store = store
        self._adapters = adapters
        self._clock = clock
        directory, objects = store.directory, store.objects
        self._stored: dict[str, Callable[..., Awaitable[Any]]] = {
            "channel": lambda protocol, id_: directory.channel_of(_native(protocol, id_)),
            "community": lambda id_: directory.community(CommunityId(id_)),
            "object_at": lambda protocol, id_: objects.find(_native(protocol, id_)),
            "object": lambda id_: objects.get(ObjectId(id_)),
            "current": lambda id_: objects.current(ObjectId(id_)),
            "copy": lambda id_, protocol, place: objects.copy(ObjectId(id_), _native(protocol, place)),
            "parts": lambda id_, protocol, place: objects.parts(ObjectId(id_), _native(protocol, place)),
            "actor_called": lambda protocol, handle: directory.actor_called(Protocol(protocol), handle),
            "last_in_thread": lambda root, protocol, place: objects.last_in_thread(ObjectId(root), _native(protocol, place)),
            "ghost": lambda protocol, id_: directory.ghost(_native(protocol, id_)),
            "ghost_of": lambda protocol, of_protocol, of: directory.ghost_of(Protocol(protocol), _native(of_protocol, of)),
            "follow": lambda protocol, actor, target: directory.follow(_native(protocol, actor), _native(protocol, target)),
            "conversation": lambda protocol, id_: directory.conversation(_native(protocol, id_)),
            "owner_of": lambda protocol, id_: directory.owner_of(_native(protocol, id_)),
        }

    async def answer(
        self,
        pure: Callable[[Refs], _Answer | Needs],
        asker: Protocol,
        *,
        must_reach: bool = True,
        before_asking: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[_Answer, Refs, tuple[Change, ...]]:
        """Calls `pure` until it needs nothing more: its answer, all it was told, and what was learned on the way.

        `before_asking` is awaited before anything is asked of the outside, which may take long. Raises Unreachable, unless `must_reach` is
        false: then what cannot be reached now counts as not there. Raises StorageError, and Invariant when something is asked for again
        after it was answered.
        """
        refs = Refs()
        learned: list[Change] = []
        for _ in range(MOST_ROUNDS):
            answer = pure(refs)
            if not isinstance(answer, Needs):
                return answer, refs, tuple(learned)
            again = [need for need in answer.needs if need in refs.found]
            if again or not answer.needs:
                raise Invariant(f"{again[0].kind if again else 'nothing'} was asked for after it had been answered")
            if must_reach:
                learned += await self.fill(refs, answer.needs, asker, before_asking=before_asking)
                continue
            for need in answer.needs:
                try:
                    learned += await self.fill(refs, (need,), asker)
                except Unreachable as error:
                    _log.info("document.refused", protocol=asker, kind=need.kind, reason=error.public)
                    refs.found[need] = None
            refs.missing.clear()
        raise Invariant(f"it still asked for more after {MOST_ROUNDS} rounds")

    async def fill(
        self,
        refs: Refs,
        needs: Iterable[Need],
        asker: Protocol,
        *,
        outside: bool = True,
        before_asking: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[Change, ...]:
        """`asker`: the protocol whose adapter wants to know; documents are asked for there. Without `outside` only the store is asked,
        as for whatever strangers can make us do. Raises Unreachable, StorageError."""
        changes: list[Change] = []
        for need in needs:
            if not outside and need.kind in {"actor", "document"}:
                known = await self._store.directory.actor(_native(*need.key)) if need.kind == "actor" else None
                refs.found[need] = known[0] if known is not None else None
            elif need.kind == "actor":
                refs.found[need], change = await self._actor(need, before_asking)
                changes += change
            elif need.kind == "document":
                refs.found[need] = await self._outside(asker, need, before_asking)
            else:
                refs.found[need] = await self._stored[need.kind](*need.key)
        refs.missing.clear()
        return tuple(changes)

    async def actor(self, native: Native) -> tuple[Actor | None, tuple[Change, ...]]:
        """Somebody as last seen, asked for at home when that is long ago. Raises Unreachable only when nothing is known at all."""
        return await self._actor(Need("actor", (native.protocol, native.id)))

    async def _actor(
        self, need: Need, before_asking: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[Actor | None, tuple[Change, ...]]:
        native = _native(*need.key)
        known = await self._store.directory.actor(native)
        now = self._clock.now()
        if known is not None and now - known[1] < FRESH:
            return known[0], ()
        try:
            found = await self._outside(native.protocol, need, before_asking)
        except Unreachable as error:
            if known is None:
                raise
            _log.info("actor.refused", protocol=native.protocol, reason=error.public)
            return known[0], ()
        if found is None:
            return (known[0] if known is not None else None), ()
        return found, (PutActor(found, now),)

    async def _outside(self, protocol: str, need: Need, before_asking: Callable[[], Awaitable[None]] | None) -> Any:
        if before_asking is not None:
            await before_asking()
        adapter = self._adapters.get(Protocol(protocol))
        found = await adapter.fetch(need) if adapter is not None else Absent("no adapter of this node speaks that protocol")
        return None if isinstance(found, Absent) else found


def _native(protocol: str, id_: str) -> Native:
    return Native(Protocol(protocol), id_)
