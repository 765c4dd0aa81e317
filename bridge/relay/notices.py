"""Turns what the bridge has to say to one person into outgoing items, so that a word to somebody is as durable as any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.changes import AppendItem, Change, PutOmission
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content.notice import Notice
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, OURS, CommunityId, EventId, ItemId, Native, ObjectId, Protocol, derive, item_id
from bridge.model.item import Destination, Item, Omission
from bridge.model.place import Place
from bridge.ports import Adapter, Node, Store
from bridge.relay.context import group_of

__all__ = ["Notices"]

_NOBODY = "notice.nobody"


class Notices:
    """`items` gives the changes that send notices; each is told in the life of the event that caused it."""

    def __init__(self, node: Node, store: Store, adapters: Mapping[Protocol, Adapter]) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters

    async def items(self, notices: Sequence[Notice], cause: Event, community: CommunityId, now: datetime) -> list[Change]:
        """One item each; whoever cannot be written to becomes an omission. Raises StorageError."""
        changes: list[Change] = []
        for number, notice in enumerate(notices):
            changes.append(await self._item(notice, cause, community, now, number))
        return changes

    async def in_room(self, notice: Notice, cause: Event, community: CommunityId, room: Place, now: datetime) -> list[Change]:
        """Said to everybody in a room of ours that carries no conversation. Raises StorageError."""
        adapter = self._adapters.get(room.native.protocol)
        if adapter is None:
            return []
        item = self._said(notice, cause, community, now=now, number=0, place=room.native, to=await adapter.destinations(room))
        return [AppendItem(item, now)]

    async def _item(self, notice: Notice, cause: Event, community: CommunityId, now: datetime, number: int) -> Change:
        adapter = self._adapters.get(notice.to.protocol)
        actor = await self._actor(notice.to, cause)
        destination = adapter.destination_of(actor, alone=True) if adapter is not None and actor is not None else None
        if destination is None:
            text = "There is no way to write to this person in private."
            return PutOmission(Omission(cause.id, cause.place, _NOBODY, text))
        place = await self._place(notice.to.protocol, cause, community)
        return AppendItem(self._said(notice, cause, community, now=now, number=number, place=place, to=(destination,)), now)

    def _said(
        self,
        notice: Notice,
        cause: Event,
        community: CommunityId,
        *,
        now: datetime,
        number: int,
        place: Native,
        to: tuple[Destination, ...],
    ) -> Item:
        said = Event(
            id=EventId(derive(self._node.secret, "notice", cause.id, str(number), str(notice.to), notice.text.plain, notice.sign)),
            community=community,
            channel=cause.channel,
            place=cause.place,
            author=cause.author,
            content=notice,
            audience=Audience.DIRECT,
            at=now,
            received_at=now,
            provenance=cause.provenance,
        )
        return Item(
            id=ItemId(item_id(self._node.secret, said.id, place, "say")),
            event_id=cause.id,
            community=community,
            object=ObjectId(said.id),
            thread=said.id,
            place=place,
            form="say",
            by=Native(OURS, community),
            event=said,
            to=to,
        )

    async def _actor(self, person: Native, cause: Event) -> Actor | None:
        if person == cause.author.native:
            return cause.author
        known = await self._store.directory.actor(person)
        if known is not None:
            return known[0]
        # Where everybody hears us under their own name, nothing has to be known of them; on the fediverse an inbox has.
        return Actor(person, person.id, "") if person.protocol not in {ACTIVITYPUB, OURS} else None

    async def _place(self, protocol: Protocol, cause: Event, community: CommunityId) -> Native:
        """Where it is said from: the community's group on its protocol, else where it happened."""
        for channel in await self._store.directory.channels(community):
            group = group_of(channel)
            if group is not None and group.native.protocol == protocol:
                return group.native
        return cause.place
