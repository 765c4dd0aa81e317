"""Takes one event across: facts, judgement, plan, and the list of changes that makes it so in one transaction.

Design section 2. Every call ends with the event crossed, held, kept, folded or refused; never with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from bridge.changes import (
    AppendItem,
    AppendLog,
    Change,
    EndEvent,
    EndHold,
    EraseEvent,
    NoteRelayed,
    PutActor,
    PutCopy,
    PutDecision,
    PutGhost,
    PutHold,
    PutObject,
    PutOmission,
    PutPlace,
    Retract,
)
from bridge.logs import logger
from bridge.model.actor import ActorKind
from bridge.model.audience import Audience, meet
from bridge.model.content import Boost, Edit, Message, Profile, Reaction, Retraction, tag_of
from bridge.model.content.message import Attachment
from bridge.model.content.release import Ending
from bridge.model.event import Event, decode, encode, object_of
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId, Protocol, derive
from bridge.model.item import Omission
from bridge.model.place import Channel, Place, PlaceKind
from bridge.model.record import Hold, KnownObject
from bridge.moderation.holds import hold_of
from bridge.moderation.log import automatic
from bridge.moderation.telling import tell
from bridge.norms.context import Context, Keep, Rank
from bridge.norms.decision import Decision, Verdict
from bridge.norms.judge import judge
from bridge.norms.wording import sentence
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.cards import Cards
from bridge.relay.context import KEPT_CROSSING, Contexts, home_protocol, words_hash
from bridge.relay.degrade import is_web, opened, pictured, signed, transformed
from bridge.relay.inforce import InForce
from bridge.relay.keeping import Keeper, Keeping
from bridge.relay.losses import Losses
from bridge.relay.notices import Notices
from bridge.relay.plan import Plan, plan, said, targets_of
from bridge.relay.routes import Routes

__all__ = ["Crossing"]

MOST_AHEAD = timedelta(seconds=60)
"""As far ahead of ours an author's clock is believed (model/event.py)."""

MOST_BRIDGES = 8
"""Of one room; there is rarely a second."""

REMEMBERED = timedelta(hours=24)
"""How long the loop guard knows words again, and how long a stranger who was told something is not told more (norms.md 3.2, 3.7)."""

_log = logger()

_ENDED = {Verdict.STAY: "kept local", Verdict.DECLINE: "refused"}


class Crossing:
    """`cross` for words, signs and faces; `take_back` for retractions. Both only read; what they return is committed by the relay."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        clock: Clock,
        *,
        contexts: Contexts,
        notices: Notices,
        cards: Cards,
        norms: InForce,
        keeper: Keeper | None = None,
    ) -> None:
        """`keeper` None: no file of people here is ever fetched, and their words say where it is."""
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._contexts = contexts
        self._norms = norms
        self._routes = Routes(store, adapters)
        self._notices = notices
        self._cards = cards
        self._keeper = keeper
        self._losses = Losses(node, store, clock, notices)

    async def cross(
        self,
        event: Event,
        *,
        keep: Keep = Keep.UNSAID,
        hold: Hold | None = None,
        released: Ending | None = None,
        channel: Channel | None = None,
    ) -> list[Change]:
        """`hold` and `released` when it waited: it is then judged again, with how the wait ended. `channel`: of a conversation that is only
        beginning with it. Raises StorageError."""
        channel = channel or await self._channel(event)
        if channel is None:
            return _unlinked(event)
        if await self._store.decisions.tombstoned(ObjectId(event.id), event.provenance.native):
            return [EraseEvent(event.id, "taken back")]
        if isinstance(event.content, Edit) and (folded := await self._fold(event, event.content)) is not None:
            return folded
        event = await self._in_its_thread(event)
        context = await self._contexts.load(event, channel, keep=keep, hold=hold, released=released)
        norms = self._norms.at(event)
        context, counted = await self._contexts.count(event, context, norms, again=hold is not None)
        decision = judge(event, context, norms)
        planned, keeping = await self._plan(event, decision, context)
        now = context.now
        changes: list[Change] = [PutDecision(decision, now), *counted, *self._noticed(event, channel)]
        if hold is not None and released is not None:
            changes.append(EndHold(event.id, released, now))
        waited = (*(hold.waited if hold is not None else ()), *((KEPT_CROSSING,) if keep is Keep.CROSS else ()))
        wait = hold_of(event, decision, now, waited)
        if wait is not None:
            changes.append(PutHold(wait))
        if planned.items:
            changes += await self._birth(event, decision, context, keeping)
            changes += keeping.changes
            changes += [AppendItem(item, now) for item in planned.items]
            changes += await self._losses.of(event, keeping, channel)
        if wait is not None or decision.mildest is Verdict.PASS:
            changes += [PutOmission(omission) for omission in planned.omissions]
        changes += await self._tell(event, decision, context.author.rank, channel)
        changes += await self._noted(event, decision, context, hold, wait)
        if wait is None:
            changes.append(_end(event, decision, planned, released))
        return changes

    async def _noted(self, event: Event, decision: Decision, context: Context, hold: Hold | None, wait: Hold | None) -> list[Change]:
        """What a norm did goes into the log, once; what waits for a person, or does no more, is shown on the moderators' card."""
        changes: list[Change] = []
        standing = str(context.author.rank)
        entry = automatic(event, decision, standing=standing, place=context.origin, now=context.now, secret=self._node.secret)
        if entry is not None and hold is None:
            changes.append(AppendLog(entry))
        if any(one is not None and one.kind == "review" for one in (hold, wait)):
            cause = f"{event.id}/{context.now.isoformat()}"
            changes += await self._cards.holds(event.community, cause, ended={event.id}, begun=(wait,) if wait is not None else ())
        return changes

    def _noticed(self, event: Event, channel: Channel) -> list[Change]:
        """Another node carries this room, as the marks of its accounts tell. A person can write such a mark too, and shut nothing with it."""
        node, place = event.provenance.node, channel.place(event.place)
        if not node or node == self._node.domain or place is None or place.kind is not PlaceKind.ROOM or node in place.bridges:
            return []
        if event.author.kind is not ActorKind.SERVICE or len(place.bridges) >= MOST_BRIDGES:
            return []
        _log.warning("room.shared", place=place.native.id, peer=node, remedy="Two bridges in one room: let its people choose one of them.")
        return [PutPlace(msgspec.structs.replace(place, bridges=(*place.bridges, node)))]

    async def _in_its_thread(self, event: Event) -> Event:
        """What it answers may have been read, but not judged yet, when it was read itself: then that was taken for the root of the thread.

        A root that is in a thread itself is none: Synapse 1.163 refuses such a thread for good.
        """
        message = event.content
        root = await self._store.objects.get(message.thread) if isinstance(message, Message) and message.thread is not None else None
        if root is None or root.thread is None:
            return event
        return msgspec.structs.replace(event, content=msgspec.structs.replace(message, thread=root.thread))

    async def _channel(self, event: Event) -> Channel | None:
        channel = await self._store.directory.channel(event.channel)
        return channel if channel is not None and channel.place(event.place) is not None else None

    async def _plan(self, event: Event, decision: Decision, context: Context) -> tuple[Plan, Keeping]:
        """With the files that have to be open to everybody for it, fetched only once it is clear that the event goes there."""
        if decision.mildest is not Verdict.PASS:
            return Plan((), ()), Keeping()
        routes = await self._routes.load(event, context.destinations)
        is_root, earlier = await self._is_root(event), await self._earlier(event, context.destinations)

        def made(files: Mapping[str, Attachment] | None) -> Plan:
            unlinked = context.unlinked
            return plan(event, decision, routes, self._node.secret, is_root=is_root, earlier=earlier, unlinked=unlinked, files=files)

        planned = made(None)
        fetching = {route.place.native for route in routes if route.capabilities.fetches}
        if self._keeper is None or not any(item.place in fetching for item in planned.items):
            return planned, Keeping()
        closed = [file for file in pictured(event.content) if not is_web(file.url)]
        if not closed and not isinstance(event.content, Edit):
            return planned, Keeping()
        owner = object_of(event) if said(event.content) is not None else ObjectId(event.id)
        keeping = await self._keeper.keep(owner, closed)
        return made(keeping.shown), keeping

    async def _is_root(self, event: Event) -> bool:
        """Does it begin a thread for those who only see what crossed?"""
        if not isinstance(event.content, Message):
            return False
        for target in targets_of(event.content):
            known = await self._store.objects.get(target)
            if known is not None and known.retracted_at is None:
                return False
        return True

    async def _earlier(self, event: Event, places: tuple[Place, ...]) -> Mapping[Native, bool] | None:
        """For what is about an object: is that in the place? A copy whose name is still on its way counts."""
        if isinstance(event.content, Message) or not targets_of(event.content):
            return None
        target = targets_of(event.content)[0]
        known = await self._store.objects.get(target)
        if known is None:
            return dict.fromkeys((place.native for place in places), False)
        decided = await self._store.decisions.decision(known.id)  # type: ignore[arg-type]  # an object bears the id of its first event
        there = {}
        for place in places:
            ruling = decided.ruling(place.native) if decided is not None else None
            passed = ruling is not None and ruling.verdict is Verdict.PASS
            there[place.native] = (
                known.place == place.native or passed or await self._store.objects.copy(known.id, place.native) is not None
            )
        return there

    async def _birth(self, event: Event, decision: Decision, context: Context, keeping: Keeping) -> list[Change]:
        """What exists from now on: the object or its new form, the names we give its copies, and a new face."""
        passing = [(native, ruling) for native, ruling in decision.rulings if ruling.verdict is Verdict.PASS]
        audience = meet(ruling.audience for _, ruling in passing)
        transforms = frozenset[str]().union(*(ruling.transforms for _, ruling in passing))
        shown = msgspec.structs.replace(transformed(event, transforms, context.unlinked), audience=audience, wire=None)
        shown = _opened(shown, keeping)
        match event.content:
            case Message() | Reaction() | Boost():
                known = _known(event, context)
                known = msgspec.structs.replace(known, audience=audience)
                changes: list[Change] = [PutObject(known, shown)]
                for native, _ in passing:
                    if native != event.place and (name := self._name(known.id, native, context)) is not None:
                        changes.append(PutCopy(known.id, native, name))
                if audience is not Audience.DIRECT and (hash_ := words_hash(self._node.secret, event)) is not None:
                    changes.append(NoteRelayed(hash_, context.now + REMEMBERED))
                return changes
            case Edit(target=target):
                return await self._renewed(shown, target)
            case Profile(actor=actor):
                changes = [PutActor(actor, event.at)]
                ghost = await self._store.directory.ghost_of(ACTIVITYPUB, actor.native)
                if ghost is not None and ghost.ended is None:
                    changes += await self.dressed([PutGhost(msgspec.structs.replace(ghost, name=actor.name, avatar=actor.avatar))])
                return changes
            case _:
                return []

    async def dressed(self, changes: Sequence[Change]) -> list[Change]:
        """The same changes, every ghost in them with a picture that others can fetch, or with none. Raises StorageError."""
        made: list[Change] = []
        for change in changes:
            if not isinstance(change, PutGhost) or change.ghost.avatar is None or is_web(change.ghost.avatar):
                made.append(change)
                continue
            address, more = await self._keeper.picture(change.ghost.of, change.ghost.avatar) if self._keeper is not None else (None, ())
            made += [PutGhost(msgspec.structs.replace(change.ghost, avatar=address)), *more]
        return made

    def _name(self, object_id: ObjectId, native: Native, context: Context) -> str | None:
        place = next((place for place in context.destinations if place.native == native), None)
        adapter = self._adapters.get(native.protocol)
        return adapter.name_copy(object_id, place) if place is not None and adapter is not None else None

    async def _renewed(self, edit: Event, target: ObjectId) -> list[Change]:
        """The object's own event with the new words: who said it, when and where in the thread stay as they were."""
        known, current = await self._store.objects.get(target), await self._store.objects.current(target)
        if known is None or current is None or not isinstance(edit.content, Edit) or not isinstance(current.content, Message):
            return []
        old, new = current.content, edit.content.message
        message = msgspec.structs.replace(new, reply_to=old.reply_to, thread=old.thread)
        audience = meet((current.audience, edit.audience))
        form = msgspec.structs.replace(current, content=message, audience=audience)
        updated = edit.at if known.updated_at is None else max(edit.at, known.updated_at)
        return [PutObject(msgspec.structs.replace(known, audience=audience, updated_at=updated), form)]

    async def _fold(self, event: Event, edit: Edit) -> list[Change] | None:
        """An edit of what still waits changes what waits; one that is older than what is shown changes nothing. Else None."""
        hold = await self._store.decisions.hold_on(edit.target)
        if hold is not None and hold.author == event.author.native:
            waiting = decode(hold.body)
            if isinstance(waiting.content, Message):
                old = waiting.content
                message = msgspec.structs.replace(edit.message, reply_to=old.reply_to, thread=old.thread)
                # What their server sent first has other words by now, and an Update without its Create is lost on groups: it goes by its id.
                form = msgspec.structs.replace(waiting, content=message, wire=None)
                if await self._store.objects.get(edit.target) is None:
                    return [PutHold(msgspec.structs.replace(hold, body=encode(form))), EraseEvent(event.id, "folded")]
        known = await self._store.objects.get(edit.target)
        if known is not None and known.updated_at is not None and event.at < known.updated_at and not _is_clamped(event):
            return [EraseEvent(event.id, "older than what is shown")]
        return None

    async def take_back(self, event: Event, retraction: Retraction) -> list[Change]:
        """Nothing stands before a retraction but the question whose words they were (I6, rule O10). Raises StorageError."""
        now = self._clock.now()
        known = await self._store.objects.get(retraction.target)
        hold = await self._store.decisions.hold_on(retraction.target)
        owner = known.author if known is not None else hold.author if hold is not None else None
        if owner is not None and owner != event.author.native and not retraction.moderator:
            code = "audience.not_the_author"
            return [PutOmission(Omission(event.id, event.place, code, sentence(code))), EraseEvent(event.id, "refused")]
        gone = Retract(retraction.target, known.native if known is not None else None, now)
        if known is None or known.retracted_at is not None:
            return [gone, EraseEvent(event.id, "taken back")]
        current = await self._store.objects.current(known.id)
        key = current.content.key if current is not None and isinstance(current.content, Reaction) else ""
        exact = msgspec.structs.replace(retraction, moderator=owner != event.author.native, key=key)
        private = known.audience is Audience.DIRECT
        event = msgspec.structs.replace(event, content=exact, audience=known.audience if private else event.audience)
        channel = await self._store.directory.channel(known.channel)
        if channel is None:
            return [gone, EndEvent(event.id, "taken back")]
        context = await self._contexts.load(event, channel)
        decision = judge(event, context, self._norms.at(event))
        planned, _ = await self._plan(event, decision, context)
        changes: list[Change] = [PutDecision(decision, now), gone]
        changes += [AppendItem(item, now) for item in planned.items]
        changes += [PutOmission(omission) for omission in planned.omissions]
        changes.append(EndEvent(event.id, "crossed" if planned.items else "taken back"))
        return changes

    async def _tell(self, event: Event, decision: Decision, rank: Rank, channel: Channel) -> list[Change]:
        if decision.explanation is None:
            return []
        person, now = event.author.native, self._clock.now()
        told = derive(self._node.secret, "told", str(person))
        near = person.protocol == home_protocol(channel)
        notices = tell(
            event,
            decision,
            rank,
            may_write=near or await self._store.directory.conversation(person) is not None,
            told_recently=await self._store.decisions.relayed(told),
        )
        changes = await self._notices.items(notices, event, event.community, now)
        return [*changes, NoteRelayed(told, now + REMEMBERED)] if changes else []


def _opened(event: Event, keeping: Keeping) -> Event:
    """As it is served: with files that everybody can fetch."""
    content, url = event.content, event.provenance.url
    if not (keeping.shown or keeping.left):
        return event
    if isinstance(content, Message):
        return msgspec.structs.replace(event, content=opened(content, keeping.shown, url))
    if isinstance(content, Edit):
        return msgspec.structs.replace(event, content=Edit(content.target, opened(content.message, keeping.shown, url)))
    if isinstance(content, Reaction):
        return msgspec.structs.replace(event, content=signed(content, keeping.shown))
    return event


def _end(event: Event, decision: Decision, planned: Plan, released: Ending | None) -> Change:
    """How it ended, for people. What stays where it was written keeps nothing of it here; what crossed stands in its object and its items
    as it is shown, and where that is without names of people who did not agree, nothing of how it was said is kept either."""
    if planned.items:
        changed = any(ruling.transforms for _, ruling in decision.rulings)
        return EraseEvent(event.id, "crossed") if changed else EndEvent(event.id, "crossed")
    if released is Ending.RETURN:
        return EraseEvent(event.id, "returned")
    if planned.omissions and decision.mildest is Verdict.PASS:
        return EraseEvent(event.id, "left out")
    return EraseEvent(event.id, _ENDED.get(decision.mildest, "kept local"))


def _is_clamped(event: Event) -> bool:
    """Its time is ours, not its author's, and tells nothing of order: one of the two clocks is wrong, so what came last is the newest."""
    return event.at - event.received_at >= MOST_AHEAD


def _unlinked(event: Event) -> list[Change]:
    """The room was unlinked, or the community retired, while this was on its way."""
    omission = Omission(event.id, event.place, "place.unlinked", "The place where this was said is not linked any more.")
    return [PutOmission(omission), EraseEvent(event.id, "left out")]


def _known(event: Event, context: Context) -> KnownObject:
    content = event.content
    thread, reply_to = (content.thread, content.reply_to) if isinstance(content, Message) else (None, None)
    if isinstance(content, Reaction | Boost):
        reply_to = content.target
    return KnownObject(
        id=ObjectId(event.id),
        community=event.community,
        channel=event.channel,
        native=event.provenance.native,
        place=event.place,
        author=event.author.native,
        kind=tag_of(content),
        audience=event.audience,
        thread=thread,
        reply_to=reply_to,
        crossed_at=context.now,
        updated_at=event.at,
    )
