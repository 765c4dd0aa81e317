"""The second loop: EVENTS to OUT. One community's events are judged one after the other, each in one transaction with everything it means.

Design section 2. What goes wrong in our own code ends that one event, with its reason on record, and the community goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from bridge.changes import (
    AppendLog,
    Change,
    EndEvent,
    EndHold,
    EraseEvent,
    JoinRoster,
    LeaveRoster,
    PutChannel,
    PutDecision,
    PutOmission,
    PutPlace,
    PutWithdrawal,
)
from bridge.errors import Conflict, Fenced, OperatorError, StorageError, Unreachable
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.audience import Audience
from bridge.model.content import (
    Appointment,
    Boost,
    Command,
    Edit,
    Lock,
    Membership,
    Message,
    Notice,
    Profile,
    Reaction,
    Release,
    Report,
    Restoration,
    Retraction,
    Sanction,
    Setting,
    Sighting,
    tag_of,
)
from bridge.model.content.membership import Change as Coming
from bridge.model.content.release import BY_AUTHOR, Ending
from bridge.model.event import Event, decode
from bridge.model.ids import OURS, EventId, Native, Protocol
from bridge.model.item import Omission
from bridge.model.place import moderation_channel
from bridge.model.record import Hold
from bridge.model.withdrawal import Terms
from bridge.moderation.commands import GRACES, mark_of
from bridge.moderation.holds import Action, Refused
from bridge.moderation.log import ended
from bridge.moderation.native import is_vouched
from bridge.moderation.raising import is_flag
from bridge.norms import DEFAULT
from bridge.norms.context import Keep
from bridge.norms.normset import tuned
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.acts import Acts
from bridge.relay.appeals import Appeals
from bridge.relay.cards import Cards
from bridge.relay.cases import Cases
from bridge.relay.casework import Casework
from bridge.relay.context import KEPT_CROSSING, Contexts
from bridge.relay.crossing import Crossing
from bridge.relay.echoes import Echoes
from bridge.relay.inforce import InForce
from bridge.relay.keeping import Keeper
from bridge.relay.knocks import Knocks
from bridge.relay.loading import Loader
from bridge.relay.memberships import Memberships
from bridge.relay.moderationroom import Hands, ModerationRoom
from bridge.relay.notices import Notices
from bridge.relay.orders import Orders
from bridge.relay.own import Own
from bridge.relay.plan import place_roster
from bridge.relay.recalling import Recalling
from bridge.relay.welcomes import Welcomes
from bridge.relay.withdrawals import Withdrawals
from bridge.streams import Stream

__all__ = ["Relay"]

_BETWEEN_TWO = (Message, Edit, Reaction, Membership)
"""What is said between two people and has a way of its own (`knocks.py`); taking back is the same everywhere."""

TURN = 32
"""Events of one community before another has its turn."""

TRIES = 5
"""Times one event is tried when somebody else wrote first."""

LONGEST_NAP = 1.0
"""Seconds between two looks when no hint comes; a lost hint costs no more."""

STALLED = timedelta(minutes=10)
"""Until a withdrawal that met a fault of ours is gone on with."""

CASES_EVERY = timedelta(minutes=1)

_log = logger()


class Relay:
    """`run` until cancelled, or `step` by step. `default_grace` in seconds for members who chose nothing; `norms` None: those built in."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        loader: Loader,
        clock: Clock,
        *,
        default_grace: int = 15,
        norms: InForce | None = None,
        metrics: Metrics | None = None,
        keeper: Keeper | None = None,
        terms: Terms | None = None,
        hands: Hands | None = None,
    ) -> None:
        """`hands`: who knows the seats and carries out acts; None: this node itself."""
        self._secret = node.secret
        self._metrics = metrics or Metrics()
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._notices = Notices(node, store, adapters)
        contexts = Contexts(node, store, clock)
        cards = Cards(node, store, adapters, clock)
        in_force = norms or InForce(tuned(DEFAULT, "grace", grace_s=default_grace))
        self._crossing = Crossing(
            node, store, adapters, clock, contexts=contexts, notices=self._notices, cards=cards, norms=in_force, keeper=keeper
        )
        self._knocks = Knocks(node, store, adapters, clock, crossing=self._crossing, contexts=contexts, notices=self._notices)
        self._echoes = Echoes(node, store, adapters, clock)
        self._welcomes = Welcomes(node, store, notices=self._notices)
        self._memberships = Memberships(node, store, adapters, clock, notices=self._notices, welcomes=self._welcomes)
        self._withdrawals = Withdrawals(node, store, adapters, clock, notices=self._notices, terms=terms or Terms())
        recalling = Recalling(store, adapters, loader)
        self.cases = Cases(node, store, adapters, clock, contexts=contexts, notices=self._notices, recalling=recalling, cards=cards)
        appeals = Appeals(node, store, clock, notices=self._notices, cards=cards)
        self.casework = Casework(node, store, clock, cases=self.cases, appeals=appeals, notices=self._notices, cards=cards)
        self._orders = Orders(
            node,
            store,
            adapters,
            clock,
            crossing=self._crossing,
            notices=self._notices,
            recalling=recalling,
            graces=GRACES | {default_grace},
            default_grace=default_grace,
            withdrawals=self._withdrawals,
            own=Own(node, store, adapters, clock),
            cases=self.cases,
            appeals=appeals,
            knocks=self._knocks,
        )
        self._acts = Acts(
            node, store, adapters, clock, crossing=self._crossing, orders=self._orders, cases=self.cases, notices=self._notices
        )
        self._room = ModerationRoom(
            node, store, clock, hands=hands or self._acts, casework=self.casework, notices=self._notices, echoes=self._echoes
        )
        self._cases_at: datetime | None = None

    async def run(self) -> None:
        """What the store answers when it is in trouble is waited out; the node's health tells of it."""
        _log.info("loop.started", loop="relay")
        try:
            while True:
                try:
                    if not await self.step():
                        await self._store.journal.hint(Stream.EVENTS, await self._nap())
                except StorageError as error:
                    _log.error("loop.failed", loop="relay", code=error.code, reason=error.private)
                    await self._clock.sleep(LONGEST_NAP)
        finally:
            _log.info("loop.stopped", loop="relay")

    async def step(self) -> bool:
        """What is due and what is new, once round; True when there was anything. Raises StorageError."""
        busy = await self._release_due()
        busy = await self._withdraw_due() or busy
        busy = await self._cases_due() or busy
        for community in await self._store.journal.pending(Stream.EVENTS):
            if self._store.claims.owns(Stream.EVENTS, community):
                busy = await self._turn(community) or busy
        return busy

    async def _turn(self, community: str) -> bool:
        self._store.claims.begin(Stream.EVENTS, community)
        try:
            events = await self._store.journal.read_events(community, TURN)
            for seq, event in events:
                await self._relay(seq, event)
            return bool(events)
        except Fenced:
            return False  # whoever has the community now judges it
        finally:
            self._store.claims.end(Stream.EVENTS, community)

    async def _nap(self) -> float:
        due = await self._store.decisions.next_due(self._store.claims.share(Stream.EVENTS))
        if due is None:
            return LONGEST_NAP
        return min(LONGEST_NAP, max(0.0, (due - self._clock.now()).total_seconds()))

    # ------------------------------------------------------------------------------------------------------ one event

    async def _relay(self, seq: int, event: Event) -> None:
        """Raises StorageError when nothing could be written."""
        for attempt in range(1, TRIES + 1):
            try:
                with self._metrics.judge_seconds.time():
                    changes = await self._changes(event)
                await self._store.journal.commit(changes, stream=Stream.EVENTS, lane=event.community, upto=seq)
                self._count(event, changes)
                return
            except Conflict as error:
                if attempt == TRIES:
                    await self._fail(seq, event, error)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001  (a bug of ours must cost one event, not a community)
                await self._fail(seq, event, error)
                return

    def _count(self, event: Event, changes: Sequence[Change]) -> None:
        content = tag_of(event.content)
        _log.debug("event.judged", event_id=event.id, community=event.community, content=content)
        for change in changes:
            if isinstance(change, PutDecision):
                for _, ruling in change.decision.rulings:
                    norm = ruling.reason.partition(".")[0] or "none"
                    self._metrics.events_judged.labels(event.place.protocol, content, ruling.verdict.name.lower(), norm).inc()

    async def _fail(self, seq: int, event: Event, error: Exception) -> None:
        _log.error("event.parked", event_id=event.id, community=event.community, content=tag_of(event.content), exc_info=error)
        text = "Something went wrong inside this bridge, so it was not carried. The operator's log says what."
        changes: list[Change] = [PutOmission(Omission(event.id, event.place, "invariant", text)), EndEvent(event.id, "failed")]
        if isinstance(event.content, Release):
            # A wait whose end cannot be carried out must not come due again and again.
            changes.append(EndHold(event.content.held, Ending.LOCAL, self._clock.now()))
        await self._store.journal.commit(changes, stream=Stream.EVENTS, lane=event.community, upto=seq)

    async def _changes(self, event: Event) -> list[Change]:
        content = event.content
        if event.community and event.channel == moderation_channel(event.community):
            return await self._in_moderation_room(event)
        if event.audience is Audience.DIRECT and isinstance(content, _BETWEEN_TWO):
            return await self._between_two(event)
        match content:
            case Message():
                return [*await self._crossing.cross(event), *await self._welcomes.greet(event, self._clock.now())]
            case Edit() | Boost():
                return await self._crossing.cross(event)
            case Reaction() if is_flag(content.key):
                return await self.cases.flagged(event, content)
            case Reaction():
                keep = mark_of(content.key)
                ordered = await self._orders.mark(event, content, keep) if keep is not None else None
                return ordered if ordered is not None else await self._crossing.cross(event)
            case Retraction() if await self._acts.is_removal(event, content):
                return await self._acts.native(event)
            case Retraction():
                return [*await self._crossing.take_back(event, content), *await self.cases.taken_back(event, content.target)]
            case Profile() if not event.community:
                return await self._memberships.spread(event, content)
            case Profile() if content.ended:
                return [*await self._knocks.gone(content.actor.native, event.community), *await self._memberships.ended(event, content)]
            case Profile():
                return [*await self._crossing.cross(event), *await self._welcomes.refused(event, content, self._clock.now())]
            case Membership():
                return await self._memberships.change(event, content)
            case Command():
                return await self._commanded(event, content)
            case Release():
                return await self._released(event, content)
            case Setting():
                return await self._set(event, content)
            case Sighting():
                return await self._echoes.hear(event, content)
            case Report():
                return await self.cases.reported(event, content)
            case Sanction():
                return await self._sanctioned(event, content)
            case Appointment() if event.author.native == Native(OURS, event.community):
                return await self._memberships.appointed(event)
            case Lock() | Restoration() | Appointment():
                return await self._acts.native(event)
            case Notice():
                return [EraseEvent(event.id, "noted")]
            case _:
                assert_never(content)

    async def _commanded(self, event: Event, command: Command) -> list[Change]:
        """By direct message to the group, whoever holds a seat says what they would say in the moderation room."""
        if command.private and event.community:
            done = await self._room.asked(event, command.words, command.answer_in)
            if done is not None:
                return [*done, EraseEvent(event.id, "answered")]
        return await self._orders.command(event, command)

    async def _in_moderation_room(self, event: Event) -> list[Change]:
        """Nothing said there crosses or is kept."""
        heard = await self._room.heard(event)
        if heard is not None:
            return heard
        return await self._orders.command(event, event.content) if isinstance(event.content, Command) else []

    async def _sanctioned(self, event: Event, sanction: Sanction) -> list[Change]:
        """Whoever is sent out of a room is gone from it; a group is only told, by anybody."""
        channel = await self._store.directory.channel(event.channel)
        place = channel.place(event.place) if channel is not None else None
        if place is None or not is_vouched(event, place):
            return await self._acts.native(event)
        if sanction.lifted or sanction.whom.protocol != event.place.protocol:
            return [EraseEvent(event.id, "noted")]
        return await self._memberships.left(event, sanction.whom)

    async def _between_two(self, event: Event) -> list[Change]:
        """Private words, and who comes and goes in the room of two."""
        match event.content:
            case Membership(change=Coming.LEAVE, subject=subject):
                return await self._knocks.left(event, subject)
            case Membership():
                return [EraseEvent(event.id, "noted")]
            case _:
                return await self._knocks.hear(event)

    async def _released(self, event: Event, release: Release) -> list[Change]:
        """A wait ended: what waited is judged once more, knowing how. Nothing follows when it was taken back meanwhile."""
        hold = await self._store.decisions.hold(release.held)
        if hold is None:
            return [EndEvent(event.id, "answered")]
        waiting = decode(hold.body)
        cross = self._knocks.hear if waiting.audience is Audience.DIRECT else self._crossing.cross
        changes = await cross(waiting, keep=_keep(release, hold), hold=hold, released=release.ending)
        if not any(isinstance(change, EndHold) for change in changes):
            changes.append(EndHold(hold.event_id, release.ending, self._clock.now()))
        entry = ended(hold, release, now=self._clock.now(), secret=self._secret)
        if entry is not None:
            changes.append(AppendLog(entry))
        _log.info("hold.released", event_id=hold.event_id, community=hold.community, kind=hold.kind, outcome=str(release.ending))
        return [*changes, EndEvent(event.id, "answered")]

    async def _set(self, event: Event, setting: Setting) -> list[Change]:
        channel = await self._store.directory.channel(event.channel)
        place = channel.place(event.place) if channel is not None else None
        if channel is None or place is None:
            return [EraseEvent(event.id, "noted")]
        if setting.successor is not None:
            return await self._moved(event, setting.successor)
        changed = msgspec.structs.replace(
            place,
            openness=setting.openness if setting.openness is not None else place.openness,
            name=setting.name if setting.name is not None else place.name,
        )
        return [PutPlace(changed), EraseEvent(event.id, "noted")]

    async def _moved(self, event: Event, successor: str) -> list[Change]:
        """The room is replaced by another: the conversation goes on there, if the bridge may enter."""
        channel = await self._store.directory.channel(event.channel)
        adapter = self._adapters.get(event.place.protocol)
        if channel is None or adapter is None:
            return [EraseEvent(event.id, "noted")]
        try:
            new = await adapter.prepare(successor)
        except (OperatorError, Unreachable) as error:
            _log.warning(
                "room.left", place=event.place.id, reason=error.private, remedy="Link the new room with `folkmoot community link`."
            )
            text = "The room has moved, and the bridge could not follow: " + error.public
            return [PutOmission(Omission(event.id, event.place, "place.moved", text)), EndEvent(event.id, "left out")]
        places = tuple(new if place.native == event.place else place for place in channel.places)
        old = next(place for place in channel.places if place.native == event.place)
        changes: list[Change] = [PutChannel(msgspec.structs.replace(channel, places=places))]
        changes += [LeaveRoster(place_roster(old, event.community), old.native)]
        changes += [JoinRoster(place_roster(new, event.community), where, new.native) for where in await adapter.destinations(new)]
        return [*changes, EraseEvent(event.id, "noted")]

    # ------------------------------------------------------------------------------------------------------ holds

    async def _release_due(self) -> bool:
        """In the order in which they began to wait, so that an answer never comes before what it answers."""
        due = await self._store.decisions.holds_due(self._clock.now(), 500, self._store.claims.share(Stream.EVENTS))
        for hold in sorted(due, key=lambda one: (one.due_at, one.since)):
            try:
                await self._store.journal.commit(await self._orders.due(hold), stream=Stream.EVENTS, lane=hold.community)
            except Fenced:
                return False  # whoever has its community now releases it
        return bool(due)

    async def _withdraw_due(self) -> bool:
        """The next step of everything that is being taken back."""
        due = await self._store.decisions.withdrawals_due(self._clock.now(), 100, self._store.claims.share(Stream.EVENTS))
        for withdrawal in due:
            try:
                changes = await self._withdrawals.due(withdrawal)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001  (a bug of ours must not stop what others take back)
                _log.error("withdrawal.stalled", community=withdrawal.community, exc_info=error)
                changes = [PutWithdrawal(msgspec.structs.replace(withdrawal, due_at=self._clock.now() + STALLED))]
            try:
                await self._store.journal.commit(changes, stream=Stream.EVENTS, lane=withdrawal.community)
            except Fenced:
                return False  # whoever has its community now goes on with it
        return bool(due)

    async def _cases_due(self) -> bool:
        """What time does with cases, looked for once a minute: nothing about them is in a hurry."""
        now = self._clock.now()
        if self._cases_at is not None and self._cases_at <= now < self._cases_at + CASES_EVERY:
            return False
        self._cases_at = now
        due = await self._store.cases.due(now, 100, self._store.claims.share(Stream.EVENTS))
        for case in due:
            try:
                await self._store.journal.commit(await self.cases.due(case), stream=Stream.EVENTS, lane=case.community)
            except Fenced:
                return False  # whoever has its community now does it
            except Conflict:
                continue  # somebody acted on it at this moment, so it is looked at again
        return bool(due)

    async def decide(self, event_id: EventId, action: Action, by: str, reason: str = "") -> Hold:
        """A person's word about a hold; it is durable when this returns. Raises OperatorError when it is not theirs to decide."""
        hold = await self._store.decisions.hold(event_id)
        if hold is None:
            raise OperatorError(f"nothing waits under {event_id}", remedy="`folkmoot holds list` shows what does.")
        changes = await self._orders.decide(hold, action, by, reason)
        if isinstance(changes, Refused):
            raise OperatorError(changes.text, remedy="`folkmoot holds list` shows what waits for you.")
        await self._store.journal.commit(changes)
        return hold


def _keep(release: Release, hold: Hold) -> Keep:
    """What its author has said about this one."""
    if release.by == BY_AUTHOR:
        return {Ending.RELEASE: Keep.CROSS, Ending.LOCAL: Keep.LOCAL, Ending.RETURN: Keep.LOCAL}[release.ending]
    return Keep.CROSS if KEPT_CROSSING in hold.waited else Keep.UNSAID
