"""Carries out what operators ask of a node: every answer is read from the store, every act is one durable transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bridge import logbook
from bridge.changes import (
    AppendEvent,
    AppendItem,
    Change,
    DropFollow,
    DropPlace,
    EraseIntake,
    JoinRoster,
    LeaveRoster,
    Park,
    PutChannel,
    PutCommunity,
    PutFollow,
    PutGhost,
    RemoveMedia,
    Requeue,
)
from bridge.errors import Conflict, OperatorError, Unreachable
from bridge.logs import logger
from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Appointment, Content, Membership, Notice, Profile
from bridge.model.content.membership import Change as Coming
from bridge.model.content.release import OPERATOR
from bridge.model.event import Event, Provenance
from bridge.model.ids import (
    ACTIVITYPUB,
    LOOPBACK,
    MATRIX,
    OURS,
    ChannelId,
    CommunityId,
    EventId,
    Native,
    ObjectId,
    Protocol,
    derive,
    event_id,
    item_id,
)
from bridge.model.item import Item
from bridge.model.logentry import LogEntry
from bridge.model.place import Channel, Community, History, Join, Place, PlaceKind, moderation_channel
from bridge.model.record import Follow, Hold, Kept, Record, Wait
from bridge.model.role import MODERATES
from bridge.moderation.handles import flaw
from bridge.moderation.holds import Action
from bridge.moderation.log import PublicLog
from bridge.moderation.wording import notice
from bridge.norms.wording import sentence
from bridge.operations import (
    CaseLine,
    CommunityLine,
    HoldLine,
    IntakeLine,
    LogProof,
    MediaLine,
    Outbound,
    Retirement,
    SeatLine,
    Status,
    hold_line,
)
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.keeping import Keeper
from bridge.relay.plan import place_roster
from bridge.relay.relay import Relay
from bridge.seating import Seating
from bridge.streams import DeadLetter, Entry

__all__ = ["Administration"]

_EVER = timedelta(days=36_500)
_LETTERS = 10_000

_log = logger()


class Administration:
    """Implements `bridge.operations.Operations`. `since`: when the node started, None when nobody runs it."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        relay: Relay,
        clock: Clock,
        *,
        version: str,
        keeper: Keeper | None = None,
        shared_rooms: bool = False,
    ) -> None:
        """`shared_rooms`: rooms that another node carries are linked all the same (`[development]`)."""
        self._node = node
        self._store = store
        self._adapters = adapters
        self._relay = relay
        self._clock = clock
        self._seating = Seating(store, clock)
        self._version = version
        self._keeper = keeper
        self._shared_rooms = shared_rooms
        self.since: datetime | None = None

    # ------------------------------------------------------------------------------------------------------ communities

    async def community_create(self, *, handle: str, name: str) -> CommunityLine:
        wanted = handle.removeprefix("@").lower()
        if (why := flaw(wanted, self._node.domain)) is not None:
            raise OperatorError(notice(why, (("handle", wanted),)).plain, remedy="Small letters, digits and _, as in commons.")
        taken = await self._store.directory.ghost_by_handle(ACTIVITYPUB, wanted)
        if taken is not None:
            raise OperatorError(f"the handle {wanted} is taken", remedy="Choose another; handles are never given out again.")
        community = Community(CommunityId(derive(self._node.secret, "community", wanted)), wanted, name.strip() or wanted)
        changes = list(await self._group_adapter().embody(Native(OURS, community.id), community, handle=wanted))
        ghost = next(change.ghost for change in changes if isinstance(change, PutGhost))
        channel = Channel(_main_channel(self._node, community), community.id, (_group_place(ghost, community),))
        try:
            await self._store.journal.commit([PutCommunity(community), *changes, PutChannel(channel)])
        except Conflict as error:
            raise OperatorError(error.public, remedy="Choose another handle.") from error
        _log.info("community.created", community=community.id)
        return await self._line(community)

    async def community_link(self, *, handle: str, place: str) -> CommunityLine:
        community, channel = await self._open(handle)
        adapter, name = self._adapter_for(place)
        try:
            found = await adapter.prepare(name)
        except Unreachable as error:
            raise OperatorError(error.public, remedy="Try again when it answers.") from error
        owner = await self._store.directory.channel_of(found.native)
        if owner is not None and owner.id != channel.id:
            other = await self._store.directory.community(owner.community)
            raise OperatorError(
                f"{place} belongs to {other.handle if other else 'another community'} already",
                remedy="A room carries one conversation: unlink it there first.",
            )
        if found.bridges and not self._shared_rooms and channel.place(found.native) is None:
            await self._leave(adapter, found)
            raise OperatorError(
                f"{place} is carried to the fediverse by {' and '.join(found.bridges)} already",
                remedy="Two bridges in one room say everything twice. Ask its people which one they want, and have the other unlinked.",
            )
        changes = await self._foreign(community, channel, found) if found.kind is PlaceKind.FOREIGN_GROUP else _added(channel, found)
        roster = place_roster(found, community.id)
        changes += [JoinRoster(roster, where, found.native) for where in await adapter.destinations(found) if found.kind is PlaceKind.ROOM]
        if found.kind is PlaceKind.ROOM and channel.place(found.native) is None:
            changes += await self._greeting(community, channel, found)
        try:
            await self._store.journal.commit(changes)
        except Conflict as error:
            raise OperatorError(error.public, remedy="Unlink it there first.") from error
        _log.info("community.linked", community=community.id, place=found.native.id)
        return await self._line(community)

    @staticmethod
    async def _leave(adapter: Adapter, place: Place) -> None:
        try:
            await adapter.part(place)
        except Unreachable as error:
            _log.warning("room.left", place=place.native.id, reason=error.private, remedy="Remove the bot from the room by hand.")

    async def community_unlink(self, *, handle: str, place: str) -> CommunityLine:
        community, channel = await self._open(handle)
        adapter, name = self._adapter_for(place)
        found = next((one for one in channel.places if name in {one.native.id, one.name, str(one.native)}), None)
        if found is None:
            try:
                native = (await adapter.prepare(name)).native
            except Unreachable as error:
                raise OperatorError(error.public, remedy="Use its id, which `folkmoot community list` shows.") from error
            found = channel.place(native)
        if found is None:
            raise OperatorError(f"{place} is not linked to {community.handle}", remedy="`folkmoot community list` shows what is.")
        if found.kind is PlaceKind.GROUP:
            raise OperatorError("a community keeps its own group", remedy="`folkmoot community retire` ends the community for good.")
        changes: list[Change] = [DropPlace(channel.id, found.native), LeaveRoster(place_roster(found, community.id), found.native)]
        if found.kind is PlaceKind.FOREIGN_GROUP:
            changes = await self._unfollowed(community, channel, found)
            ghost = await self._store.directory.ghost_of(ACTIVITYPUB, Native(OURS, community.id))
            others = tuple(place for place in channel.places if place.native != found.native)
            own = (_group_place(ghost, community),) if ghost is not None else ()
            changes.append(PutChannel(msgspec.structs.replace(channel, places=(*own, *others))))
        await self._store.journal.commit(changes)
        _log.info("community.unlinked", community=community.id, place=found.native.id)
        try:
            await adapter.part(found)
        except Unreachable as error:
            raise OperatorError(
                f"{place} is unlinked, but the bridge's accounts could not leave it: {error.public}",
                remedy="Remove them from the room by hand.",
            ) from error
        return await self._line(community)

    async def community_moderation(self, *, handle: str, place: str) -> CommunityLine:
        community, _ = await self._open(handle)
        id_ = moderation_channel(community.id)
        before = await self._store.directory.channel(id_)
        if not place.strip():
            if before is None or not before.places:
                raise OperatorError(
                    f"{community.handle} has no moderation room", remedy="Name one: folkmoot community moderation HANDLE ROOM."
                )
            await self._store.journal.commit([PutChannel(Channel(id_, community.id, ()))])
            await self._leave(self._adapters[before.places[0].native.protocol], before.places[0])
            return await self._line(community)
        adapter, name = self._adapter_for(place)
        try:
            found = await adapter.prepare(name)
        except Unreachable as error:
            raise OperatorError(error.public, remedy="Try again when it answers.") from error
        if found.kind is not PlaceKind.ROOM:
            raise OperatorError(f"{place} is no room", remedy="Moderators work in a Matrix room: give its id or an alias.")
        owner = await self._store.directory.channel_of(found.native)
        if owner is not None and owner.id != id_:
            raise OperatorError(
                f"{place} carries a conversation", remedy="Moderators need a room of their own: make one, closed to others."
            )
        if found.openness.join is Join.PUBLIC or found.openness.history is History.WORLD:
            raise OperatorError(
                f"anybody can read {place}",
                remedy="Let people in by invitation only and hide its history from the world; then say this again.",
            )
        if found.openness.encrypted:
            raise OperatorError(f"{place} is encrypted, and the bridge cannot read there", remedy="Make a room without encryption for it.")
        room = msgspec.structs.replace(found, kind=PlaceKind.MODERATION)
        await self._store.journal.commit([PutChannel(Channel(id_, community.id, (room,)))])
        _log.info("community.linked", community=community.id, place=found.native.id)
        return await self._line(community)

    async def roles(self, *, handle: str) -> tuple[SeatLine, ...]:
        return await self._seating.seats((await self._open(handle))[0])

    async def role_grant(self, *, handle: str, who: str, role: str, days: int | None, topic: str) -> SeatLine:
        community, channel = await self._open(handle)
        line = await self._seating.grant(community, who, role, days, topic)
        await self._appointed(community, channel, line, ended=False)
        return line

    async def role_end(self, *, handle: str, who: str, role: str) -> SeatLine:
        community, channel = await self._open(handle)
        line = await self._seating.end(community, who, role)
        await self._appointed(community, channel, line, ended=True)
        return line

    async def _appointed(self, community: Community, channel: Channel, seat: SeatLine, *, ended: bool) -> None:
        """Those whom the group names as its moderators; the others are the community's own affair."""
        if seat.role not in MODERATES or seat.actor.protocol != ACTIVITYPUB:
            return
        name = f"seat/{seat.actor.id}/{seat.since.isoformat()}/{seat.role}{'/ended' if ended else ''}"
        event = self._event(community, channel, Appointment(seat.actor, ended=ended), name)
        await self._store.journal.commit([AppendEvent(event)])

    async def community_retire(self, *, handle: str) -> Retirement:
        community, channel = await self._open(handle)
        ghosts = await self._store.directory.ghosts(community.id)
        changes: list[Change] = []
        for place in channel.places:
            if place.kind is PlaceKind.FOREIGN_GROUP:
                changes += await self._unfollowed(community, channel, place)
        # The group goes last: what its people delete still reaches its followers.
        for ghost in sorted(ghosts, key=lambda one: one.kind is ActorKind.GROUP):
            actor = await self._stands_for(ghost, community)
            changes.append(AppendEvent(self._event(community, channel, Profile(actor, ended=True), f"retire/{ghost.native}")))
        changes.append(PutCommunity(msgspec.structs.replace(community, retired=True)))
        await self._store.journal.commit(changes)
        _log.info("community.retired", community=community.id, count=len(ghosts))
        return Retirement(community.handle, len(ghosts))

    async def communities(self) -> tuple[CommunityLine, ...]:
        return tuple([await self._line(community) for community in await self._store.directory.communities()])

    async def _foreign(self, community: Community, channel: Channel, found: Place) -> list[Change]:
        """The conversation of a group elsewhere: this community's own group follows it, and does not announce the same words again."""
        own = next((place for place in channel.places if place.kind is PlaceKind.GROUP), None)
        if any(place.kind is PlaceKind.FOREIGN_GROUP and place.native != found.native for place in channel.places):
            raise OperatorError(
                f"{community.handle} follows another group already", remedy="A conversation has one group: unlink that one first."
            )
        if own is not None and await self._store.directory.follower_count(own.native):
            raise OperatorError(
                f"@{community.handle}@{self._node.domain} has followers of its own",
                remedy="Create another community for the group elsewhere, so that nobody hears the same words twice.",
            )
        ghost = await self._store.directory.ghost_of(ACTIVITYPUB, Native(OURS, community.id))
        if ghost is None:
            raise OperatorError(f"{community.handle} has no group that could follow", remedy="Create the community anew.")
        event = self._membership(community, channel, found, Coming.FOLLOW)
        follow = Follow(ghost.native, found.native, self._group_adapter().name_deed(event.id) or event.id, self._clock.now())
        kept = tuple(place for place in channel.places if place.kind is not PlaceKind.GROUP and place.native != found.native)
        return [PutChannel(msgspec.structs.replace(channel, places=(*kept, found))), PutFollow(follow), AppendEvent(event)]

    async def _greeting(self, community: Community, channel: Channel, room: Place) -> list[Change]:
        """The people of a room are told what it has become before anything is carried; in the room, since nobody asked to be written to."""
        text = notice("room.linked", (("group", f"@{community.handle}@{self._node.domain}"),))
        content = Notice(Native(OURS, community.id), text, answer_in=room.native)
        said = self._event(community, channel, content, f"greeting/{room.native}/{self._clock.now().isoformat()}")
        item = Item(
            id=item_id(self._node.secret, said.id, room.native, "say"),
            event_id=said.id,
            community=community.id,
            object=ObjectId(said.id),
            thread=said.id,
            place=room.native,
            form="say",
            by=said.author.native,
            event=said,
            to=await self._adapters[room.native.protocol].destinations(room),
        )
        return [AppendItem(item, said.at)]

    async def _unfollowed(self, community: Community, channel: Channel, found: Place) -> list[Change]:
        """Our Follow is taken back."""
        ghost = await self._store.directory.ghost_of(ACTIVITYPUB, Native(OURS, community.id))
        follow = await self._store.directory.follow(ghost.native, found.native) if ghost is not None else None
        if follow is None:
            return []
        event = self._membership(community, channel, found, Coming.UNFOLLOW, request=follow.request)
        return [AppendEvent(event), DropFollow(follow.actor, follow.target)]

    def _membership(self, community: Community, channel: Channel, found: Place, change: Coming, *, request: str | None = None) -> Event:
        content = Membership(change, Native(OURS, community.id), found.native, request)
        return self._event(community, channel, content, f"{change}/{found.native}/{self._clock.now().isoformat()}")

    def _event(self, community: Community, channel: Channel, content: Content, name: str) -> Event:
        """What the community itself does; `name` makes it one."""
        native = Native(OURS, f"{community.id}/{name}")
        now = self._clock.now()
        return Event(
            id=event_id(self._node.secret, native),
            community=community.id,
            channel=channel.id,
            place=Native(OURS, community.id),
            author=self._self(community),
            content=content,
            audience=Audience.PUBLIC,
            at=now,
            received_at=now,
            provenance=Provenance(native),
        )

    def _self(self, community: Community) -> Actor:
        handle = f"@{community.handle}@{self._node.domain}"
        return Actor(Native(OURS, community.id), handle, self._node.domain, community.name, ActorKind.GROUP)

    async def _stands_for(self, ghost: Ghost, community: Community) -> Actor:
        if ghost.of.protocol == OURS:
            return self._self(community)
        known = await self._store.directory.actor(ghost.of)
        return known[0] if known is not None else Actor(ghost.of, ghost.handle, self._node.domain, ghost.name, ghost.kind)

    # ------------------------------------------------------------------------------------------------------ what happened

    async def events(self, *, limit: int, community: str) -> tuple[Record, ...]:
        return await self._store.journal.recent_events(await self._id(community), limit)

    async def event(self, *, id: str) -> Record:  # noqa: A002  (what people call it)
        record = await self._store.journal.record(EventId(id))
        if record is None:
            raise OperatorError(f"there is no event {id}", remedy="`folkmoot events list` shows the newest.")
        return record

    async def deliveries(self, *, limit: int) -> Outbound:
        lanes = await self._store.deliveries.lanes(self._clock.now() + _EVER, limit)
        return Outbound(lanes, await self._store.deliveries.dead_letters(limit))

    async def retry(self, *, id: int) -> DeadLetter:  # noqa: A002
        letters = await self._store.deliveries.dead_letters(_LETTERS)
        letter = next((one for one in letters if one.id == id), None)
        if letter is None:
            raise OperatorError(f"there is no dead letter {id}", remedy="`folkmoot deliveries list` shows them.")
        await self._store.journal.commit([Requeue(id, self._clock.now())])
        return letter

    async def holds(self, *, limit: int, community: str) -> tuple[HoldLine, ...]:
        found = await self._store.decisions.holds(await self._id(community), limit)
        return tuple([await self._hold(hold) for hold in sorted(found, key=lambda one: one.since)])

    async def release(self, *, id: str) -> HoldLine:  # noqa: A002
        return await self._hold(await self._relay.decide(EventId(id), Action.RELEASE, OPERATOR))

    async def return_(self, *, id: str, reason: str) -> HoldLine:  # noqa: A002
        return await self._hold(await self._relay.decide(EventId(id), Action.RETURN, OPERATOR, reason))

    async def log_show(self, *, community: str, limit: int, names: bool) -> tuple[LogEntry, ...]:
        return await logbook.last(self._store, (await self._find(community)).id, limit, names=names)

    async def log_verify(self, *, community: str) -> LogProof:
        return await logbook.verify(self._store, (await self._find(community)).id)

    async def log_public(self, *, community: str) -> PublicLog:
        return await logbook.public(self._store, (await self._find(community)).id)

    async def cases(self, *, community: str, limit: int) -> tuple[CaseLine, ...]:
        return await logbook.cases(self._store, await self._find(community), limit)

    async def case_say(self, *, community: str, id: str, words: str) -> CaseLine:  # noqa: A002  (the port's word)
        found = await self._find(community)
        await logbook.say(self._store, self._relay, found, id, words)
        return await logbook.case(self._store, found, id)

    async def media(self, *, limit: int) -> tuple[MediaLine, ...]:
        return tuple(self._media_line(kept) for kept in await self._store.media.listing(limit))

    async def media_remove(self, *, id: str, reason: str) -> MediaLine:  # noqa: A002  (the port's word)
        name = id.strip().rpartition("/")[2].partition(".")[0]
        if await self._store.media.get(name) is None:
            raise OperatorError(f"there is no file {id[:200]!r}", remedy="`folkmoot media list` shows what is served.")
        await self._store.journal.commit([RemoveMedia(name, self._clock.now(), " ".join(reason.split())[:500])])
        if self._keeper is not None:
            await self._keeper.prune()
        kept = await self._store.media.get(name)
        if kept is None:
            raise OperatorError("the message it belonged to was taken back just now", remedy="Nothing is served of it any more.")
        _log.info("media.removed", count=kept.size)
        return self._media_line(kept)

    def _media_line(self, kept: Kept) -> MediaLine:
        address = self._keeper.address(kept) if self._keeper is not None else ""
        return MediaLine(
            kept.id, address, kept.media_type, kept.size, kept.at, kept.width, kept.height, removed_at=kept.removed_at, why=kept.why
        )

    async def intake(self, *, limit: int) -> tuple[IntakeLine, ...]:
        return tuple(_intake_line(wait, entry) for wait, entry in await self._store.journal.waits(limit))

    async def intake_retry(self, *, number: int) -> IntakeLine:
        wait, entry = await self._parked(number)
        now = self._clock.now()
        again = Wait(number, now, "an operator asked for it to be read again", awaited=wait.awaited)
        await self._store.journal.commit([Park(again)])
        _log.info("intake.retried", cursor=number, protocol=entry.intake.protocol)
        return _intake_line(again, entry)

    async def intake_drop(self, *, number: int, reason: str) -> IntakeLine:
        wait, entry = await self._parked(number)
        why = " ".join(reason.split())[:500]
        if not why:
            raise OperatorError("a reason is missing", remedy="Say why in a few words; it stays on record where the bytes do not.")
        await self._store.journal.commit([EraseIntake(number, f"dropped by the operator: {why}")])
        _log.info("intake.dropped", cursor=number, protocol=entry.intake.protocol)
        return _intake_line(wait, entry)

    async def _parked(self, number: int) -> tuple[Wait, Entry]:
        found = await self._store.journal.wait(number)
        if found is None:
            raise OperatorError(f"nothing waits under the number {number}", remedy="`folkmoot intake list` shows what does.")
        return found

    async def status(self) -> Status:
        backlog = await self._store.journal.backlog(self._clock.now())
        living = [one for one in await self._store.directory.communities() if not one.retired]
        return Status(self._node.domain, self._version, self.since is not None, len(living), backlog, self.since)

    # ------------------------------------------------------------------------------------------------------ finding

    async def _find(self, handle: str) -> Community:
        wanted = handle.removeprefix("@").partition("@")[0].lower()
        community = next((one for one in await self._store.directory.communities() if one.handle == wanted), None)
        if community is None:
            raise OperatorError(f"there is no community {wanted}", remedy="`folkmoot community list` shows them.")
        return community

    async def _open(self, handle: str) -> tuple[Community, Channel]:
        """A community that is not retired, and its conversation."""
        community = await self._find(handle)
        if community.retired:
            raise OperatorError(f"{community.handle} was retired", remedy="Create another one with another handle.")
        channels = await self._store.directory.channels(community.id)
        return community, channels[0] if channels else Channel(_main_channel(self._node, community), community.id, ())

    async def _id(self, handle: str) -> CommunityId | None:
        return (await self._find(handle)).id if handle else None

    async def _line(self, community: Community) -> CommunityLine:
        channels = await self._store.directory.channels(community.id)
        places = tuple(place for channel in channels for place in channel.places)
        followers = [await self._store.directory.follower_count(place.native) for place in places if place.kind is PlaceKind.GROUP]
        address = f"@{community.handle}@{self._node.domain}"
        moderation = await self._store.directory.channel(moderation_channel(community.id))
        room = moderation.places[0] if moderation is not None and moderation.places else None
        return CommunityLine(community.handle, community.name, address, places, sum(followers), community.retired, room)

    async def _hold(self, hold: Hold) -> HoldLine:
        community = await self._store.directory.community(hold.community)
        return hold_line(hold, community=community.handle if community else hold.community, reason=sentence(hold.code))

    def _group_adapter(self) -> Adapter:
        return self._adapters[ACTIVITYPUB]

    def _adapter_for(self, place: str) -> tuple[Adapter, str]:
        """By how it is written: a Matrix room or alias, a group elsewhere, or a room of the built-in place."""
        text = place.strip()
        if text.startswith(f"{LOOPBACK}:"):
            protocol, name = LOOPBACK, text.removeprefix(f"{LOOPBACK}:")
        elif text.startswith(("!", "#", f"{MATRIX}:")):
            protocol, name = MATRIX, text.removeprefix(f"{MATRIX}:")
        elif text.startswith(("@", "https://", "http://")) or "@" in text:
            protocol, name = ACTIVITYPUB, text
        else:
            raise OperatorError(
                f"{place!r} is no place", remedy="Give a Matrix room (!id or #alias:server), a group (@group@server), or loopback:name."
            )
        adapter = self._adapters.get(protocol)
        if adapter is None:
            section = {MATRIX: "[matrix]", LOOPBACK: "loopback = true in [development]"}.get(protocol, "[activitypub]")
            raise OperatorError(f"this node does not speak {protocol}", remedy=f"The settings need {section}.")
        return adapter, name


def _intake_line(wait: Wait, entry: Entry) -> IntakeLine:
    came = entry.intake
    return IntakeLine(
        number=wait.seq,
        protocol=came.protocol,
        kind=came.kind,
        lane=came.lane,
        received_at=came.received_at,
        why=wait.why,
        tries=wait.tries,
        stuck=wait.stuck,
        due_at=wait.due_at,
        size=len(came.body),
    )


def _main_channel(node: Node, community: Community) -> ChannelId:
    return ChannelId(derive(node.secret, "channel", community.id))


def _group_place(ghost: Ghost, community: Community) -> Place:
    return Place(ghost.native, PlaceKind.GROUP, community.name)


def _added(channel: Channel, found: Place) -> list[Change]:
    others = tuple(place for place in channel.places if place.native != found.native)
    return [PutChannel(msgspec.structs.replace(channel, places=(*others, found)))]
