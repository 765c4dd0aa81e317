"""Carries out what a moderator says of a case: the room, a direct message and the desk all end here, after somebody has looked at their seat.

Norms.md 4.5, 4.7, 4.10.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.changes import Change, PutCase
from bridge.model.act import Act
from bridge.model.case import Case, Outcome, Settlement
from bridge.model.content import Message, Notice
from bridge.model.event import Event
from bridge.model.ids import OURS, CommunityId, Native
from bridge.model.place import Place
from bridge.model.richtext import RichText, from_plain
from bridge.moderation import cases as life
from bridge.moderation.cards import OUTCOMES, RULED, STAGES, raised_words, short
from bridge.moderation.cases import Refused
from bridge.moderation.casewords import CaseWord, View
from bridge.moderation.wording import notice
from bridge.norms.wording import bounded, line
from bridge.ports import Clock, Node, Store
from bridge.relay.appeals import Appeals
from bridge.relay.cards import Cards
from bridge.relay.cases import Cases
from bridge.relay.notices import Notices

__all__ = ["OPERATOR", "Casework"]

OPERATOR = Native(OURS, "operator")
"""Whoever runs the node, at its command line: an admin of every community (norms.md 4.1)."""

MOST_LISTED = 20
LONGEST_COPY = 4_000


class Casework:
    """`obey` gives the changes of one transaction, and always an answer."""

    def __init__(self, node: Node, store: Store, clock: Clock, *, cases: Cases, appeals: Appeals, notices: Notices, cards: Cards) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._cases = cases
        self._appeals = appeals
        self._notices = notices
        self._cards = cards

    async def obey(
        self,
        word: CaseWord | None,
        by: Native,
        role: str,
        *,
        cause: Event,
        community: CommunityId,
        answer_in: Native | None,
        seen: int | None = None,
    ) -> list[Change]:
        """`by` holds a seat of at least a host; `role` is its name. `seen`: the version of the case they had before them. Raises StorageError."""
        if word is None:
            return await self._say(by, cause, community, answer_in, "case.how")
        if word.view is View.LIST:
            return await self._list(by, cause, community, answer_in)
        case = await self._store.cases.case_called(community, word.case)
        if case is None:
            return await self._say(by, cause, community, answer_in, "case.unknown")
        if seen is not None and seen != case.version:
            return [*await self._say(by, cause, community, answer_in, "case.changed"), *await self._cards.case(case)]
        done = await self.done(word, case, by, role, cause=cause, answer_in=answer_in)
        if isinstance(done, Refused):
            return await self._say(by, cause, community, answer_in, done.code, id=short(case.id))
        return done

    async def done(
        self, word: CaseWord, case: Case, by: Native, role: str, *, cause: Event, answer_in: Native | None
    ) -> list[Change] | Refused:
        """Of one case; the operator of the node (`OPERATOR`) is answered by whoever asks for them. Raises StorageError."""
        now = self._clock.now()
        if word.view is View.OPEN:
            return await self._open(case, by, cause, answer_in)
        if word.view is not None:
            looked = life.seen(case, by, now)
            shown = await self._show(looked, by, cause, answer_in)
            return [*([PutCase(looked)] if looked != case else []), *await self._cards.case(looked), *shown]
        if word.outcome is not None:
            return await self._settle(word, case, word.outcome, by, role, cause=cause, answer_in=answer_in)
        if word.ruled is not None:
            reviewed = await self._appeals.review(case, by, word.ruled, word.reason, cause=cause, role=role)
            if isinstance(reviewed, Refused):
                return reviewed
            done = await self._say(by, cause, case.community, answer_in, "case.done", id=short(case.id), outcome=RULED[word.ruled])
            return [*reviewed, *done]
        if word.into:
            return await self._merge(case, word.into, by, cause, answer_in)
        return await self._split(case, word.hands, by, cause, answer_in)

    async def _settle(
        self, word: CaseWord, case: Case, outcome: Outcome, by: Native, role: str, *, cause: Event, answer_in: Native | None
    ) -> list[Change] | Refused:
        if outcome is Outcome.REFER:
            referred = await self._cases.refer(case, cause)
            if isinstance(referred, Refused):
                return referred
            told = await self._say(by, cause, case.community, answer_in, "case.referred", id=short(case.id))
            return [*referred, *told]
        settled = await self._cases.settle(case, Settlement(outcome, self._clock.now(), by, "", bounded(word.reason, 300)), cause, role)
        if isinstance(settled, Refused):
            return settled
        told = await self._say(by, cause, case.community, answer_in, "case.done", id=short(case.id), outcome=OUTCOMES[outcome])
        return [*settled, *told]

    async def settled_by(self, act: Act, case: Case, outcome: Outcome, role: str, cause: Event) -> list[Change]:
        """An act about what the case is about was carried out: with that it is decided, and everybody concerned is told."""
        settlement = Settlement(outcome, self._clock.now(), act.by, act.norm, bounded(act.reason, 300), undoes=act.id)
        settled = await self._cases.settle(case, settlement, cause, role)
        return [] if isinstance(settled, Refused) else settled

    async def _open(self, case: Case, by: Native, cause: Event, answer_in: Native | None) -> list[Change] | Refused:
        """The words go to whoever asked and nobody else; the look stands in the case before they are sent."""
        looked = life.looked_into(case, by, self._clock.now())
        if isinstance(looked, Refused):
            return looked
        copies = await self._store.cases.evidence(case.id)
        private = None if answer_in is not None and await self._is_shared(case.community, answer_in) else answer_in
        if not copies:
            return await self._say(by, cause, case.community, answer_in, "case.no_copy")
        words = "\n\n".join(_words(one) for one in copies)
        head = notice("case.evidence", [("id", short(case.id))]).plain
        text = from_plain(f"{head}\n\n{words[:LONGEST_COPY]}")
        told = await self._tell(by, cause, case.community, private, text)
        return [PutCase(looked), *await self._cards.case(looked), *told]

    async def _is_shared(self, community: CommunityId, where: Native) -> bool:
        room: Place | None = await self._cards.room(community)
        return room is not None and room.native == where

    async def _merge(self, case: Case, into: str, by: Native, cause: Event, answer_in: Native | None) -> list[Change] | Refused:
        other = await self._store.cases.case_called(case.community, into)
        if other is None:
            return Refused("case.unknown")
        merged = life.merged(case, other)
        if isinstance(merged, Refused):
            return merged
        gone, both = merged
        shown = await self._show(both, by, cause, answer_in)
        return [PutCase(gone), PutCase(both), *await self._cards.case(gone), *await self._cards.case(both), *shown]

    async def _split(self, case: Case, hands: frozenset[int], by: Native, cause: Event, answer_in: Native | None) -> list[Change] | Refused:
        subject = life.Subject(case.community, None, case.person)
        new = life.case_id(self._node.secret, subject, self._clock.now())
        parted = life.split(case, hands, new)
        if isinstance(parted, Refused):
            return parted
        rest, other = parted
        shown = await self._show(other, by, cause, answer_in)
        return [PutCase(rest), PutCase(other), *await self._cards.case(rest), *await self._cards.case(other), *shown]

    async def _list(self, by: Native, cause: Event, community: CommunityId, answer_in: Native | None) -> list[Change]:
        found = await self._store.cases.cases(community, MOST_LISTED)
        if not found:
            return await self._say(by, cause, community, answer_in, "case.none")
        listed = [f"{short(case.id)}: {STAGES[case.stage]}; {raised_words(case)}" for case in found]
        return await self._tell(by, cause, community, answer_in, from_plain("\n".join([notice("case.list").plain, *listed])))

    async def _show(self, case: Case, by: Native, cause: Event, answer_in: Native | None) -> list[Change]:
        rest = [f"{number}. {one.category}: {line(one.words)}" for number, one in enumerate(case.raised, 1)][:MOST_LISTED]
        args = {"id": short(case.id), "stage": STAGES[case.stage], "raised": raised_words(case), "rest": " ".join(rest)}
        return await self._say(by, cause, case.community, answer_in, "case.shown", **args)

    async def _say(
        self, by: Native, cause: Event, community: CommunityId, answer_in: Native | None, code: str, **args: str
    ) -> list[Change]:
        return await self._tell(by, cause, community, answer_in, notice(code, args.items()))

    async def _tell(self, by: Native, cause: Event, community: CommunityId, answer_in: Native | None, text: RichText) -> list[Change]:
        if by == OPERATOR:
            return []
        told: Sequence[Notice] = [Notice(by, text, answer_in=answer_in)]
        return await self._notices.items(told, cause, community, self._clock.now())


def _words(event: Event) -> str:
    content = event.content
    return content.text.plain if isinstance(content, Message) else ""
