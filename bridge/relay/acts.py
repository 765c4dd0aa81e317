"""Carries out what moderators do, whichever way they took: hide first, then tell the other places, then whoever it concerns, then the log.

Norms.md 4.2, 4.3. Whether they may is decided by `bridge/moderation/deciding.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from bridge.changes import AppendLog, Change, EndEvent, EraseEvent, PutOmission
from bridge.logs import logger
from bridge.model.act import Act, Deed, Via
from bridge.model.audience import Audience
from bridge.model.content import Command, Message, Notice, Retraction
from bridge.model.event import Event
from bridge.model.ids import ACTIVITYPUB, MATRIX, OURS, CommunityId, EventId, Native, ObjectId, Protocol, derive, parse_native
from bridge.model.item import Omission
from bridge.model.logentry import Doing, LogEntry, Names
from bridge.model.place import PlaceKind
from bridge.model.record import Hold, KnownObject
from bridge.model.role import Role
from bridge.moderation import deciding, vocabulary
from bridge.moderation.case_wording import UNSAID
from bridge.moderation.deciding import ActFacts, Granted, Refused
from bridge.moderation.holds import Action
from bridge.moderation.holds import Refused as NotTheirs
from bridge.moderation.native import act_of, is_vouched
from bridge.moderation.wording import notice
from bridge.norms.wording import line
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.cases import Cases
from bridge.relay.crossing import Crossing
from bridge.relay.moderationroom import Carried
from bridge.relay.notices import Notices
from bridge.relay.orders import Orders

__all__ = ["Acts"]

MOST_HOLDS = 500

_log = logger()


class Acts:
    """Implements `Hands`; `native` for what was done with a client's own buttons. All only read, and give the changes of one transaction."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        clock: Clock,
        *,
        crossing: Crossing,
        orders: Orders,
        cases: Cases,
        notices: Notices,
    ) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._crossing = crossing
        self._orders = orders
        self._cases = cases
        self._notices = notices

    # ------------------------------------------------------------------------------------------------------ the ways in

    async def _role_of(self, community: CommunityId, person: Native) -> Role | None:
        """Their highest seat at this moment. Raises StorageError."""
        now = self._clock.now()
        held = [seat.role for seat in await self._store.seats.held_by(person) if seat.community == community and seat.holds(now)]
        return max(held, key=deciding.rank, default=None)

    async def say(self, words: str, cause: Event, community: CommunityId, answer_in: Native | None) -> Carried | None:
        """Raises StorageError."""
        answered = _answered(cause)
        said = vocabulary.read(words, answers=answered is not None)
        if said is None:
            return None
        role = await self._role_of(community, cause.author.native)
        if role is None:
            # Without a seat it may be talk, or a question of their own.
            return None
        if isinstance(said, vocabulary.Unread):
            return Carried(tuple(await self._answer(cause, community, answer_in, said.code, (("word", said.word),))))
        act = Act(
            id=cause.id,
            deed=said.deed,
            by=cause.author.native,
            at=cause.at,
            via=Via.DIRECT if isinstance(cause.content, Command) and cause.content.private else Via.ROOM,
            object=answered if not said.what else await self._object(said.what, community),
            norm=said.norm,
            reason=said.reason,
            about=said.what,
        )
        return await self.carry_out(act, cause, community, answer_in)

    async def carry_out(self, act: Act, cause: Event, community: CommunityId, answer_in: Native | None) -> Carried:
        """Whoever gave it hears what came of it. Raises StorageError."""
        made = await self._carried(act, cause, community, vouched=False)
        if isinstance(made, Refused):
            _log.info("act.refused", community=community, kind=str(act.deed), code=made.code)
            return Carried(tuple(await self._answer(cause, community, answer_in, made.code, made.args)))
        told = await self._answer(cause, community, answer_in, "act.done", (("deed", str(act.deed)),))
        # The line or sign itself is ended by whoever heard it.
        kept = [change for change in made if not (isinstance(change, EndEvent | EraseEvent) and change.event_id == cause.id)]
        return Carried((*kept, *told), is_done=True)

    async def is_removal(self, event: Event, retraction: Retraction) -> bool:
        """Is it a moderator's act, and not the author's side taking back its own? Raises StorageError."""
        if retraction.claimed or not retraction.moderator:
            return retraction.claimed
        known = await self._store.objects.get(retraction.target)
        channel = await self._store.directory.channel(event.channel)
        place = channel.place(event.place) if channel is not None else None
        return (
            known is not None
            and known.retracted_at is None
            and known.author != event.author.native
            and place is not None
            and place.kind is PlaceKind.ROOM
        )

    async def native(self, event: Event) -> list[Change]:
        """A button of a moderator's own client: refused by name where it is not theirs to press. Raises StorageError."""
        act = act_of(event)
        channel = await self._store.directory.channel(event.channel)
        place = channel.place(event.place) if channel is not None else None
        if act is None or place is None:
            return _refused(event, Refused("act.unknown"))
        if await self._store.decisions.tombstoned(ObjectId(event.id), event.provenance.native):
            return [EraseEvent(event.id, "taken back")]
        made = await self._carried(act, event, event.community, vouched=is_vouched(event, place))
        if isinstance(made, Refused):
            _log.info("act.refused", community=event.community, kind=str(act.deed), code=made.code)
            return _refused(event, made)
        ended = any(isinstance(change, EndEvent | EraseEvent) and change.event_id == event.id for change in made)
        return made if ended else [*made, EndEvent(event.id, "answered")]

    # ------------------------------------------------------------------------------------------------------ carried out

    async def _carried(self, act: Act, cause: Event, community: CommunityId, *, vouched: bool) -> list[Change] | Refused:
        known = await self._store.objects.get(act.object) if act.object is not None else None
        if known is not None and known.community != community:
            known = None
        hold = await self._hold(act, community)
        facts = ActFacts(
            now=self._clock.now(),
            role=await self._role_of(community, act.by),
            vouched=vouched,
            owner=known.author if known is not None and act.deed is Deed.REMOVE else hold.author if hold is not None else None,
            alone=await self._is_alone(community, act.by),
            is_over=act.deed is Deed.REMOVE and known is not None and known.retracted_at is not None,
        )
        granted = deciding.decide(act, facts)
        if isinstance(granted, Refused):
            return granted
        _log.info("act.carried_out", community=community, kind=str(act.deed))
        if act.deed is Deed.REMOVE and known is not None:
            return await self._removed(act, known, cause if vouched else _from_nowhere(cause), granted)
        if hold is not None and act.deed is not Deed.REMOVE:
            action = Action.RELEASE if act.deed is Deed.RELEASE else Action.RETURN
            made = await self._orders.decide(hold, action, granted.role, act.reason)
            return Refused("act.over") if isinstance(made, NotTheirs) else [*made, self._line(act, hold.author, granted, "", cause)]
        # What still waits is not let in when it is removed.
        made = await self._orders.decide(hold, Action.RETURN, granted.role, act.reason) if hold is not None else NotTheirs("")
        return Refused("act.unknown") if isinstance(made, NotTheirs) else made

    async def _removed(self, act: Act, known: KnownObject, cause: Event, granted: Granted) -> list[Change]:
        retraction = Retraction(known.id, reason=act.reason, moderator=True)
        done = msgspec.structs.replace(cause, content=retraction, audience=Audience.PUBLIC, wire=None)
        changes = await self._crossing.take_back(done, retraction)
        changes += await self._cases.taken_back(done, known.id)
        community = await self._store.directory.community(known.community)
        told = notice(
            "act.removed",
            (
                ("community", line(community.name) if community is not None else ""),
                ("reason", f"{line(act.reason) or UNSAID}{f' (norm {act.norm})' if act.norm else ''}"),
            ),
        )
        if known.author != act.by:
            changes += await self._notices.items([Notice(known.author, told)], done, known.community, self._clock.now())
        return [*changes, self._line(act, known.author, granted, known.kind, cause)]

    def _line(self, act: Act, whom: Native, granted: Granted, kind: str, cause: Event) -> AppendLog:
        """What everybody may read of it says the role, not who."""
        doing = Doing(effect=str(act.deed), by=granted.role, norm=act.norm, item=kind, platform=whom.protocol)
        names = Names(whom=whom, decided_by=act.by, event=cause.id, object=act.object, act=act.id, reason=act.reason)
        entry = derive(self._node.secret, "log", "act", act.id)
        return AppendLog(LogEntry(entry, cause.community, self._clock.now(), doing, names))

    # ------------------------------------------------------------------------------------------------------ facts

    async def _hold(self, act: Act, community: CommunityId) -> Hold | None:
        """What waits under the id, or the beginning of it, that is on the card."""
        found = await self._store.decisions.hold(EventId(act.about)) if act.about else None
        if found is None and act.object is not None:
            found = await self._store.decisions.hold_on(act.object)
        if found is None and len(act.about) >= 6 and act.about.isalnum():
            fitting = [one for one in await self._store.decisions.holds(community, MOST_HOLDS) if one.event_id.startswith(act.about)]
            found = fitting[0] if len(fitting) == 1 else None
        return found if found is not None and found.community == community else None

    async def _is_alone(self, community: CommunityId, person: Native) -> bool:
        now = self._clock.now()
        return all(seat.actor == person or not seat.holds(now) for seat in await self._store.seats.in_community(community))

    async def _object(self, what: str, community: CommunityId) -> ObjectId | None:
        """By its address, by a link to it in a room, by what a network calls it, or by our own id."""
        known = None
        if what.startswith(("https://matrix.to/", "http://matrix.to/")):
            event = unquote(urlsplit(what).fragment.partition("?")[0].rpartition("/")[2])
            known = await self._store.objects.find(Native(MATRIX, event))
        elif what.startswith(("https://", "http://")):
            known = await self._store.objects.find(Native(ACTIVITYPUB, what))
        elif what.startswith("$"):
            known = await self._store.objects.find(Native(MATRIX, what))
        elif ":" in what:
            known = await self._store.objects.find(parse_native(what)) if not what.startswith(":") and not what.endswith(":") else None
        else:
            known = await self._store.objects.get(ObjectId(what))
        return known.id if known is not None and known.community == community else None

    async def _answer(
        self, cause: Event, community: CommunityId, answer_in: Native | None, code: str, args: tuple[tuple[str, str], ...]
    ) -> list[Change]:
        told = Notice(cause.author.native, notice(code, args), answer_in=answer_in)
        return await self._notices.items([told], cause, community, self._clock.now())


def _from_nowhere(cause: Event) -> Event:
    """Of no place of the conversation, so that all of them hear it: also the one where the act was only told."""
    return msgspec.structs.replace(cause, place=Native(OURS, cause.community))


def _answered(cause: Event) -> ObjectId | None:
    """What the line answers, where it answers something."""
    content = cause.content
    if isinstance(content, Command):
        return content.about
    return content.reply_to if isinstance(content, Message) else None


def _refused(event: Event, refusal: Refused) -> list[Change]:
    text = notice(refusal.code, refusal.args).plain
    return [PutOmission(Omission(event.id, event.place, refusal.code, text)), EraseEvent(event.id, "refused")]
