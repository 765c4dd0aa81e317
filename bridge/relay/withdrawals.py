"""Takes back much at once, as a series of small durable steps that any process can go on with, until every server has answered or time is up.

Norms.md N02. A step writes a bounded number of retractions; the row of the withdrawal says where the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from bridge.changes import AppendEvent, AppendItem, Change, Disown, DropCounters, EraseTraces, PutWithdrawal, Reassign
from bridge.logs import logger
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Membership, Notice, Profile, Retraction
from bridge.model.content.membership import Change as Coming
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, OURS, CommunityId, EventId, Native, ObjectId, Protocol, derive, event_id, item_id
from bridge.model.item import SILENCE, Item, Stage, Standing
from bridge.model.place import Community, PlaceKind
from bridge.model.record import KnownObject, Said
from bridge.model.withdrawal import Answer, Phase, Scope, Terms, Withdrawal
from bridge.moderation import forgetting
from bridge.moderation.commands import Confirm, ForgetMe, ForgetSince, ForgetThread
from bridge.moderation.forgetting import ForgetFacts, Forgetting, Forgot, narrowed, wanted
from bridge.norms.counters import all_about
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.notices import Notices
from bridge.relay.plan import person_roster

__all__ = ["Withdrawals", "nameless"]

BATCH = 100
"""Retractions in one transaction."""

MOST_HOLDS = 500
LOOKS = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=60))
"""When it is looked whether the servers have answered; at the last look the receipt is given anyhow."""

PATIENCE = timedelta(minutes=30)
"""How long it is waited for retractions to be carried out here before the end of the account follows all the same."""

TRACES = 500
AGAIN = timedelta(seconds=20)
MOMENT = timedelta(seconds=1)
_WORST = (Answer.ACCEPTED, Answer.GONE, Answer.REFUSED, Answer.SILENT)

_log = logger()


def nameless(alias: Native, host: str) -> Actor:
    """Who speaks when nobody is to be named any more."""
    return Actor(alias, f"@gone@{host}", host)


class Withdrawals:
    """`order` for what a person says, `due` for each next step; both only read, and give the changes of one transaction."""

    def __init__(
        self, node: Node, store: Store, adapters: Mapping[Protocol, Adapter], clock: Clock, *, notices: Notices, terms: Terms
    ) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._notices = notices
        self._terms = terms

    # ------------------------------------------------------------------------------------------------------ what is said

    async def order(
        self, order: Forgetting, event: Event, community: Community, about: ObjectId | None, answer_in: Native | None
    ) -> Forgot:
        """Raises StorageError."""
        author = event.author.native
        standing = await self._standing(author)
        root = await self._root(about)
        narrow = wanted(order, community, root) if isinstance(order, ForgetThread | ForgetSince | ForgetMe) else None
        facts = ForgetFacts(
            now=self._clock.now(),
            event=event.id,
            author=event.author,
            alias=Native(author.protocol, f"gone/{derive(self._node.secret, 'gone', str(author), event.id)}"),
            community=community,
            terms=self._terms,
            answer_in=answer_in or await self._store.directory.conversation(author),
            about=root,
            count=await self._store.objects.count_said_by(author, narrow) if narrow is not None else 0,
            standing=standing,
            code=self._code(standing.id) if standing is not None else "",
            next_code=self._code(event.id),
            holds=await self._store.decisions.holds(None, MOST_HOLDS, author),
            consents=await self._store.decisions.consents(author) if isinstance(order, Confirm) else (),
        )
        return forgetting.forget(order, facts)

    def single(self, target: ObjectId, event: Event, community: Community, answer_in: Native | None) -> PutWithdrawal:
        """`!forget this`: what is taken back with the order itself still gets its receipt."""
        now = self._clock.now()
        return PutWithdrawal(
            Withdrawal(
                id=event.id,
                community=community.id,
                person=event.author,
                scope=Scope.THIS,
                phase=Phase.RUNNING,
                at=now,
                due_at=now,
                alias=event.author.native,
                about=target,
                answer_in=answer_in,
            )
        )

    async def _standing(self, author: Native) -> Withdrawal | None:
        early = (Phase.ASKED, Phase.WAITING, Phase.RUNNING, Phase.ENDING)
        found = [one for one in await self._store.decisions.withdrawals(author) if one.phase in early and one.scope is not Scope.THIS]
        return found[0] if found else None

    def _code(self, order: EventId) -> str:
        """Six characters that nobody can guess who has not read them."""
        return derive(self._node.secret, "code", order)[:6]

    async def _root(self, about: ObjectId | None) -> ObjectId | None:
        known = await self._store.objects.get(about) if about is not None else None
        if known is None:
            return None
        return known.thread or known.id

    # ------------------------------------------------------------------------------------------------------ step by step

    async def due(self, withdrawal: Withdrawal) -> list[Change]:
        """Raises StorageError."""
        match withdrawal.phase:
            case Phase.ASKED:
                told = await self._told(forgetting.expired(withdrawal), withdrawal)
                return [*told, PutWithdrawal(replace(withdrawal, phase=Phase.DONE))]
            case Phase.WAITING:
                return await self._begin(withdrawal)
            case Phase.RUNNING:
                return await self._run(withdrawal)
            case Phase.ENDING:
                return await self._end(withdrawal)
            case Phase.COUNTING:
                return await self._count(withdrawal)
            case Phase.OPEN:
                return await self._ask_again(withdrawal)
            case Phase.CLOSING:
                return await self._close(withdrawal)
            case Phase.DONE:
                return []

    async def _begin(self, withdrawal: Withdrawal) -> list[Change]:
        begun = replace(withdrawal, phase=Phase.RUNNING, due_at=self._clock.now())
        if withdrawal.scope is not Scope.ME:
            return [PutWithdrawal(begun)]
        person, alias, secret = withdrawal.person.native, withdrawal.alias, self._node.secret
        rosters = ((person_roster(secret, person), person_roster(secret, alias)),)
        _log.info("withdrawal.started", community=withdrawal.community, kind=str(withdrawal.scope))
        return [*await self._let_go(withdrawal), Disown(person, alias, rosters), PutWithdrawal(begun)]

    async def _let_go(self, withdrawal: Withdrawal) -> list[Change]:
        """Their own server hears that they follow nobody here any more: else it would believe so for ever."""
        now, person = self._clock.now(), withdrawal.person
        adapter = self._adapters.get(person.native.protocol)
        known = await self._store.directory.actor(person.native)
        where = adapter.destination_of(known[0] if known is not None else person, alone=True) if adapter is not None else None
        changes: list[Change] = []
        for community in await self._store.directory.communities():
            for channel in await self._store.directory.channels(community.id):
                for group in (place.native for place in channel.places if place.kind is PlaceKind.GROUP):
                    follow = await self._store.directory.follow(person.native, group)
                    if follow is None or where is None:
                        continue
                    native = Native(OURS, f"let-go/{withdrawal.id}/{community.id}")
                    event = Event(
                        id=event_id(self._node.secret, native),
                        community=community.id,
                        channel=channel.id,
                        place=group,
                        author=person,
                        content=Membership(Coming.FOLLOW, person.native, group, follow.request),
                        audience=Audience.DIRECT,
                        at=now,
                        received_at=now,
                        provenance=Provenance(native),
                    )
                    item = Item(
                        id=item_id(self._node.secret, event.id, group, "reject"),
                        event_id=event.id,
                        community=community.id,
                        object=ObjectId(event.id),
                        thread=event.id,
                        place=group,
                        form="reject",
                        by=Native(OURS, community.id),
                        event=event,
                        to=(where,),
                    )
                    changes.append(AppendItem(item, now))
        return changes

    async def _run(self, withdrawal: Withdrawal) -> list[Change]:
        """The next of what they said: each gets its retraction, and from then on stands under the alias."""
        now, part = self._clock.now(), narrowed(withdrawal)
        found = await self._store.objects.said_by(withdrawal.person.native, part, withdrawal.reached, BATCH)
        if not found:
            return [PutWithdrawal(replace(withdrawal, phase=Phase.ENDING, due_at=now, ran_at=now))]
        standing = [known for _, known in found if known.retracted_at is None]
        changes: list[Change] = []
        if withdrawal.scope is Scope.ME:
            changes.append(Reassign(tuple(known.id for _, known in found), withdrawal.alias))
        changes += [AppendEvent(self._retraction(known, withdrawal)) for known in standing]
        words = sum(known.kind == "message" for known in standing)
        reached = replace(withdrawal, reached=found[-1][0], count=withdrawal.count + words, due_at=now)
        return [*changes, PutWithdrawal(reached)]

    def _retraction(self, known: KnownObject, withdrawal: Withdrawal) -> Event:
        """As if it had been deleted where it was written; there it stays."""
        now = self._clock.now()
        return Event(
            id=self._retraction_id(known.id),
            community=known.community,
            channel=known.channel,
            place=known.place,
            author=self._speaker(withdrawal),
            content=Retraction(known.id),
            audience=known.audience,
            at=now,
            received_at=now,
            provenance=Provenance(Native(OURS, f"forget/{known.id}")),
        )

    def _retraction_id(self, target: ObjectId) -> EventId:
        return event_id(self._node.secret, Native(OURS, f"forget/{target}"))

    def _speaker(self, withdrawal: Withdrawal) -> Actor:
        return nameless(withdrawal.alias, withdrawal.person.host) if withdrawal.scope is Scope.ME else withdrawal.person

    async def _end(self, withdrawal: Withdrawal) -> list[Change]:
        """Once nothing of it stands here any more, their accounts end: who has left a room cannot take anything back in it."""
        now = self._clock.now()
        left = await self._store.objects.count_said_by(withdrawal.alias, narrowed(withdrawal))
        began = withdrawal.ran_at or now
        if left and now - began < PATIENCE:
            return [PutWithdrawal(replace(withdrawal, due_at=now + MOMENT))]
        if left:
            _log.error("withdrawal.stalled", community=withdrawal.community, count=left)
        counting = replace(withdrawal, phase=Phase.COUNTING, ran_at=now, due_at=now + LOOKS[0])
        ends = await self._ends(withdrawal) if withdrawal.scope is Scope.ME else ()
        return [*(AppendEvent(end) for end in ends), PutWithdrawal(counting)]

    async def _ends(self, withdrawal: Withdrawal) -> tuple[Event, ...]:
        """The end of the account, once in every community that ever saw something of theirs, or shows them."""
        now, speaker = self._clock.now(), self._speaker(withdrawal)
        ends = []
        for community in await self._store.directory.communities():
            channels = await self._store.directory.channels(community.id)
            channel = next((one for one in channels if one.places), None)
            if channel is None or not await self._shows(withdrawal.alias, community):
                continue
            here = next((place for place in channel.places if place.native.protocol == withdrawal.alias.protocol), channel.places[0])
            native = _end_of(withdrawal, community.id)
            ends.append(
                Event(
                    id=event_id(self._node.secret, native),
                    community=community.id,
                    channel=channel.id,
                    place=here.native,
                    author=speaker,
                    content=Profile(speaker, ended=True),
                    audience=Audience.PUBLIC,
                    at=now,
                    received_at=now,
                    provenance=Provenance(native),
                )
            )
        return tuple(ends)

    async def _shows(self, alias: Native, community: Community) -> bool:
        if await self._store.objects.said_by(alias, Said(community.id), 0, 1):
            return True
        ghosts = [await self._store.directory.ghost_of(protocol, alias) for protocol in self._adapters]
        return any(ghost is not None and ghost.community == community.id for ghost in ghosts)

    # ------------------------------------------------------------------------------------------------------ who answered

    async def _count(self, withdrawal: Withdrawal) -> list[Change]:
        """The first receipt, as soon as everybody has answered, or at the last look."""
        now, began = self._clock.now(), withdrawal.ran_at or self._clock.now()
        counted = replace(withdrawal, servers=await self._answers(withdrawal))
        later = next((began + look for look in LOOKS if began + look > now), None)
        waits = any(answer is Answer.SILENT for _, answer in counted.servers)
        if waits and later is not None:
            return [PutWithdrawal(replace(counted, due_at=later))]
        told = await self._told(forgetting.receipt(counted, self._terms, final=not waits), counted)
        _log.info("withdrawal.counted", community=withdrawal.community, count=counted.count)
        return [*told, PutWithdrawal(replace(counted, phase=Phase.OPEN if waits else Phase.CLOSING, due_at=now + AGAIN))]

    async def _ask_again(self, withdrawal: Withdrawal) -> list[Change]:
        """The couriers go on by themselves; meanwhile names go, and when the time is up the last receipt is given."""
        now = self._clock.now()
        over = (withdrawal.ran_at or now) + self._terms.asked_again
        if now < over:
            erased = await self._erase(withdrawal)
            clean = not erased and not await self._speaks(withdrawal)
            due = over if clean else min(over, now + AGAIN)
            return [*erased, *self._sweep(withdrawal, last=False), PutWithdrawal(replace(withdrawal, clean=clean, due_at=due))]
        counted = replace(withdrawal, servers=await self._answers(withdrawal))
        told = await self._told(forgetting.receipt(counted, self._terms, final=True), counted)
        return [*told, PutWithdrawal(replace(counted, phase=Phase.CLOSING, due_at=now + AGAIN))]

    async def _close(self, withdrawal: Withdrawal) -> list[Change]:
        erased = await self._erase(withdrawal)
        if erased or await self._speaks(withdrawal):
            later = PutWithdrawal(replace(withdrawal, due_at=self._clock.now() + AGAIN))
            return [*erased, *self._sweep(withdrawal, last=False), later]
        _log.info("withdrawal.ended", community=withdrawal.community)
        return [*self._sweep(withdrawal, last=True), PutWithdrawal(replace(withdrawal, phase=Phase.DONE))]

    async def _speaks(self, withdrawal: Withdrawal) -> bool:
        """Has an account in a room, whose name is theirs, still to take something back there?"""
        if withdrawal.scope is not Scope.ME:
            return False
        ghosts = [
            await self._store.directory.ghost_of(protocol, withdrawal.alias) for protocol in self._adapters if protocol != ACTIVITYPUB
        ]
        return any(ghost is not None for ghost in ghosts)

    async def _erase(self, withdrawal: Withdrawal) -> list[Change]:
        if withdrawal.scope is not Scope.ME:
            return []
        found = await self._store.journal.traces(withdrawal.person.native, TRACES)
        if not found:
            return []
        return [
            EraseTraces(
                withdrawal.person, withdrawal.alias, self._clock.now(), events=found.events, items=found.items, decisions=found.decisions
            )
        ]

    def _sweep(self, withdrawal: Withdrawal, *, last: bool) -> Sequence[Change]:
        if withdrawal.scope is not Scope.ME:
            return ()
        now = self._clock.now()
        counted = DropCounters(all_about(self._node.secret, withdrawal.person.native, now))
        return (EraseTraces(withdrawal.person, withdrawal.alias, now, last=last), counted)

    async def _answers(self, withdrawal: Withdrawal) -> tuple[tuple[str, Answer], ...]:
        """The worst answer of each server that was asked. What was accepted before stays so when its rows are swept."""
        before = dict(withdrawal.servers)
        now: dict[str, Answer] = {}
        after = 0
        while page := await self._store.objects.said_by(withdrawal.alias, narrowed(withdrawal), after, BATCH):
            for ordinal, known in page:
                after = ordinal
                theirs = known.native.protocol == ACTIVITYPUB
                for standing in await self._store.deliveries.standings(self._retraction_id(known.id)):
                    if not (theirs and standing.destination.protocol == ACTIVITYPUB):
                        _worse(now, standing)
        if withdrawal.scope is Scope.ME:
            for community in await self._store.directory.communities():
                end = event_id(self._node.secret, _end_of(withdrawal, community.id))
                for standing in await self._store.deliveries.standings(end):
                    _worse(now, standing)
        answered = {host: Answer.ACCEPTED if answer is Answer.SILENT else answer for host, answer in before.items()}
        return tuple(sorted((answered | now).items()))

    async def _told(self, told: Notice, withdrawal: Withdrawal) -> list[Change]:
        cause = Event(
            id=withdrawal.id,
            community=withdrawal.community,
            channel=(await self._store.directory.channels(withdrawal.community))[0].id,
            place=withdrawal.answer_in or withdrawal.person.native,
            author=withdrawal.person,
            content=told,
            audience=Audience.DIRECT,
            at=self._clock.now(),
            received_at=self._clock.now(),
            provenance=Provenance(Native(OURS, f"withdrawal/{withdrawal.id}")),
        )
        return await self._notices.items([told], cause, withdrawal.community, self._clock.now())


def _end_of(withdrawal: Withdrawal, community: CommunityId) -> Native:
    return Native(OURS, f"gone/{withdrawal.id}/{community}")


def _worse(found: dict[str, Answer], standing: Standing) -> None:
    host, answer = standing.destination.host, _answer(standing)
    if host not in found or _WORST.index(answer) > _WORST.index(found[host]):
        found[host] = answer


def _answer(standing: Standing) -> Answer:
    match standing.stage:
        case Stage.WAITING:
            return Answer.SILENT
        case Stage.DELIVERED:
            return Answer.ACCEPTED
        case Stage.GIVEN_UP:
            return Answer.GONE
        case Stage.DEAD:
            return Answer.SILENT if standing.why.startswith(SILENCE) else Answer.REFUSED
