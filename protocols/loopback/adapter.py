"""A hall as the rest of the house sees it: pure reading and writing by `translate`, one attempt per send, and every deed durable at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from bridge.changes import Change, EndGhost, PutGhost
from bridge.errors import Conflict, Malformed, OperatorError, Refused, StorageError
from bridge.logs import logger
from bridge.model.actor import Actor, Ghost
from bridge.model.capability import Capabilities, Patience
from bridge.model.content import Boost, Message, Profile, Reaction, Retraction, tag_of
from bridge.model.ids import LOOPBACK, OURS, CommunityId, EventId, Native, ObjectId, Protocol
from bridge.model.item import Dead, Delivered, Destination, Item, Outcome, Retry, Scope, Skipped
from bridge.model.place import Community, Openness, Place, PlaceKind, moderation_channel
from bridge.model.portal import Portal
from bridge.ports import Clock, Node, Store
from bridge.refs import Absent, Need, Reading, Refs, Wire, Writing
from bridge.streams import Intake
from protocols.loopback import translate
from protocols.loopback.capabilities import HALL, PATIENCE
from protocols.loopback.hall import Hall
from protocols.loopback.ids import BOT, HOST, ghost_id, is_name, key_of, lane_of
from protocols.loopback.room import Missing
from protocols.loopback.translate.frame import person
from protocols.loopback.translate.profile import shown
from protocols.loopback.wire import Deed, Draft, Say, decode, dump

__all__ = ["LoopbackAdapter"]

PAGE = 100
"""Private rooms looked up at once."""

_log = logger()

_NAMED = (Message, Reaction, Boost)
"""What others point at. The name of an edit or of a taking back is never asked for again."""


class LoopbackAdapter:
    """`hall` may outlive the adapter, as a homeserver outlives a node; without one, the place is opened anew and empty."""

    def __init__(self, node: Node, *, store: Store, clock: Clock, hall: Hall | None = None, patience: Patience = PATIENCE) -> None:
        self.hall = Hall(clock) if hall is None else hall
        self._node = node
        self._store = store
        self._clock = clock
        self._patience = patience
        self._making = asyncio.Lock()

    # ------------------------------------------------------------------------------------------------------ what a room is

    @property
    def protocol(self) -> Protocol:
        return LOOPBACK

    @property
    def patience(self) -> Patience:
        return self._patience

    def capabilities(self, place: Place) -> Capabilities:  # noqa: ARG002  (all rooms carry the same)
        return HALL

    async def destinations(self, place: Place) -> tuple[Destination, ...]:
        return (Destination(LOOPBACK, place.native.id, HOST),)

    def destination_of(self, actor: Actor, *, alone: bool) -> Destination | None:
        """A person's own lane, for what the bot says to them; with others, they hear the room."""
        if not alone or actor.native.protocol != LOOPBACK or not is_name(actor.native.id):
            return None
        return Destination(LOOPBACK, actor.native.id, HOST)

    def name_copy(self, object_id: ObjectId, place: Place) -> str | None:  # noqa: ARG002  (the hall names deeds)
        return None

    def name_deed(self, event_id: EventId) -> str | None:  # noqa: ARG002  (the hall names deeds)
        return None

    async def prepare(self, name: str) -> Place:
        """`hall` or `loopback:hall`; the room is made when there is none."""
        try:
            room = self.hall.open(name.removeprefix(f"{LOOPBACK}:"))
        except Refused as refusal:
            raise OperatorError(refusal.public, remedy="Choose another name, as in loopback:hall.") from refusal
        return Place(native=Native(LOOPBACK, room.name), kind=PlaceKind.ROOM, name=room.title or room.name, openness=room.openness)

    # ------------------------------------------------------------------------------------------------------ reading

    async def _take(self, deeds: tuple[Deed, ...]) -> None:
        """What happened, raw and durable. Raises StorageError; then the hall keeps it."""
        await self._store.journal.accept([self._intake(deed) for deed in deeds])

    def _intake(self, deed: Deed) -> Intake:
        return Intake(
            key=key_of(deed.id),
            lane=lane_of(deed.room),
            protocol=LOOPBACK,
            kind=str(deed.act.__struct_config__.tag),
            body=dump(deed),
            received_at=self._clock.now(),
        )

    def read(self, entry: Intake, refs: Refs) -> Reading:
        return translate.read(entry.body, entry.received_at, refs, self._node)

    async def part(self, place: Place) -> None:
        """The hall tells this node everything that happens anywhere in it; what is said in a room that is not linked is ignored."""

    async def open_portal(self, portal: Portal, correspondent: Actor, *, instead: Native | None = None) -> Native:  # noqa: ARG002
        """Rooms of the hall have no doors: what makes this one private is that nobody else knows its name. Nobody is invited into any."""
        try:
            room = self.hall.open(f"portal-{portal.id}", correspondent.name or correspondent.handle, openness=Openness())
        except Refused as refusal:
            raise OperatorError(refusal.public, remedy="Choose another name for the room that stands in its way.") from refusal
        return Native(LOOPBACK, room.name)

    async def recall(self, place: Native, native: str) -> Intake | None:
        """A message with the words it has now, under the name it always had."""
        try:
            lines = self.hall.conversation(place.id)
        except Refused:
            return None
        line = next((line for line in lines if line.id == native and not line.taken_back), None)
        if line is None:
            return None
        return self._intake(Deed(line.id, place.id, line.by, line.at, Say(line.words, reply_to=line.reply_to, thread=line.thread)))

    async def fetch(self, need: Need) -> Any:
        """People of the hall; it serves no documents."""
        if need.kind == "actor" and need.key[0] == LOOPBACK and is_name(need.key[1]):
            account = self.hall.account(need.key[1])
            return person(account, self._node) if account is not None else Absent("nobody of that name lives here")
        return Absent("nothing in the built-in place")

    # ------------------------------------------------------------------------------------------------------ writing

    def write(self, item: Item, refs: Refs) -> Writing:
        return translate.write(item, refs, self._node)

    async def send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        """One attempt; whatever the hall answers is an Outcome, also an answer that `hall.faults` made it give."""
        fault = self.hall.faults.next(destination)
        try:
            if fault is not None and not fault.after:
                return await self.hall.faults.answer(fault)
            outcome = await self._send(wire, item, destination)
            return await self.hall.faults.answer(fault) if fault is not None else outcome
        except TimeoutError as error:
            return Retry(str(error), scope=Scope.HOST)
        except StorageError as error:
            return Retry(error.private, after=1.0, scope=Scope.HOST)

    async def _send(self, wire: Wire, item: Item, destination: Destination) -> Outcome:
        content = item.event.content
        if item.form != "say" and destination.address != wire.path:
            return Skipped("they hear it in the room")
        if isinstance(content, Profile) and wire.speaker is None:
            return Skipped("they never spoke here, so there is nothing to change")
        try:
            draft = decode(wire.body, Draft)
            speaker = await self._speaker(wire, item)
            made = self.hall.make(wire.path, speaker, draft, f"{item.id} {wire.path}")
            await self._hear_echo()
        except Malformed as error:
            return Dead(f"It cannot be read: {error.private}")
        except Refused as refusal:
            # A sign under words that were taken back while it was on its way is nobody's loss, like a retraction that comes too late.
            too_late = isinstance(content, Retraction) or (isinstance(content, Reaction) and isinstance(refusal, Missing))
            return Skipped(refusal.public) if too_late else Dead(refusal.public)
        if isinstance(content, Profile) and content.ended and wire.speaker is not None:
            await self._store.journal.commit([EndGhost(wire.speaker, self._clock.now())])
        _log.debug("delivery.succeeded", protocol=LOOPBACK, content=tag_of(content), item_id=item.id)
        return Delivered((made or None) if isinstance(content, _NAMED) else None)

    async def _hear_echo(self) -> None:
        """What the hall tells of our own deed; when that cannot be kept now, it tells it again."""
        with contextlib.suppress(StorageError):
            await self.hall.hand_over()

    async def _speaker(self, wire: Wire, item: Item) -> str:
        """The account that acts, made when there is none yet. Raises Refused when nothing is known of who it stands for."""
        if wire.speaker is not None and wire.speaker.id == BOT:
            return BOT
        actor = await self._actor(item, wire.speaker)
        if wire.speaker is None:
            return (await self._ensure(actor, item.community)).native.id
        # The hall may have been opened anew, or their name may have changed since they last spoke.
        self.hall.dress(shown(wire.speaker.id, name=actor.name, handle=actor.handle, avatar=actor.avatar))
        return wire.speaker.id

    async def _actor(self, item: Item, speaker: Native | None) -> Actor:
        """Whom the speaker stands for: mostly the author, but what a moderator takes back is taken back by whoever said it."""
        who = item.by
        if speaker is not None:
            ghost = await self._store.directory.ghost(speaker)
            who = ghost.of if ghost is not None else who
        if who == item.event.author.native:
            return item.event.author
        known = await self._store.directory.actor(who)
        if known is None:
            raise Refused("Nothing is known of who should speak.")
        return known[0]

    # ------------------------------------------------------------------------------------------------------ accounts

    async def embody(self, of: Native, community: Community, *, handle: str | None = None, actor: Actor | None = None) -> Sequence[Change]:
        """An account for somebody from elsewhere. A community speaks through the bot, which every room already knows."""
        if of.protocol in {OURS, LOOPBACK}:
            return ()
        if actor is None:
            known = await self._store.directory.actor(of)
            if known is None:
                raise OperatorError(f"nothing is known of {of}", remedy="They have to be seen once before they can be shown elsewhere.")
            actor = known[0]
        return (PutGhost(await self._ghost(actor, handle or actor.handle, community.id)),)

    async def _ensure(self, actor: Actor, community: CommunityId) -> Ghost:
        known = await self._store.directory.ghost_of(LOOPBACK, actor.native)
        if known is not None and known.ended is None:
            return known
        async with self._making:
            ghost = await self._ghost(actor, actor.handle, community)
            try:
                await self._store.journal.commit([PutGhost(ghost)])
            except Conflict:
                ghost = await self._ghost(actor, actor.handle, community, distinct=True)
                await self._store.journal.commit([PutGhost(ghost)])
        return ghost

    async def _ghost(self, actor: Actor, handle: str, community: CommunityId, *, distinct: bool = False) -> Ghost:
        """The account there is, or a new one under a name that nobody else has; dressed as they look now."""
        known = await self._store.directory.ghost_of(LOOPBACK, actor.native)
        if known is not None and not distinct:
            name = known.native.id
        else:
            name = ghost_id(self._node.secret, actor.native, handle, actor.host, distinct=distinct)
            taken = await self._store.directory.ghost(Native(LOOPBACK, name))
            if taken is not None and taken.of != actor.native:
                name = ghost_id(self._node.secret, actor.native, handle, actor.host, distinct=True)
        account = shown(name, name=actor.name, handle=actor.handle, avatar=actor.avatar)
        self.hall.dress(account)
        since = known.since if known is not None else self._clock.now()
        return Ghost(Native(LOOPBACK, name), actor.native, name, actor.kind, community, account.name, actor.avatar, since)

    # ------------------------------------------------------------------------------------------------------ life

    async def download(self, address: str, most: int) -> bytes:  # noqa: ARG002  (the hall has no files)
        raise Refused("The built-in place keeps no files.")

    async def start(self) -> None:
        """Opens the rooms that communities are linked to, and takes what was said while no node was there."""
        for community in await self._store.directory.communities():
            moderation = await self._store.directory.channel(moderation_channel(community.id))
            for channel in (*await self._store.directory.channels(community.id), *((moderation,) if moderation is not None else ())):
                for place in channel.places:
                    if place.native.protocol == LOOPBACK:
                        self.hall.open(place.native.id, place.name, openness=place.openness)
        after = ""
        while portals := await self._store.portals.rooms(after, PAGE):
            for portal in portals:
                if portal.room is not None and portal.room.protocol == LOOPBACK:
                    self.hall.open(portal.room.id, openness=Openness())
            after = portals[-1].id
        await self.hall.attach(self._take)

    async def stop(self) -> None:
        self.hall.detach()
