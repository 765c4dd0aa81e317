"""What of ours anybody may read, and nothing else: actors, words that crossed in the open, and what was done with them.

An object is shown while the store knows a copy of it by our address, its audience is public or unlisted, and its author still has an actor here.
What was taken back is told apart from what never was. Nobody who asks makes us ask others: everything comes from the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from bridge.errors import Invariant
from bridge.model.actor import ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Edit, Message, Retraction
from bridge.model.event import Event, object_of
from bridge.model.ids import ACTIVITYPUB, MATRIX, OURS, CommunityId, EventId, ItemId, Native, ObjectId, item_id
from bridge.model.item import Item
from bridge.model.place import Community, Join, PlaceKind
from bridge.model.record import KnownObject
from bridge.model.role import MODERATES
from bridge.ports import Clock, Node, Store
from bridge.refs import Need, Refs, Wire
from protocols.activitypub.documents import group_actor, instance_actor, person_actor, team_actor
from protocols.activitypub.ids import group_url, instance_url, is_ours, native, object_url
from protocols.activitypub.recent import Recent
from protocols.activitypub.signers import Signers
from protocols.activitypub.team import team_of
from protocols.activitypub.translate.outgoing import Lack
from protocols.activitypub.translate.write import deed_of, document_of, write
from protocols.activitypub.wire import Document, encode

__all__ = ["Ended", "Fill", "Publication", "Shown"]

Fill = Callable[[Refs, Sequence[Need]], Awaitable[object]]
"""Puts what the store alone knows into the refs, without asking outside: `Loader.fill` of `bridge/relay/loading.py`."""

OPEN = frozenset({Audience.PUBLIC, Audience.UNLISTED})
PASSED_ON = frozenset({"wrap", "boost", "update"})
"""Forms that everybody hears under an item's id; `accept` and `say` are for one person."""

MOST_ROUNDS = 20

MOST_KEPT = 1_024
"""Posts whose bytes are at hand, about 3 kB each."""
KEPT_FOR = timedelta(seconds=60)
"""For what else they name (who is mentioned, what is answered); others may keep what they fetched for three times as long."""

_Made = TypeVar("_Made")


class Ended(msgspec.Struct, frozen=True):
    """It was here; `former` is the type it had."""

    former: str
    at: datetime | None


class Shown(msgspec.Struct, frozen=True):
    """A message as the fediverse sees it. `known` with its audience, `event` with its words now, `group` where it was said there."""

    known: KnownObject
    event: Event
    group: Native
    note: Document


class _Kept(msgspec.Struct, frozen=True):
    """Bytes made before. They stand while what is known of the object and its author's actor are the same, and never for longer than `until`."""

    known: KnownObject
    author: Ghost | None
    until: datetime
    note: bytes
    create: bytes


class Publication:
    """`server_name`: of our homeserver, for the address of a public room; "" without Matrix."""

    def __init__(self, me: Node, store: Store, signers: Signers, fill: Fill, clock: Clock, *, server_name: str = "") -> None:
        self._me = me
        self._store = store
        self._signers = signers
        self._fill = fill
        self._clock = clock
        self._server_name = server_name
        self._kept: Recent[_Kept] = Recent(MOST_KEPT)

    # ------------------------------------------------------------------------------------------------------------- actors

    async def instance(self) -> Document:
        return instance_actor(self._me, await self._signers.public(native(instance_url(self._me))))

    async def actor(self, ghost: Ghost) -> Document | None:
        """A group, or a person who said yes; None when its community is not known."""
        community = await self._store.directory.community(ghost.community) if ghost.community is not None else None
        if ghost.kind is ActorKind.GROUP:
            return await self._group(ghost, community) if community is not None else None
        group = await self._store.directory.ghost(native(group_url(self._me, community.id))) if community is not None else None
        return person_actor(self._me, ghost, await self._signers.public(ghost.native), address=ghost.of.id, group=group)

    async def team(self, group: Ghost) -> Document:
        """The account of those who look after the group."""
        team = team_of(group)
        return team_actor(self._me, team, group, await self._signers.public(team.native))

    async def seated(self, group: Ghost) -> list[str]:
        """Whose own server gives them a moderator's buttons. Those of other networks act through the team alone."""
        now = self._clock.now()
        held = await self._store.seats.in_community(group.community) if group.community is not None else ()
        here = [seat.actor for seat in held if seat.role in MODERATES and seat.actor.protocol == ACTIVITYPUB and seat.holds(now)]
        return [actor.id for actor in dict.fromkeys(here)]

    async def _group(self, ghost: Ghost, community: Community) -> Document:
        keys = await self._signers.public(ghost.native)
        return group_actor(self._me, ghost, community, keys, chat=await self._chat(community.id))

    async def _chat(self, community: CommunityId) -> str | None:
        """The first of its rooms that anybody may enter."""
        for channel in await self._store.directory.channels(community):
            for place in channel.places:
                if place.native.protocol == MATRIX and place.openness.join is Join.PUBLIC and not place.openness.encrypted:
                    via = f"?via={quote(self._server_name)}" if self._server_name else ""
                    return f"https://matrix.to/#/{quote(place.native.id)}{via}"
        return None

    # ------------------------------------------------------------------------------------------------------------ objects

    async def known(self, object_id: ObjectId) -> KnownObject | None:
        """Something born elsewhere that crossed to the fediverse in the open, taken back or not."""
        known = await self._store.objects.find(native(object_url(self._me, object_id)))
        if known is None or known.id != object_id or known.native.protocol == ACTIVITYPUB or known.audience not in OPEN:
            return None
        return known

    async def message(self, object_id: ObjectId) -> Shown | Ended | None:
        """Something said, as it is now."""
        known = await self.known(object_id)
        if known is None or known.kind != "message":
            return None
        if known.retracted_at is not None:
            return Ended("Note", known.retracted_at)
        event = await self._store.objects.current(object_id)
        if event is None or event.audience not in OPEN or not isinstance(event.content, Message):
            return None
        group = await self.group_of(known)
        note = await self._made(lambda refs: document_of(_as_shown(known, event), group, refs, self._me))
        return Shown(known, event, group, note) if note is not None else None

    async def note(self, object_id: ObjectId) -> bytes | Ended | None:
        """The bytes of something said, as it is now. A boost brings a thousand servers within a minute, and they are made once for all."""
        kept = await self._bytes(object_id)
        return kept.note if isinstance(kept, _Kept) else kept

    async def _bytes(self, object_id: ObjectId) -> _Kept | Ended | None:
        known = await self.known(object_id)
        if known is None or known.kind != "message":
            return None
        if known.retracted_at is not None:
            return Ended("Note", known.retracted_at)
        author = await self._store.directory.ghost_of(ACTIVITYPUB, known.author)
        kept = self._kept.get(object_id)
        if kept is not None and (kept.known, kept.author) == (known, author) and self._clock.now() < kept.until:
            return kept
        shown = await self.message(object_id)
        if not isinstance(shown, Shown):
            self._kept.forget(object_id)
            return shown
        create = await self._deed(shown.event, shown.group)
        made = _Kept(shown.known, author, self._clock.now() + KEPT_FOR, encode(shown.note), create or b"")
        return self._kept.put(object_id, made)

    async def group_of(self, known: KnownObject) -> Native:
        """The group it was said in there: ours, or the one on another server that its channel is linked to."""
        channel = await self._store.directory.channel(known.channel)
        groups = [place.native for place in channel.places if place.kind is not PlaceKind.ROOM] if channel is not None else []
        for group in groups if len(groups) > 1 else ():
            if await self._store.objects.copy(known.id, group) is not None:
                return group
        return groups[0] if groups else native(group_url(self._me, known.community))

    async def url_of(self, known: KnownObject, group: Native) -> str | None:
        """What everybody there may call it; None for what is not, or no more, for everybody."""
        if known.retracted_at is not None or known.audience not in OPEN:
            return None
        if known.native.protocol == ACTIVITYPUB:
            return known.native.id
        url = object_url(self._me, known.id)
        return url if await self._store.objects.copy(known.id, group) == url else None

    # --------------------------------------------------------------------------------------------------------- activities

    async def activity(self, tail: str) -> bytes | Ended | None:
        """At `/a/{tail}`: what a place said to everybody (an item id), or what a person did (an event id)."""
        kept = self._kept.get(tail)
        if kept is not None:
            return await self._done_by_a_person(EventId(tail))
        said = await self._said_by_a_place(ItemId(tail))
        return said if said is not None else await self._done_by_a_person(EventId(tail))

    async def announcements(self, said: Iterable[KnownObject], group: Native) -> list[bytes]:
        """A group's `Announce` of each public thing said in it, as its outbox shows them; the ids are those they were sent with."""
        seen: dict[Need, Any] = {}
        found = [await self._announcement(known, group, seen) for known in said]
        return [body for body in found if body is not None]

    async def _announcement(self, known: KnownObject, group: Native, seen: dict[Need, Any]) -> bytes | None:
        if known.audience is not Audience.PUBLIC or (known.place != group and await self.url_of(known, group) is None):
            return None
        event = await self._store.objects.current(known.id)
        if event is None:
            return None
        sent = _wrapped(self._me, known, event, group)
        # The item still has what somebody elsewhere sent, byte for byte; once it is swept, the id of their post says the same.
        return await self._said_by_a_place(sent.id, seen) or await self._written(sent, seen)

    async def _said_by_a_place(self, item_id_: ItemId, seen: dict[Need, Any] | None = None) -> bytes | None:
        item = await self._store.objects.item(item_id_)
        if item is None or item.form not in PASSED_ON or item.event.audience not in OPEN:
            return None
        if isinstance(item.event.content, Message | Edit):
            # Its words as they are now: what was edited away, or taken back, is not shown again.
            known = await self._store.objects.get(object_of(item.event))
            event = await self._store.objects.current(known.id) if known is not None and known.retracted_at is None else None
            if known is None or event is None or event.audience not in OPEN:
                return None
            item = msgspec.structs.replace(item, event=_as_did(item.event, known, event))
        return await self._written(item, seen)

    async def _done_by_a_person(self, event_id: EventId) -> bytes | Ended | None:
        message = await self._bytes(ObjectId(event_id))
        if isinstance(message, Ended):
            return Ended("Create", message.at)
        if message is not None:
            return message.create or None
        event = await self._store.journal.event(event_id)
        if event is None or event.author.native.protocol == ACTIVITYPUB:
            return None
        about = object_of(event) if isinstance(event.content, Edit | Retraction) else ObjectId(event_id)
        known = await self.known(about)
        if known is None:
            return None
        if isinstance(event.content, Retraction):
            return await self._deed(event, await self.group_of(known))
        if known.retracted_at is not None:
            return Ended("Update" if isinstance(event.content, Edit) else "Like", known.retracted_at)
        current = await self._store.objects.current(known.id)
        if current is None or current.audience not in OPEN:
            return None
        return await self._deed(_as_did(event, known, current), await self.group_of(known))

    async def _deed(self, event: Event, group: Native) -> bytes | None:
        made = await self._made(lambda refs: deed_of(event, group, refs, self._me))
        return encode(made) if made is not None else None

    # ---------------------------------------------------------------------------------------------------------- rendering

    async def _written(self, item: Item, seen: dict[Need, Any] | None = None) -> bytes | None:
        writing = await self._settled(lambda refs: write(item, refs, self._me), seen)
        return writing.body if isinstance(writing, Wire) else None

    async def _made(self, call: Callable[[Refs], Document | Lack]) -> Document | None:
        made = await self._settled(call)
        return None if isinstance(made, Lack) else made

    async def _settled(self, call: Callable[[Refs], _Made], seen: dict[Need, Any] | None = None) -> _Made:
        """As the loops do: call, load what was asked for, call again. `seen` is what was loaded for others of one list, and grows."""
        refs = Refs()
        refs.found = seen if seen is not None else {}
        for _ in range(MOST_ROUNDS):
            made = call(refs)
            if not refs.missing:
                return made
            await self._load(refs)
        raise Invariant("a document of ours never has all that it asks for")

    async def _load(self, refs: Refs) -> None:
        needs, refs.missing = refs.missing, []
        for need in needs:
            if need.kind == "document":
                refs.found[need] = await self.own(need.key[0])
        rest = [need for need in needs if need not in refs.found]
        if rest:
            await self._fill(refs, rest)

    async def own(self, url: str) -> bytes | None:
        """One of our actors as it is served; never anything from elsewhere."""
        ghost = await self._store.directory.ghost(native(url)) if is_ours(self._me, url) else None
        document = await self.actor(ghost) if ghost is not None and ghost.ended is None else None
        return encode(document) if document is not None else None


def _as_shown(known: KnownObject, event: Event) -> Event:
    """Words that were changed are written as their edit, so that the object says when."""
    if not isinstance(event.content, Message) or known.updated_at is None or known.updated_at <= event.at:
        return event
    return msgspec.structs.replace(event, content=Edit(known.id, event.content), at=known.updated_at)


def _as_did(event: Event, known: KnownObject, current: Event) -> Event:
    """The same act with the words as they are now; somebody else's bytes are dropped once they are not the newest."""
    now = current.content
    if not isinstance(now, Message):
        return event
    if isinstance(event.content, Edit):
        stale = known.updated_at is None or event.at < known.updated_at
        changed = msgspec.structs.replace(event, content=Edit(event.content.target, now), audience=current.audience)
    elif isinstance(event.content, Message):
        stale = known.updated_at is not None and known.updated_at > event.at
        changed = msgspec.structs.replace(event, content=now, audience=current.audience)
    else:
        return event
    return msgspec.structs.replace(changed, wire=None) if stale else changed


def _wrapped(me: Node, known: KnownObject, event: Event, group: Native) -> Item:
    return Item(
        id=item_id(me.secret, EventId(known.id), group, "wrap"),
        event_id=EventId(known.id),
        community=known.community,
        object=known.id,
        thread=known.thread or known.id,
        place=group,
        form="wrap",
        by=Native(OURS, known.community),
        event=event,
    )
