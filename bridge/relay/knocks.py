"""Private words between one of our people and one person elsewhere: a knock, its answer, and the room of the two (norms.md N17).

Everything said crosses as all else does (`crossing.py`), judged by the same norms; here is only who is told of a knock, and when there is a
room. No room and no invitation exist before the member's own yes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from bridge.changes import (
    AppendEvent,
    Change,
    DropPortal,
    EraseEvent,
    JoinRoster,
    LeaveRoster,
    PutDoor,
    PutHold,
    PutOmission,
    PutPortal,
)
from bridge.errors import OperatorError, PeerError, Unreachable
from bridge.logs import logger
from bridge.model.actor import Actor, ActorKind, Mark
from bridge.model.content import Command, Message, Notice
from bridge.model.content.release import Ending, Release
from bridge.model.event import Event, decode
from bridge.model.ids import CommunityId, Native, Protocol
from bridge.model.item import Omission
from bridge.model.place import Community, Place, PlaceKind
from bridge.model.portal import Door, Portal, Stance, channel_of, code_of, portal_id
from bridge.model.record import Hold
from bridge.moderation import knocks as moderation
from bridge.moderation.commands import Answer, Doors, Private, Reply, Write
from bridge.moderation.raising import Raise
from bridge.moderation.wording import notice
from bridge.norms.context import Keep
from bridge.norms.knocks import may_show
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay import releases
from bridge.relay.context import Contexts
from bridge.relay.crossing import Crossing
from bridge.relay.notices import Notices
from bridge.relay.plan import place_roster

__all__ = ["PRIVATE", "Knocks"]

PRIVATE = (Doors, Answer, Write)
"""Orders of `moderation.commands.Private`, for a check at run time."""

MOST_PORTALS = 100
"""Conversations of one person that an answer can be about; the newest."""

MOST_HOLDS = 500

_log = logger()


class _Asking(msgspec.Struct, frozen=True):
    """Who says something to the bot about private words, and where they are answered."""

    event: Event
    command: Command
    community: Community

    @property
    def person(self) -> Native:
        return self.event.author.native


class Knocks:
    """`hear` for words, signs and their changes between two people; `order` for what a member says to the bot about them."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        clock: Clock,
        *,
        crossing: Crossing,
        contexts: Contexts,
        notices: Notices,
    ) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._crossing = crossing
        self._contexts = contexts
        self._notices = notices

    # ------------------------------------------------------------------------------------------------------ what is said

    async def hear(
        self, event: Event, *, keep: Keep = Keep.UNSAID, hold: Hold | None = None, released: Ending | None = None
    ) -> list[Change]:
        """As `Crossing.cross`, and what follows from the knock it may be. Raises StorageError."""
        portal = await self._store.portals.portal(event.channel)
        fresh = await self._fresh(event) if portal is None else None
        standing = portal or fresh
        if portal is not None and portal.stance is Stance.OPEN and released is Ending.RETURN:
            released = Ending.RELEASE  # its time is over, but the yes came first
        if standing is None:
            text = "The person it was for is not here any more."
            return [PutOmission(Omission(event.id, event.place, "person.gone", text)), EraseEvent(event.id, "left out")]
        changes = await self._crossing.cross(event, keep=keep, hold=hold, released=released, channel=channel_of(standing))
        waits = next((change.hold for change in changes if isinstance(change, PutHold)), None)
        is_new = portal is None or portal.stance is Stance.ENDED
        if is_new and waits is not None and waits.kind == "knock" and isinstance(event.content, Message):
            knocks = msgspec.structs.replace(standing, stance=Stance.KNOCKS, since=self._clock.now(), begun=False)
            return [*changes, PutPortal(knocks), *await self._knocked(event, event.content, knocks, waits)]
        if released is Ending.RETURN and portal is not None and portal.stance is Stance.KNOCKS:
            # What was said before, in a room they had once, can still be taken back.
            changes.append(
                DropPortal(portal.id) if portal.room is None else PutPortal(msgspec.structs.replace(portal, stance=Stance.ENDED))
            )
        return changes

    async def _fresh(self, event: Event) -> Portal | None:
        """The conversation that a first message would begin; None when the member it was for is not here any more."""
        person = event.provenance.about
        ghost = await self._store.directory.ghost(Native(event.author.native.protocol, person)) if person is not None else None
        if ghost is None or ghost.ended is not None or ghost.community is None:
            return None
        if portal_id(self._node.secret, ghost.of, event.author.native) != event.channel:
            return None
        return Portal(event.channel, ghost.community, ghost.of, event.author.native, Stance.KNOCKS, self._clock.now())

    async def _knocked(self, event: Event, message: Message, portal: Portal, hold: Hold) -> list[Change]:
        """The card in the member's own conversation with the bot."""
        context = await self._contexts.load(event, channel_of(portal))
        shows = context.knock is not None and may_show(context.knock, context.author.rank)
        words = moderation.preview(message) if shows else ""
        return await self._notices.items([moderation.card(portal, event.author, words, hold.due_at)], event, portal.community, context.now)

    async def left(self, event: Event, person: Native) -> list[Change]:
        """Somebody is out of the room of the two. Without its member there is nobody to hear: whoever writes next knocks."""
        portal = await self._store.portals.portal(event.channel)
        if portal is None or person != portal.member or portal.stance is not Stance.OPEN:
            return [EraseEvent(event.id, "noted")]
        return [PutPortal(msgspec.structs.replace(portal, stance=Stance.ENDED)), EraseEvent(event.id, "noted")]

    async def gone(self, person: Native, community: CommunityId) -> list[Change]:
        """Their account has ended, and with it every conversation with them; not before all that they said is taken back."""
        if await self._store.objects.recent(person, community, 1):
            return []
        portals = [portal for portal in await self._store.portals.of(person, MOST_PORTALS) if portal.community == community]
        left = [LeaveRoster(place_roster(_room(portal), community), portal.member) for portal in portals if portal.room is not None]
        return [*left, *(DropPortal(portal.id) for portal in portals)]

    # ------------------------------------------------------------------------------------------------------ what members answer

    async def order(self, order: Private, event: Event, command: Command, community: Community, *, at_home: bool) -> list[Change]:
        """`at_home`: their own server decides who writes to them. Raises StorageError."""
        asking = _Asking(event, command, community)
        if at_home:
            return await self._say(asking, "knock.elsewhere")
        person, now = event.author.native, self._clock.now()
        match order:
            case Doors():
                changes, told = moderation.chosen(order, await self._store.portals.door(person), person, now, command.answer_in)
                return [*changes, *await self._notices.items([told], event, community.id, now)]
            case Write(to=to):
                return await self._write(asking, to)
            case Answer(reply=reply, code=code):
                return await self._answered(asking, reply, code)
            case _:
                assert_never(order)

    async def _answered(self, asking: _Asking, reply: Reply, code: str) -> list[Change]:
        mine = [one for one in await self._store.portals.of(asking.person, MOST_PORTALS) if one.member == asking.person]
        portal = moderation.meant(code, mine)
        if isinstance(portal, str):
            example = next((code_of(one.id) for one in mine if one.stance is Stance.KNOCKS), "k7fd")
            return await self._say(asking, portal, code=example)
        match reply:
            case Reply.ACCEPT:
                known = await self._store.directory.actor(portal.correspondent)
                if known is None:
                    return await self._say(asking, "knock.unknown")
                return await self._open(asking, portal, known[0], "knock.accepted", again=f"accept {code_of(portal.id)}")
            case Reply.NOT_NOW:
                until = min((hold.due_at for hold in await self._waiting(portal)), default=self._clock.now())
                return await self._say(asking, "knock.not_now", code=code_of(portal.id), until=until.isoformat())
            case Reply.NEVER:
                shut = msgspec.structs.replace(portal, stance=Stance.CLOSED)
                changes = [PutPortal(shut), *await self._let_go(portal, Ending.RETURN, asking.event.author)]
                return [*changes, *await self._say(asking, "knock.never", code=code_of(portal.id))]
            case _:
                assert_never(reply)

    async def _write(self, asking: _Asking, to: str) -> list[Change]:
        """The member begins it: the other one's own server decides what reaches them."""
        found = await self._named(asking.person, to)
        known = await self._store.directory.actor(found) if found is not None else None
        if known is None or known[0].kind is ActorKind.GROUP:
            return await self._say(asking, "knock.stranger", name=to)
        other = known[0]
        if Mark.NOBRIDGE in other.marks:
            return await self._say(asking, "knock.refuses", name=moderation.called(other))
        name = await self._store.directory.ghost_of(other.native.protocol, asking.person)
        if name is None or name.ended is not None:
            return await self._say(asking, "knock.nameless")
        id_ = portal_id(self._node.secret, asking.person, other.native)
        begun = Portal(
            id_, name.community or asking.community.id, asking.person, other.native, Stance.KNOCKS, self._clock.now(), begun=True
        )
        portal = await self._store.portals.portal(id_) or begun
        code = "knock.open" if portal.stance is Stance.OPEN else "knock.begun"
        return await self._open(asking, portal, other, code, again=f"write {to}")

    async def _named(self, person: Native, to: str) -> Native | None:
        """By the address that is typed, or by the account here that stands for them."""
        ghost = await self._store.directory.ghost(Native(person.protocol, to))
        if ghost is not None:
            return ghost.of
        for protocol in self._adapters:
            if protocol != person.protocol:
                found = await self._store.directory.actor_called(protocol, "@" + to.removeprefix("@"))
                if found is not None:
                    return found
        return None

    async def _open(self, asking: _Asking, portal: Portal, other: Actor, code: str, *, again: str) -> list[Change]:
        """The room of the two, made or found again, and what waited goes into it."""
        adapter = self._adapters.get(portal.member.protocol)
        try:
            brought = asking.event.place if asking.command.answer_in is None else None
            room = await adapter.open_portal(portal, other, instead=brought) if adapter is not None else None
        except (Unreachable, PeerError, OperatorError) as error:
            _log.warning("homeserver.refused", community=portal.community, kind="portal", reason=error.private)
            room = None
        if adapter is None or room is None:
            return await self._say(asking, "knock.busy", again=again)
        opened = msgspec.structs.replace(portal, stance=Stance.OPEN, room=room)
        place = _room(opened)
        changes: list[Change] = [PutPortal(opened)]
        changes += [JoinRoster(place_roster(place, portal.community), where, portal.member) for where in await adapter.destinations(place)]
        changes += await self._let_go(portal, Ending.RELEASE, asking.event.author)
        told = [(code, {"name": moderation.called(other)})]
        door = await self._store.portals.door(portal.member) or Door(portal.member)
        if door.warned is None:
            changes.append(PutDoor(msgspec.structs.replace(door, warned=self._clock.now())))
            told.append(("knock.readable", {}))
        _log.info("room.created", kind="portal", community=portal.community)
        return [*changes, *await self._tell(asking, told)]

    async def _let_go(self, portal: Portal, ending: Ending, by: Actor) -> list[Change]:
        """What waits behind the knock is judged again, knowing the answer."""
        return [
            AppendEvent(releases.released(self._node.secret, Release(hold.event_id, ending), hold, by, self._clock.now()))
            for hold in await self._waiting(portal)
        ]

    async def unread(self, person: Native, order: Raise) -> tuple[Raise, Hold] | None:
        """The knock that a report names by its sign, with what else it says: moderators see its words, and the member need not (N17)."""
        code, _, rest = order.words.partition(" ")
        mine = [one for one in await self._store.portals.of(person, MOST_PORTALS) if one.member == person]
        found = moderation.meant(code.lower(), mine) if code else "knock.none"
        holds = await self._waiting(found) if isinstance(found, Portal) else []
        return (msgspec.structs.replace(order, words=rest.strip()), holds[0]) if holds else None

    async def _waiting(self, portal: Portal) -> list[Hold]:
        """The first to come due first, as it was said."""
        holds = await self._store.decisions.holds(portal.community, MOST_HOLDS, portal.correspondent)
        return [hold for hold in holds if hold.kind == "knock" and decode(hold.body).channel == portal.id]

    async def _say(self, asking: _Asking, text: str, /, **args: str) -> list[Change]:
        return await self._tell(asking, [(text, args)])

    async def _tell(self, asking: _Asking, told: Sequence[tuple[str, Mapping[str, str]]]) -> list[Change]:
        notices = [Notice(asking.person, notice(code, args.items()), answer_in=asking.command.answer_in) for code, args in told]
        return await self._notices.items(notices, asking.event, asking.community.id, self._clock.now())


def _room(portal: Portal) -> Place:
    return next(place for place in channel_of(portal).places if place.kind is PlaceKind.ROOM)
