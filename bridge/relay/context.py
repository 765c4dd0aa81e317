"""Loads the frozen facts that one judgement needs; nothing else is read for a decision, and nothing here decides."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from bridge.changes import Change, PutCounters
from bridge.model.actor import ActorKind
from bridge.model.audience import Audience
from bridge.model.content import Message
from bridge.model.content.release import Ending
from bridge.model.event import Event, decode
from bridge.model.ids import ACTIVITYPUB, OURS, Native, Protocol, derive
from bridge.model.place import Channel, Place, PlaceKind
from bridge.model.portal import Door
from bridge.model.record import Hold, KnownObject
from bridge.norms import counters
from bridge.norms.context import ActorFacts, Context, Crossing, Keep, Knock, Rank, TargetFacts
from bridge.norms.norm import words_of
from bridge.norms.normset import NormSet
from bridge.ports import Clock, Node, Store
from bridge.relay.plan import targets_of

__all__ = ["KEPT_CROSSING", "Contexts", "destinations", "group_of", "home_protocol", "is_direct", "words_hash"]

KEPT_CROSSING = "keep.cross"
"""In `Hold.waited`: its author's own act (📣, `!cross this`) lets this one cross, also when it is judged again."""

_A_MOMENT = timedelta(seconds=1)
"""What is due but not yet released still waits: its answer comes after it."""

A_DAY = timedelta(hours=24)

MOST_WAITING = 50
"""Of one sender; more than may ever knock in a day."""

_AUTOMATED = (ActorKind.SERVICE, ActorKind.APPLICATION)


def group_of(channel: Channel) -> Place | None:
    """The group this node serves for the channel."""
    return next((place for place in channel.places if place.kind is PlaceKind.GROUP), None)


def home_protocol(channel: Channel) -> Protocol:
    """The network of the channel's group: whose people need no yes to be heard there."""
    return next((place.native.protocol for place in channel.places if place.kind is not PlaceKind.ROOM), ACTIVITYPUB)


def destinations(channel: Channel, origin: Native) -> tuple[Place, ...]:
    """Where something said in `origin` may go: the channel's other places, and a group of ours itself, which announces to its followers."""
    return tuple(place for place in channel.places if place.native != origin or place.kind is PlaceKind.GROUP)


def words_hash(secret: bytes, event: Event) -> str | None:
    """The loop guard's keyed hash of author, normalised words and files (norms.md 3.2); None for what brings no words."""
    message = event.content
    if not isinstance(message, Message):
        return None
    words = " ".join(message.text.plain.casefold().split())
    beside = [attachment.url for attachment in message.attachments] + ([message.location.said] if message.location is not None else [])
    return derive(secret, "relayed", str(event.author.native), words, *beside)


def is_direct(channel: Channel) -> bool:
    """Is it the conversation of two people?"""
    return any(place.person is not None for place in channel.places)


class Contexts:
    """`load` gives what `judge` may see of one event; `count` what norms count, with this event in it."""

    def __init__(self, node: Node, store: Store, clock: Clock) -> None:
        self._node = node
        self._store = store
        self._clock = clock

    async def load(
        self,
        event: Event,
        channel: Channel,
        *,
        keep: Keep = Keep.UNSAID,
        hold: Hold | None = None,
        released: Ending | None = None,
    ) -> Context:
        """`hold`, `released`: its own wait, and how that ended. Raises StorageError."""
        now = self._clock.now()
        author = await self._author(event, channel)
        if is_direct(channel) and author.needs_consent:
            keep = Keep.CROSS  # said into a conversation of two: that is the person's own act
        return Context(
            now=now,
            node=self._node.domain,
            origin=channel.place(event.place) or Place(event.place, PlaceKind.ROOM),
            destinations=destinations(channel, event.place),
            author=author,
            target=await self._target(event, now),
            keep=keep,
            released=released,
            waits=frozenset(hold.waited) if hold is not None else frozenset(),
            relayed_before=await self._relayed_before(event),
            others=await self._others(channel),
            secret_of_the_day=counters.secret_of(self._node.secret, now, days=1),
            secret_of_the_week=counters.secret_of(self._node.secret, now, days=7),
            unlinked=await self._unlinked(event, channel),
            knock=await self._knock(event, channel, now) if is_direct(channel) and not author.needs_consent else None,
        )

    async def _knock(self, event: Event, channel: Channel, now: datetime) -> Knock:
        """How the member stands to whoever writes to them."""
        store, sender = self._store, event.author.native
        member = next(place.person for place in channel.places if place.kind is PlaceKind.ROOM and place.person is not None)
        portal, door = await store.portals.portal(channel.id), await store.portals.door(member) or Door(member)
        received, received_open = await store.portals.knocks(member, now - A_DAY)
        sent, _ = await store.portals.knocks(sender, now - A_DAY)
        waiting = await store.decisions.holds(channel.community, MOST_WAITING, sender)
        familiar = await store.people.acquainted(member, sender, channel.community)
        return Knock(
            stance=portal.stance if portal is not None else None,
            callers=door.callers,
            strangers_shut=door.strangers_after is not None and door.strangers_after > now,
            familiar=familiar and await store.people.acquainted(sender, member, channel.community),
            received=received,
            received_open=received_open,
            sent=sent,
            waiting=sum(1 for hold in waiting if hold.event_id != event.id and decode(hold.body).channel == channel.id),
        )

    async def count(self, event: Event, context: Context, normset: NormSet, *, again: bool) -> tuple[Context, tuple[Change, ...]]:
        """The context with its counters, and what to write. `again`: it waited, and was counted when it came. Raises StorageError."""
        ops = normset.counts(event, context)
        if not ops:
            return context, ()
        kept = await self._store.norms.counters(tuple(op.key for op in ops))
        adds = not again and not counters.is_late(event)
        counts = counters.count(ops, kept, context.now) if adds else ()
        known = {count.key: count for count in counts} or kept
        values = {op.key: counters.value(known[op.key].counter if op.key in known else None, op, context.now) for op in ops}
        context = msgspec.structs.replace(context, counters=values)
        return context, (PutCounters(counts, context.now),) if counts else ()

    async def _others(self, channel: Channel) -> tuple[tuple[Native, frozenset[str]], ...]:
        """A group elsewhere is carried by its own server, which may be a node like this one."""
        found = []
        for place in channel.places:
            if place.kind is PlaceKind.FOREIGN_GROUP:
                known = await self._store.directory.actor(place.native)
                found.append((place.native, frozenset({known[0].host} if known is not None else ())))
            elif place.bridges:
                found.append((place.native, frozenset(place.bridges)))
        return tuple(found)

    async def _author(self, event: Event, channel: Channel) -> ActorFacts:
        author, decisions = event.author, self._store.decisions
        needs_consent = author.native.protocol != home_protocol(channel)
        released = 0 if needs_consent else await decisions.released_count(author.native, event.community)
        return ActorFacts(
            rank=Rank.KNOWN if needs_consent else await self._rank(author.native, channel, released),
            needs_consent=needs_consent,
            consent=await decisions.consent(author.native, event.community),
            marks=author.marks,
            ghost_of_ours=await self._store.directory.ghost(author.native) is not None,
            automated=author.kind in _AUTOMATED,
            released=released,
        )

    async def _rank(self, actor: Native, channel: Channel, released: int) -> Rank:
        if released:
            return Rank.NEWCOMER
        group = group_of(channel)
        if group is None and is_direct(channel):
            ghost = await self._store.directory.ghost_of(actor.protocol, Native(OURS, channel.community))
            group = Place(ghost.native, PlaceKind.GROUP) if ghost is not None else None
        follow = await self._store.directory.follow(actor, group.native) if group is not None else None
        return Rank.READER if follow is not None and follow.accepted is not None else Rank.VISITOR

    async def _target(self, event: Event, now: datetime) -> TargetFacts | None:
        """The nearest thing it is about: what is answered, edited or reacted to."""
        targets = targets_of(event.content)
        if not targets:
            return None
        known = await self._store.objects.get(targets[0])
        hold = await self._store.decisions.hold_on(targets[0])
        return _facts(known, hold, now)

    async def _relayed_before(self, event: Event) -> bool:
        hash_ = words_hash(self._node.secret, event)
        if hash_ is None or event.audience is Audience.DIRECT or not await self._store.decisions.relayed(hash_):
            return False  # two people may say "yes" to each other as often as they like
        # What crossed to one place and waits for another is judged twice: its own first crossing is no repeat.
        return await self._store.objects.find(event.provenance.native) is None

    async def _unlinked(self, event: Event, channel: Channel) -> frozenset[Native]:
        words = words_of(event.content)
        if words is None:
            return frozenset()
        home = home_protocol(channel)
        unlinked = set()
        for person in {mention.actor for mention in words.mentions if mention.actor.protocol != home}:
            consent = await self._store.decisions.consent(person, event.community)
            if consent is None or consent.in_room(event.place) is Crossing.OFF:
                unlinked.add(person)
        return frozenset(unlinked)


def _facts(known: KnownObject | None, hold: Hold | None, now: datetime) -> TargetFacts | None:
    if known is None:
        if hold is None:
            return None
        return TargetFacts(author=hold.author, crossed=False, held_until=_until(hold, now), held_for_review=hold.kind == "review")
    return TargetFacts(
        author=known.author,
        crossed=known.crossed_at is not None,
        audience=known.audience,
        held_until=_until(hold, now) if hold is not None else None,
        held_for_review=hold is not None and hold.kind == "review",
        retracted=known.retracted_at is not None,
        crossed_at=known.crossed_at,
    )


def _until(hold: Hold, now: datetime) -> datetime:
    return max(hold.due_at, now + _A_MOMENT)
