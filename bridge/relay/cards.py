"""Shows moderators what waits for them: one message per case and one for all holds, changed where it stands and never said twice.

Norms.md 4.2, 4.10.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bridge.changes import AppendItem, Change
from bridge.model.actor import Actor, ActorKind
from bridge.model.audience import Audience
from bridge.model.case import Case, Stage
from bridge.model.content import Edit, Message
from bridge.model.event import Event, Provenance, decode
from bridge.model.ids import ACTIVITYPUB, OURS, CommunityId, Native, ObjectId, Protocol, event_id, item_id
from bridge.model.item import Item
from bridge.model.place import History, Join, Place, moderation_channel
from bridge.model.record import Hold
from bridge.model.richtext import RichText
from bridge.moderation.cards import case_card, cases_card, holds_card
from bridge.ports import Adapter, Clock, Node, Store

__all__ = ["Cards", "holds_object"]

A_DAY = 10
"""Cards of their own that cases get in a day; further ones share one (norms.md 4.10). What is severe always has its own."""

MOST_HOLDS = 50


def holds_object(secret: bytes, community: CommunityId) -> ObjectId:
    """The card that all holds of a community share."""
    return ObjectId(event_id(secret, Native(OURS, f"card/{community}/holds")))


def shared_object(secret: bytes, community: CommunityId, day: str) -> ObjectId:
    """The card that the cases of one day share which have none of their own."""
    return ObjectId(event_id(secret, Native(OURS, f"card/{community}/{day}")))


def is_closed(room: Place) -> bool:
    """Is it read by those alone who were let in, and can the bridge read it?"""
    return room.openness.join is not Join.PUBLIC and room.openness.history is not History.WORLD and not room.openness.encrypted


class Cards:
    """`case` and `holds` give the changes that bring a card up to date; nothing where the community has no moderation room."""

    def __init__(self, node: Node, store: Store, adapters: Mapping[Protocol, Adapter], clock: Clock) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock

    async def room(self, community: CommunityId) -> Place | None:
        """Where its moderators work; None while others could read there."""
        channel = await self._store.directory.channel(moderation_channel(community))
        place = channel.places[0] if channel is not None and channel.places else None
        return place if place is not None and is_closed(place) else None

    async def case(self, case: Case) -> list[Change]:
        """A case's card is the object of the same id. Raises StorageError."""
        room = await self.room(case.community)
        if room is None:
            return []
        card = ObjectId(case.id)
        day = case.opened_at.date().isoformat()
        if not case.is_severe and case.stage is not Stage.APPEALED and not await self._is_said(card, room):
            newest = await self._store.cases.cases(case.community, MOST_HOLDS, is_open=False)
            today = [one for one in newest if one.opened_at.date().isoformat() == day and one.id != case.id]
            if len(today) >= A_DAY:
                late = sorted((*today, case), key=lambda one: one.opened_at)[A_DAY:]
                shared = shared_object(self._node.secret, case.community, day)
                return await self._show(shared, f"{case.id}/{case.version}", cases_card(late), case.community, room)
        return await self._show(card, str(case.version), case_card(case), case.community, room)

    async def holds(self, community: CommunityId, cause: str, *, ended: Collection[str] = (), begun: Sequence[Hold] = ()) -> list[Change]:
        """`cause` tells this form of the card from others; `ended`, `begun`: what ends and begins to wait in this very transaction."""
        room = await self.room(community)
        if room is None:
            return []
        found = [hold for hold in await self._store.decisions.holds(community, MOST_HOLDS) if hold.kind == "review"]
        waiting = [hold for hold in found if hold.event_id not in ended and hold.event_id not in {one.event_id for one in begun}]
        waiting += [hold for hold in begun if hold.kind == "review"]
        card = holds_object(self._node.secret, community)
        if not waiting and not await self._is_said(card, room):
            return []
        waiting.sort(key=lambda hold: hold.due_at)
        return await self._show(card, cause, holds_card(waiting, {hold.event_id: url_of(hold) for hold in waiting}), community, room)

    async def _is_said(self, card: ObjectId, room: Place) -> bool:
        """Is it there, or on its way?"""
        if await self._store.objects.copy(card, room.native) is not None:
            return True
        return await self._store.objects.item(item_id(self._node.secret, card, room.native, "send")) is not None  # type: ignore[arg-type]

    async def _show(self, card: ObjectId, form: str, text: RichText, community: CommunityId, room: Place) -> list[Change]:
        adapter = self._adapters.get(room.native.protocol)
        if adapter is None:
            return []
        is_new = not await self._is_said(card, room)
        now = self._clock.now()
        native = Native(OURS, f"card/{card}/{form}")
        said = Event(
            id=card if is_new else event_id(self._node.secret, native),  # type: ignore[arg-type]  # a card bears the id of its first event
            community=community,
            channel=moderation_channel(community),
            place=room.native,
            author=Actor(Native(OURS, community), "", self._node.domain, kind=ActorKind.SERVICE),
            content=Message(text) if is_new else Edit(card, Message(text)),
            audience=Audience.LOCAL,
            at=now,
            received_at=now,
            provenance=Provenance(native),
        )
        item = Item(
            id=item_id(self._node.secret, said.id, room.native, "send"),
            event_id=said.id,
            community=community,
            object=card,
            thread=card,
            place=room.native,
            form="send",
            by=Native(OURS, community),
            event=said,
            to=await adapter.destinations(room),
        )
        return [AppendItem(item, now)]


def url_of(hold: Hold) -> str:
    """Where what waits can be read: on the server of its author."""
    come = decode(hold.body).provenance
    return come.native.id if come.native.protocol == ACTIVITYPUB else come.url or ""
