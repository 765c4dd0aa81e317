"""Carries out what people say to the bridge, and what a person or the clock says about a hold: the facts are loaded, `moderation` decides,
and what it decided becomes changes of one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bridge.changes import AppendEvent, Change, EraseEvent
from bridge.logs import logger
from bridge.model.content import Command, Notice, Reaction, Retraction
from bridge.model.event import Event, Provenance, decode
from bridge.model.ids import ACTIVITYPUB, OURS, Native, ObjectId, Protocol, event_id
from bridge.model.place import Channel, Community, Place, PlaceKind
from bridge.model.record import Hold
from bridge.moderation import acts as moderation
from bridge.moderation import holds as waiting
from bridge.moderation import raising
from bridge.moderation.acts import About, Acts, Crowd, OrderFacts
from bridge.moderation.commands import Cancel, Confirm, Export, ForgetMe, ForgetSince, ForgetThread, Look, Plain, Unknown, Who, parse
from bridge.moderation.wording import notice
from bridge.norms.context import Keep
from bridge.ports import Adapter, Clock, Node, Store
from bridge.relay.appeals import Appeals
from bridge.relay.cases import Cases
from bridge.relay.context import group_of, home_protocol
from bridge.relay.crossing import Crossing
from bridge.relay.knocks import PRIVATE, Knocks
from bridge.relay.notices import Notices
from bridge.relay.own import Own
from bridge.relay.recalling import Recalling
from bridge.relay.releases import released
from bridge.relay.withdrawals import Withdrawals

__all__ = ["Orders"]

Wide = ForgetThread | ForgetSince | ForgetMe | Confirm | Cancel | Export | Look
WIDE = (ForgetThread, ForgetSince, ForgetMe, Confirm, Cancel, Export, Look)
"""Orders that are not about one message, nor about what was said so far in one room."""

_MOST_HOLDS = 500

_log = logger()


class Orders:
    """`command`, `mark`, `decide` and `due` each give the changes of one transaction."""

    def __init__(
        self,
        node: Node,
        store: Store,
        adapters: Mapping[Protocol, Adapter],
        clock: Clock,
        *,
        crossing: Crossing,
        notices: Notices,
        recalling: Recalling,
        graces: frozenset[int],
        default_grace: int,
        withdrawals: Withdrawals,
        own: Own,
        cases: Cases,
        appeals: Appeals,
        knocks: Knocks,
    ) -> None:
        self._node = node
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._crossing = crossing
        self._notices = notices
        self._recalling = recalling
        self._graces = graces
        self._default_grace = default_grace
        self._withdrawals = withdrawals
        self._own = own
        self._cases = cases
        self._appeals = appeals
        self._knocks = knocks

    # ------------------------------------------------------------------------------------------------------ from people

    async def command(self, event: Event, command: Command) -> list[Change]:
        """Words to the bridge. Raises StorageError."""
        asked = raising.asked(" ".join(command.words.split()), private=command.private)
        if asked is not None:
            return await self._asked(asked, event, command)
        order = parse(command.words, private=command.private, graces=self._graces)
        community = await self._community_meant(event, wide=isinstance(order, (*WIDE, *PRIVATE)))
        if community is None:
            told = Notice(event.author.native, notice("which.community"), answer_in=command.answer_in)
            changes = await self._notices.items([told], event, event.community, self._clock.now())
            return [*changes, EraseEvent(event.id, "answered")]
        if isinstance(order, WIDE):
            return [*await self._wide(order, event, community, command), EraseEvent(event.id, "answered")]
        if isinstance(order, PRIVATE):
            _log.info("command.obeyed", event_id=event.id, community=community.id, command=type(order).__name__)
            at_home = event.author.native.protocol == await self._home(community)
            changes = await self._knocks.order(order, event, command, community, at_home=at_home)
            return [*changes, EraseEvent(event.id, "answered")]
        recalled = await self._recalling.recall(event, command.about)
        facts = await self._facts(event, community, order, command.about, recalled, private=command.private, answer_in=command.answer_in)
        _log.info("command.obeyed", event_id=event.id, community=community.id, command=type(order).__name__)
        acts = moderation.answer(order, facts)
        changes = await self._apply(acts, facts, event, recalled)
        changes += [self._withdrawals.single(target, event, community, command.answer_in) for target in acts.retract]
        return [*changes, EraseEvent(event.id, "answered")]

    async def _asked(self, asked: raising.Asked, event: Event, command: Command) -> list[Change]:
        """A raised hand, or a question about what was decided."""
        _log.info("command.obeyed", event_id=event.id, community=event.community, command=type(asked).__name__)
        match asked:
            case raising.Raise():
                community = await self._community_meant(event, wide=command.private and command.about is None)
                if community is None:
                    told = Notice(event.author.native, notice("which.community"), answer_in=command.answer_in)
                    return [*await self._notices.items([told], event, event.community, self._clock.now()), EraseEvent(event.id, "answered")]
                unread = await self._knocks.unread(event.author.native, asked) if command.private else None
                if unread is not None:
                    order, hold = unread
                    return await self._cases.asked(order, event, hold.community, hold.object, command.answer_in)
                return await self._cases.asked(asked, event, community.id, command.about, command.answer_in)
            case raising.Why():
                return [*await self._appeals.why(asked, event, command.answer_in), EraseEvent(event.id, "answered")]
            case raising.Appealing():
                changes = await self._appeals.appeal(asked, event, command.about, command.answer_in)
                return [*changes, EraseEvent(event.id, "answered")]

    async def _wide(self, order: Wide, event: Event, community: Community, command: Command) -> list[Change]:
        """What is about everything a person said, and not about one message or one room."""
        _log.info("command.obeyed", event_id=event.id, community=community.id, command=type(order).__name__)
        match order:
            case Export():
                notices = await self._own.export(order, event, command.answer_in)
                return await self._notices.items(notices, event, community.id, self._clock.now())
            case Look():
                notices = await self._own.look(event, community, command.answer_in)
                return await self._notices.items(notices, event, community.id, self._clock.now())
            case _:
                forgot = await self._withdrawals.order(order, event, community, command.about, command.answer_in)
        changes = list(forgot.changes)
        for release in forgot.releases:
            hold = await self._store.decisions.hold(release.held)
            if hold is not None:
                changes.append(AppendEvent(released(self._node.secret, release, hold, event.author, self._clock.now())))
        return [*changes, *await self._notices.items(forgot.notices, event, community.id, self._clock.now())]

    async def mark(self, event: Event, reaction: Reaction, keep: Keep) -> list[Change] | None:
        """📣 and 🏠 on one's own message; None when it is only a sign. Raises StorageError."""
        community = await self._store.directory.community(event.community)
        if community is None:
            return None
        recalled = await self._recalling.recall(event, reaction.target)
        facts = await self._facts(event, community, keep, reaction.target, recalled, private=False, answer_in=None)
        if facts.about is None or facts.about.author != event.author.native:
            return None
        acts = moderation.mark(keep, facts)
        return [*await self._apply(acts, facts, event, recalled), EraseEvent(event.id, "answered")]

    async def decide(self, hold: Hold, action: waiting.Action, by: str, reason: str = "") -> list[Change] | waiting.Refused:
        """A person's word about a hold."""
        acts = waiting.decide(hold, action, by, reason)
        return acts if isinstance(acts, waiting.Refused) else await self._settle(acts, hold)

    async def due(self, hold: Hold) -> list[Change]:
        """The clock's word about a hold."""
        return await self._settle(waiting.due(hold), hold)

    # ------------------------------------------------------------------------------------------------------ what they mean

    async def _settle(self, acts: Acts, hold: Hold) -> list[Change]:
        cause = decode(hold.body)
        now = self._clock.now()
        changes = list(acts.changes)
        changes += [AppendEvent(released(self._node.secret, release, hold, cause.author, self._clock.now())) for release in acts.releases]
        return [*changes, *await self._notices.items(acts.notices, cause, hold.community, now)]

    async def _apply(self, acts: Acts, facts: OrderFacts, cause: Event, recalled: Event | None) -> list[Change]:
        changes: list[Change] = list(acts.changes)
        if acts.embody is not None:
            adapter = self._adapters.get(await self._home(facts.community))
            if adapter is not None:
                who = acts.embody.actor
                made = await adapter.embody(who.native, facts.community, handle=acts.embody.handle, actor=who)
                changes += await self._crossing.dressed(made)
        for release in acts.releases:
            hold = await self._store.decisions.hold(release.held)
            if hold is not None:
                changes.append(AppendEvent(released(self._node.secret, release, hold, cause.author, self._clock.now())))
        for target in acts.retract:
            changes += await self._forgotten(target, cause)
        if acts.cross and recalled is not None:
            changes += await self._crossing.cross(recalled, keep=Keep.CROSS)
        return [*changes, *await self._notices.items(acts.notices, cause, facts.community.id, facts.now)]

    async def _forgotten(self, target: ObjectId, cause: Event) -> list[Change]:
        """The author's retraction, as if it had been deleted where it was written; there it stays."""
        known = await self._store.objects.get(target)
        if known is None:
            return []
        native = Native(OURS, f"forget/{target}")
        now = self._clock.now()
        event = Event(
            id=event_id(self._node.secret, native),
            community=known.community,
            channel=known.channel,
            place=known.place,
            author=cause.author,
            content=Retraction(target),
            audience=known.audience,
            at=now,
            received_at=now,
            provenance=Provenance(native),
        )
        return [AppendEvent(event)]

    # ------------------------------------------------------------------------------------------------------ facts

    async def _facts(
        self,
        event: Event,
        community: Community,
        order: Plain | Unknown | Keep,
        about: ObjectId | None,
        recalled: Event | None,
        *,
        private: bool,
        answer_in: Native | None,
    ) -> OrderFacts:
        directory, decisions, objects = self._store.directory, self._store.decisions, self._store.objects
        author = event.author
        channels = await directory.channels(community.id)
        home = await self._home(community)
        ghost = await directory.ghost_of(home, author.native)
        here = None if private else next((place for channel in channels if (place := channel.place(event.place)) is not None), None)
        wanted = None if isinstance(order, Unknown) else moderation.handle_wanted(order, author, ghost)
        taken = await directory.ghost_by_handle(home, wanted) if wanted is not None else None
        return OrderFacts(
            now=self._clock.now(),
            domain=self._node.domain,
            author=author,
            community=community,
            needs_consent=author.native.protocol != home,
            consent=await decisions.consent(author.native, community.id),
            ghost=ghost,
            taken=taken is not None and taken.of != author.native,
            place=here,
            rooms=_rooms(channels),
            answer_in=answer_in,
            about=await self._about(about, recalled),
            holds=await decisions.holds(community.id, _MOST_HOLDS, author.native),
            crossed=await objects.count(author.native, community.id),
            crowd=await self._crowd(community, channels) if isinstance(order, Who) else Crowd(),
            graces=self._graces,
            default_grace=self._default_grace,
        )

    async def _home(self, community: Community) -> Protocol:
        channels = await self._store.directory.channels(community.id)
        return home_protocol(channels[0]) if channels else ACTIVITYPUB

    async def _about(self, target: ObjectId | None, recalled: Event | None) -> About | None:
        if target is None:
            return None
        known = await self._store.objects.get(target)
        hold = await self._store.decisions.hold_on(target)
        if known is not None:
            return About(target, known.author, known.crossed_at is not None, known.retracted_at is not None, hold)
        if hold is not None:
            return About(target, hold.author, hold=hold)
        return About(target, recalled.author.native if recalled is not None else None)

    async def _crowd(self, community: Community, channels: Sequence[Channel]) -> Crowd:
        followers = 0
        hosts: set[str] = set()
        for channel in channels:
            group = group_of(channel)
            if group is None:
                continue
            followers += await self._store.directory.follower_count(group.native)
            after = ""
            while page := await self._store.directory.followers(group.native, after, 1000):
                hosts.update(urlsplit(follow.actor.id).netloc for follow in page)
                after = page[-1].actor.id
        return Crowd(await self._store.decisions.consenting(community.id), followers, len(hosts))

    async def _community_meant(self, event: Event, *, wide: bool = False) -> Community | None:
        """In private it is the only community, or the only one this person has to do with; None when it could be several. What is about
        all of them (`wide`) is answered by the first."""
        if event.community:
            return await self._store.directory.community(event.community)
        living = [one for one in await self._store.directory.communities() if not one.retired]
        if len(living) == 1:
            return living[0]
        chosen = {consent.community for consent in await self._store.decisions.consents(event.author.native)}
        mine = [one for one in living if one.id in chosen]
        if wide:
            return next(iter([*mine, *living]), None)
        return mine[0] if len(mine) == 1 else None


def _rooms(channels: Sequence[Channel]) -> tuple[Place, ...]:
    return tuple(place for channel in channels for place in channel.places if place.kind is PlaceKind.ROOM)
