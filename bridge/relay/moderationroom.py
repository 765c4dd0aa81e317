"""Hears what is said and shown in a community's moderation room: signs on cards and lines of words become acts of whoever holds a seat.

Norms.md 4.2. Nothing said there crosses or is kept; who holds no seat can read along and changes nothing. The same words by direct message to
the group come the same way.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from bridge.changes import Change, EraseEvent, PutPlace
from bridge.model.act import Act, Deed
from bridge.model.case import Case, CaseId, Outcome
from bridge.model.content import Command, Message, Notice, Reaction, Setting, Sighting
from bridge.model.event import Event
from bridge.model.ids import OURS, CommunityId, Native
from bridge.model.role import Role
from bridge.moderation import casewords, signs
from bridge.moderation.casewords import CaseWord
from bridge.moderation.signs import deed_of, on_case, on_hold
from bridge.moderation.wording import notice
from bridge.ports import Clock, Node, Store
from bridge.relay.cards import holds_object, is_closed
from bridge.relay.casework import Casework
from bridge.relay.echoes import Echoes
from bridge.relay.notices import Notices

__all__ = ["Carried", "Hands", "ModerationRoom"]

MOST_HOLDS = 50

_DECIDE = (Role.ADMIN, Role.MODERATOR, Role.HOST)
"""Who decides cases, the highest first; a curator looks after a topic."""


class Carried(msgspec.Struct, frozen=True):
    """What comes of an act. `is_done`: it took effect; else the changes only answer it (it asks for a second person, or is refused)."""

    changes: tuple[Change, ...]
    is_done: bool = False


class Hands(Protocol):
    """Whoever decides acts and carries them out."""

    async def carry_out(self, act: Act, cause: Event, community: CommunityId, answer_in: Native | None) -> Carried:
        """Decides it, and answers whoever gave it. Raises StorageError."""
        ...

    async def say(self, words: str, cause: Event, community: CommunityId, answer_in: Native | None) -> Carried | None:
        """A line of the vocabulary; None: it is none, only talk. Raises StorageError."""
        ...


class ModerationRoom:
    """`heard` for everything in the room, `asked` for a line by direct message."""

    def __init__(
        self, node: Node, store: Store, clock: Clock, *, hands: Hands | None, casework: Casework, notices: Notices, echoes: Echoes
    ) -> None:
        """`hands` None: there are cases here and no other acts."""
        self._node = node
        self._store = store
        self._clock = clock
        self._hands = hands
        self._casework = casework
        self._notices = notices
        self._echoes = echoes

    async def heard(self, event: Event) -> list[Change] | None:
        """The changes of one transaction; None for a word to the bridge that is nobody's act (`!moot help`). Raises StorageError."""
        match event.content:
            case Sighting():
                return await self._echoes.hear(event, event.content)
            case Reaction():
                return [*await self._signed(event, event.content), EraseEvent(event.id, "answered")]
            case Message(text=text):
                done = await self.asked(event, text.plain, event.place)
                return [*(done or []), EraseEvent(event.id, "kept local" if done is None else "answered")]
            case Command(words=words):
                done = await self.asked(event, words, event.place)
                return None if done is None else [*done, EraseEvent(event.id, "answered")]
            case Setting():
                return [*await self._changed(event, event.content), EraseEvent(event.id, "noted")]
            case _:
                return [EraseEvent(event.id, "noted")]

    async def _changed(self, event: Event, setting: Setting) -> list[Change]:
        """A room that others can read from now on shows no card any more (`Cards.room`), and says so once."""
        channel = await self._store.directory.channel(event.channel)
        place = channel.place(event.place) if channel is not None else None
        if place is None:
            return []
        openness = setting.openness if setting.openness is not None else place.openness
        changed = msgspec.structs.replace(place, openness=openness, name=setting.name if setting.name is not None else place.name)
        warned: list[Change] = []
        if is_closed(place) and not is_closed(changed):
            text = Notice(Native(OURS, event.community), notice("case.room_open"), answer_in=place.native)
            warned = await self._notices.in_room(text, event, event.community, place, self._clock.now())
        return [PutPlace(changed), *warned]

    async def asked(self, event: Event, words: str, answer_in: Native | None) -> list[Change] | None:
        """A line of words; None: it is no act. Raises StorageError."""
        community = event.community
        line = " ".join(words.split()).removeprefix("!")
        verb, _, rest = line.partition(" ")
        if verb.lower() in {"case", "cases"}:
            role = await self._role(event)
            if role is None:
                # In the room it may only be talk; in private somebody asked for something.
                return await self._say(event, "case.no_seat", answer_in) if answer_in != event.place else None
            word = casewords.read(rest)
            return await self._obey(word, event, role, answer_in)
        carried = await self._hands.say(line, event, community, answer_in) if self._hands is not None else None
        return None if carried is None else list(carried.changes)

    async def _role(self, event: Event) -> Role | None:
        """The highest seat that whoever asks holds at this moment, of those that look after everything in the community."""
        now, seats = self._clock.now(), await self._store.seats.held_by(event.author.native)
        held = {seat.role for seat in seats if seat.community == event.community and seat.holds(now)}
        return next((role for role in _DECIDE if role in held), None)

    async def _obey(
        self, word: CaseWord | None, event: Event, role: Role, answer_in: Native | None, seen: int | None = None
    ) -> list[Change]:
        by, community = event.author.native, event.community
        return await self._casework.obey(word, by, str(role), cause=event, community=community, answer_in=answer_in, seen=seen)

    # ------------------------------------------------------------------------------------------------------ signs

    async def _signed(self, event: Event, reaction: Reaction) -> list[Change]:
        deed, about = deed_of(reaction.key), event.provenance.about
        card = await self._store.objects.shown_as(Native(event.place.protocol, about)) if deed is not None and about else None
        if deed is None or card is None:
            return []
        role = await self._role(event)
        if role is None:
            return await self._say(event, "case.no_seat", event.place)
        if card == holds_object(self._node.secret, event.community):
            return await self._on_holds(deed, event)
        case = await self._store.cases.case(CaseId(card))
        if case is None:
            return await self._say(event, "case.how", event.place)
        return await self._on_case(deed, case, event, role)

    async def _on_holds(self, deed: Deed, event: Event) -> list[Change]:
        waiting = [one for one in await self._store.decisions.holds(event.community, MOST_HOLDS) if one.kind == "review"]
        if len(waiting) != 1:
            return await self._say(event, "case.which_hold", event.place)
        return list((await self._carried(on_hold(deed, waiting[0], event), event)).changes)

    async def _carried(self, act: Act, event: Event) -> Carried:
        if self._hands is None:
            return Carried(tuple(await self._say(event, "case.how", event.place)))
        return await self._hands.carry_out(act, event, event.community, event.place)

    async def _on_case(self, deed: Deed, case: Case, event: Event, role: Role) -> list[Change]:
        if deed is Deed.RELEASE:
            return await self._obey(CaseWord(case.id, outcome=Outcome.NOTHING), event, role, event.place)
        if deed in (Deed.RETURN, Deed.HOLD):
            return await self._say(event, "case.how", event.place)
        act = on_case(deed, case, event)
        carried = await self._carried(act, event)
        outcome = signs.OUTCOMES.get(deed)
        if not carried.is_done or outcome is None:
            return list(carried.changes)
        return [*carried.changes, *await self._casework.settled_by(act, case, outcome, str(role), event)]

    async def _say(self, event: Event, code: str, answer_in: Native | None) -> list[Change]:
        told = Notice(event.author.native, notice(code), answer_in=answer_in)
        return await self._notices.items([told], event, event.community, self._clock.now())
