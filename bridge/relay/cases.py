"""Reports become cases, and cases come to an end: the facts are loaded, `moderation` decides what follows, and that becomes one transaction.

Norms.md N14, 4.5. Nothing here ever hides or removes what was reported; only people do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.changes import AppendItem, AppendLog, Change, DropEvidence, EraseEvent, PutCase, PutEvidence
from bridge.logs import logger
from bridge.model.actor import Actor, ActorKind
from bridge.model.audience import Audience
from bridge.model.case import Case, Outcome, Raised, Ruled, Settlement, Stage
from bridge.model.content import Notice, Reaction, Report
from bridge.model.content.report import Category
from bridge.model.event import Event, Provenance, decode
from bridge.model.ids import ACTIVITYPUB, OURS, ChannelId, CommunityId, ItemId, Native, ObjectId, Protocol, derive, event_id, item_id
from bridge.model.item import Item
from bridge.model.logentry import Doing, LogEntry, Names
from bridge.model.place import Community, Place, PlaceKind
from bridge.moderation import cases as life
from bridge.moderation.cards import CATEGORIES, OUTCOMES, short
from bridge.moderation.case_wording import UNSAID
from bridge.moderation.cases import Refused, Subject
from bridge.moderation.log import place_class
from bridge.moderation.raising import Raise, category_of
from bridge.moderation.wording import notice
from bridge.norms.context import Rank
from bridge.norms.wording import bounded, line, moment
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.cards import Cards
from bridge.relay.context import Contexts, group_of
from bridge.relay.notices import Notices
from bridge.relay.recalling import Recalling

__all__ = ["Cases", "Found"]

MOST_OBJECTS = 5
"""Of one report that become cases of their own; further ones are about the person."""

LONGEST_WORDS = 500

EARLIER = 50
"""Cases of a reporter that are looked at to see whether their hands were often empty."""

NOBODY = Native(OURS, "nobody")
"""Stands for everybody whom a case named, once names have gone."""

_log = logger()


class Found(msgspec.Struct, frozen=True):
    """What a report is about, with its words where there are any."""

    subject: Subject
    event: Event | None = None


class Cases:
    """`flagged`, `asked` and `reported` are the three ways in; `settle` a moderator's word; `due` the clock's."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        clock: Clock,
        *,
        contexts: Contexts,
        notices: Notices,
        recalling: Recalling,
        cards: Cards,
    ) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._contexts = contexts
        self._notices = notices
        self._recalling = recalling
        self._cards = cards

    # ------------------------------------------------------------------------------------------------------ ways in

    async def flagged(self, event: Event, reaction: Reaction) -> list[Change]:
        """🚩 on a message. Like all signs it shows in its own room; it crosses nowhere. Raises StorageError."""
        return await self._asked(event, event.community, reaction.target, Raise(), None)

    async def asked(
        self, order: Raise, event: Event, community: CommunityId, about: ObjectId | None, answer_in: Native | None
    ) -> list[Change]:
        """`!report`. Raises StorageError."""
        if order.url:
            native = Native(ACTIVITYPUB, order.url)
            known = await self._store.objects.find(native)
            about = known.id if known is not None else await self._store.objects.shown_as(native) or about
        return await self._asked(event, community, about, order, answer_in)

    async def _asked(
        self, event: Event, community: CommunityId, about: ObjectId | None, order: Raise, answer_in: Native | None
    ) -> list[Change]:
        found = await self._found(event, community, about)
        if found is None:
            return [*await self._say(event, community, "report.which", answer_in), EraseEvent(event.id, "answered")]
        if found.subject.person == event.author.native:
            return [*await self._say(event, community, "report.own", answer_in), EraseEvent(event.id, "answered")]
        raised = await self._hand(event, order.category, order.words, named=order.named, forward=order.forward)
        changes, is_new = await self._raise(found, raised, event)
        code = "report.again" if not is_new else "report.heard_named" if order.named else "report.heard"
        return [*changes, *await self._say(event, community, code, answer_in), EraseEvent(event.id, "answered")]

    async def reported(self, event: Event, report: Report) -> list[Change]:
        """A server's report (`Flag`): whoever it is about, as far as it crossed here. Raises StorageError."""
        if report.resolves is not None:
            return [*await self._resolved(event, report.resolves), EraseEvent(event.id, "answered")]
        found = [one for target in report.objects[:MOST_OBJECTS] if (one := await self._found(event, event.community, target)) is not None]
        if report.person is not None and (not found or len(report.objects) > MOST_OBJECTS):
            found.append(Found(Subject(event.community, None, report.person)))
        if not found:
            return [EraseEvent(event.id, "noted")]
        category = report.category if report.category is not Category.OTHER else category_of(report.words)
        raised = await self._hand(event, category, report.words, named=report.named, forward=report.forward)
        changes: list[Change] = []
        is_new = False
        for one in found:
            more, was_new = await self._raise(one, raised, event)
            changes += more
            is_new = is_new or was_new
        if event.author.kind is ActorKind.PERSON:
            changes += await self._say(event, event.community, "report.heard" if is_new else "report.again", None)
        return [*changes, EraseEvent(event.id, "answered")]

    async def _hand(self, event: Event, category: Category, words: str, *, named: bool, forward: bool) -> Raised:
        by = event.author.native
        now = self._clock.now()
        earlier = await self._store.cases.naming(by, EARLIER)
        return Raised(
            by=by,
            host=event.author.host,
            standing=str(await self._standing(event)),
            at=now,
            category=category,
            words=bounded(words, LONGEST_WORDS),
            named=named,
            forward=forward,
            counts=life.counts_for(earlier, by, now),
        )

    async def _standing(self, event: Event) -> Rank:
        """Of whoever reports. A server's own account is a stranger, whoever asked it to."""
        channel = await self._store.directory.channel(event.channel)
        if event.author.kind is not ActorKind.PERSON:
            return Rank.VISITOR
        if channel is None or not channel.places:
            channels = await self._store.directory.channels(event.community)
            channel = channels[0] if channels else None
        if channel is None:
            return Rank.VISITOR
        return (await self._contexts.load(event, channel)).author.rank

    # ------------------------------------------------------------------------------------------------------ what it is about

    async def _found(self, event: Event, community: CommunityId, target: ObjectId | None) -> Found | None:
        """What crossed, what waits, or what only its room knows."""
        if target is None:
            return None
        known = await self._store.objects.get(target)
        if known is not None and known.audience is Audience.DIRECT and not await self._is_between(event.author.native, known.channel):
            return None
        if known is not None:
            current = await self._store.objects.current(target)
            url = known.native.id if known.native.protocol == ACTIVITYPUB else current.provenance.url or "" if current is not None else ""
            host = current.author.host if current is not None else ""
            subject = Subject(known.community, target, known.author, known.place, url, known.kind, host=host)
            return Found(msgspec.structs.replace(subject, standing=await self._standing_of(current)), current)
        hold = await self._store.decisions.hold_on(target)
        said = decode(hold.body) if hold is not None else await self._recalling.recall(event, target)
        if said is None or said.community != community:
            return None
        if said.audience is Audience.DIRECT and not await self._is_between(event.author.native, said.channel):
            return None
        native = said.provenance.native
        url = native.id if native.protocol == ACTIVITYPUB else said.provenance.url or ""
        standing = await self._standing_of(said)
        return Found(Subject(community, target, said.author.native, said.place, url, "message", standing, said.author.host), said)

    async def _is_between(self, person: Native, channel: ChannelId) -> bool:
        """Private words are shown to moderators by one of the two, and by nobody else who may know where they are (N17)."""
        portal = await self._store.portals.portal(channel)
        return portal is not None and person in {portal.member, portal.correspondent}

    async def _standing_of(self, said: Event | None) -> str:
        return str(await self._standing(said)) if said is not None else ""

    # ------------------------------------------------------------------------------------------------------ the case

    async def _raise(self, found: Found, raised: Raised, cause: Event) -> tuple[list[Change], bool]:
        """The case about it with one more hand, and whether that hand is a new one."""
        subject, now = found.subject, self._clock.now()
        week = "" if subject.object is not None else life.week_of(now)
        case = await self._store.cases.case_about(subject.community, subject.object, subject.person, week)
        changes: list[Change] = []
        if case is None or not case.is_open:
            case = life.opened(life.case_id(self._node.secret, subject, now), subject, now)
            if found.event is not None:
                changes.append(PutEvidence(case.id, found.event, now + life.SEALED_FOR))
                case = msgspec.structs.replace(case, sealed=True)
            changes.append(AppendLog(await self._opened_entry(case, raised)))
            _log.info("case.opened", community=case.community)
        with_hand = life.with_hand(case, raised)
        if with_hand == case and not changes:
            return [], False
        is_new = all(one.by != raised.by for one in case.raised)
        if with_hand.is_severe and not case.is_severe:
            changes += await self._to_moderators(with_hand, cause, "case.severe")
        return [*changes, PutCase(with_hand), *await self._cards.case(with_hand)], is_new

    async def _opened_entry(self, case: Case, raised: Raised) -> LogEntry:
        place = await self._place(case)
        doing = Doing(
            effect="report",
            by=raised.standing,
            norm="N14",
            item=case.kind or "person",
            place=place_class(place) if place is not None else "",
            standing=case.standing,
            platform=raised.by.protocol,
        )
        return LogEntry(
            derive(self._node.secret, "log", "case", case.id), case.community, case.opened_at, doing, Names(whom=None, case=case.id)
        )

    async def _place(self, case: Case) -> Place | None:
        channel = await self._store.directory.channel_of(case.place) if case.place is not None else None
        return channel.place(case.place) if channel is not None and case.place is not None else None

    async def settle(self, case: Case, settlement: Settlement, cause: Event, role: str) -> list[Change] | Refused:
        """A person's word about a case: everybody concerned is told, and it stands in the log by its role. Raises StorageError."""
        decided = life.decided(case, settlement)
        if isinstance(decided, Refused):
            return decided
        entry = await self._settled_entry(decided, settlement, role)
        named = msgspec.structs.replace(settlement, entry=entry.id)
        decided = msgspec.structs.replace(decided, settlement=named)
        # What an act did stands in the log by itself, and whom it concerns was told with it.
        lines: list[Change] = [AppendLog(entry)] if not settlement.undoes else []
        return [*lines, *await self._tell(decided, named, cause)]

    async def _settled_entry(self, case: Case, settlement: Settlement, role: str) -> LogEntry:
        place = await self._place(case)
        doing = Doing(
            effect=f"case {settlement.outcome}",
            by=role,
            norm=settlement.norm or "N14",
            item=case.kind or "person",
            place=place_class(place) if place is not None else "",
            standing=case.standing,
            platform=case.person.protocol if case.person is not None else "",
        )
        names = Names(whom=case.person, decided_by=settlement.by, object=case.object, case=case.id, reason=settlement.reason)
        return LogEntry(derive(self._node.secret, "log", "settled", case.id), case.community, settlement.at, doing, names)

    async def _tell(self, case: Case, settlement: Settlement, cause: Event) -> list[Change]:
        """Reporters hear the class of the outcome, whoever it concerns the whole reason, and from then on it can be appealed."""
        community = await self._store.directory.community(case.community)
        said = [("community", _name(community)), ("outcome", OUTCOMES[settlement.outcome])]
        ran_out = settlement.by is None and settlement.outcome is Outcome.NOTHING
        code = "report.outcome_time" if ran_out else "report.outcome"
        notices = [Notice(one.by, notice(code, said)) for one in case.raised if await self._hears(one.by)]
        concerns = settlement.outcome not in (Outcome.NOTHING, Outcome.REFER) and not settlement.undoes
        if case.person is not None and concerns and await self._hears(case.person):
            norm = f" (norm {settlement.norm})" if settlement.norm else ""
            reason = f"{line(settlement.reason) or UNSAID}{norm}"
            what = f"a {case.kind} of yours" if case.kind else "what you did"
            told = notice("case.told", [*said, ("what", what), ("reason", reason)])
            notices.append(Notice(case.person, told))
        now = self._clock.now()
        case = life.told(case, now)
        return [PutCase(case), *await self._notices.items(notices, cause, case.community, now), *await self._cards.case(case)]

    async def _hears(self, person: Native) -> bool:
        """Is it a person whom we can write to? A server's own account is told by its own protocol, if at all."""
        if person.protocol != ACTIVITYPUB:
            return person.protocol in self._adapters
        known = await self._store.directory.actor(person)
        return known is not None and known[0].kind is ActorKind.PERSON

    async def taken_back(self, event: Event, target: ObjectId) -> list[Change]:
        """Its author took back what a case is about: the card has no link to it any more, and they are told of the sealed copy (N02).

        Raises StorageError.
        """
        case = await self._store.cases.case_about(event.community, target, None, "") if event.community else None
        if case is None or not case.is_open or case.person != event.author.native or not (case.sealed or case.url):
            return []
        now = self._clock.now()
        case = msgspec.structs.replace(case, version=case.version + 1, url="")
        told: list[Change] = []
        if case.sealed:
            until = moment(case.opened_at + life.SEALED_FOR)
            told = await self._notices.items(
                [Notice(event.author.native, notice("case.sealed", [("until", until)]))], event, case.community, now
            )
        return [PutCase(case), *await self._cards.case(case), *told]

    # ------------------------------------------------------------------------------------------------------ elsewhere

    async def refer(self, case: Case, cause: Event) -> list[Change] | Refused:
        """The author's own server hears of it: what it is about, a category and one sentence, said by the node. Raises StorageError."""
        if not any(one.forward for one in case.raised):
            return Refused("case.refer_asks")
        known = await self._store.directory.actor(case.person) if case.person is not None else None
        adapter = self._adapters.get(ACTIVITYPUB)
        where = adapter.destination_of(known[0], alone=False) if known is not None and adapter is not None else None
        if known is None or where is None or case.person is None or case.person.protocol != ACTIVITYPUB:
            return Refused("case.refer_nowhere")
        now = self._clock.now()
        category = next((one.category for one in case.raised if one.forward), case.raised[0].category)
        group = await self._group(case.community) or cause.place
        native = Native(OURS, f"flag/{case.id}")
        said = Event(
            id=event_id(self._node.secret, native),
            community=case.community,
            channel=cause.channel,
            place=group,
            author=Actor(Native(OURS, case.community), "", self._node.domain, kind=ActorKind.APPLICATION),
            content=Report(
                (case.object,) if case.object is not None else (), case.person, category, f"Reported as {CATEGORIES[category]}."
            ),
            audience=Audience.DIRECT,
            at=now,
            received_at=now,
            provenance=Provenance(native),
        )
        item = Item(
            id=item_id(self._node.secret, said.id, group, "report"),
            event_id=said.id,
            community=case.community,
            object=case.object or ObjectId(said.id),
            thread=said.id,
            place=group,
            form="report",
            by=Native(OURS, case.community),
            event=said,
            to=(where,),
        )
        case = msgspec.structs.replace(case, version=case.version + 1, flag=item.id)
        return [AppendItem(item, now), PutCase(case), *await self._cards.case(case)]

    async def _group(self, community: CommunityId) -> Native | None:
        for channel in await self._store.directory.channels(community):
            group = group_of(channel)
            if group is not None and group.kind is PlaceKind.GROUP:
                return group.native
        return None

    async def _resolved(self, event: Event, flag: ItemId) -> list[Change]:
        """The server that we told has looked. Only its own word counts for that."""
        item = await self._store.objects.item(flag)
        report = item.event.content if item is not None else None
        if item is None or not isinstance(report, Report) or all(where.host != event.author.host for where in item.to):
            return []
        target = report.objects[0] if report.objects else None
        week = "" if target is not None else life.week_of(item.event.at)
        case = await self._store.cases.case_about(item.community, target, report.person, week)
        if case is None or case.flag != flag or case.resolved_elsewhere:
            return []
        case = msgspec.structs.replace(case, version=case.version + 1, resolved_elsewhere=True)
        now = self._clock.now()
        if case.stage in (Stage.RECEIVED, Stage.SEEN):
            settlement = Settlement(Outcome.REFER, now)
            referred = life.decided(case, settlement)
            if isinstance(referred, Case):
                return await self._tell(referred, settlement, event)
        notices = [Notice(one.by, notice("report.resolved")) for one in case.raised if one.forward and await self._hears(one.by)]
        return [PutCase(case), *await self._notices.items(notices, event, case.community, now), *await self._cards.case(case)]

    # ------------------------------------------------------------------------------------------------------ time

    async def due(self, case: Case) -> list[Change]:
        """Raises StorageError."""
        now = self._clock.now()
        done = life.due(case, now, NOBODY)
        if done.case == case:
            return []
        cause = await self.cause(case)
        changes: list[Change] = [DropEvidence(case.id)] if done.drops else []
        if done.reminder:
            changes += await self._to_moderators(done.case, cause, done.reminder)
        if done.case.stage is Stage.DECIDED and done.case.settlement is not None:
            return [*changes, *await self._tell(done.case, done.case.settlement, cause)]
        if done.case.stage is Stage.CLOSED:
            _log.info("case.closed", community=case.community)
            appeal = done.case.appeal
            if case.stage is Stage.APPEALED and appeal is not None and appeal.ruled is Ruled.STANDS:
                changes += await self._notices.items([Notice(appeal.by, notice("appeal.unlooked"))], cause, case.community, now)
        shown = await self._cards.case(done.case) if done.case.stage is not Stage.PSEUDONYMISED else []
        return [*changes, PutCase(done.case), *shown]

    async def cause(self, case: Case) -> Event:
        """What time does has no event: this stands for it where something has to be said."""
        channels = await self._store.directory.channels(case.community)
        native = Native(OURS, f"case/{case.id}/{case.version}")
        now = self._clock.now()
        return Event(
            id=event_id(self._node.secret, native),
            community=case.community,
            channel=channels[0].id,
            place=case.place or native,
            author=Actor(Native(OURS, case.community), "", self._node.domain, kind=ActorKind.SERVICE),
            content=Notice(Native(OURS, case.community)),
            audience=Audience.LOCAL,
            at=now,
            received_at=now,
            provenance=Provenance(native),
        )

    async def _to_moderators(self, case: Case, cause: Event, code: str) -> list[Change]:
        """One line in the moderation room."""
        room = await self._cards.room(case.community)
        adapter = self._adapters.get(room.native.protocol) if room is not None else None
        if room is None or adapter is None:
            return []
        text = notice(code, [("id", short(case.id)), ("since", moment(case.opened_at))])
        return await self._notices.in_room(
            Notice(Native(OURS, case.community), text, answer_in=room.native), cause, case.community, room, self._clock.now()
        )

    async def _say(self, event: Event, community: CommunityId, code: str, answer_in: Native | None) -> list[Change]:
        known = await self._store.directory.community(community)
        told: Sequence[Notice] = [Notice(event.author.native, notice(code, [("community", _name(known))]), answer_in=answer_in)]
        return await self._notices.items(told, event, community, self._clock.now())


def _name(community: Community | None) -> str:
    return line(community.name) or community.handle if community is not None else "this community"
