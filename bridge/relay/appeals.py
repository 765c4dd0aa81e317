"""Answers `why`, and lets whoever it concerns have a decision looked at once more, by somebody who did not make it (norms.md 3.7, 4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from bridge.changes import AppendLog, Change, DropEvidence, PutCase
from bridge.model.case import Case, CaseId, Outcome, Ruled, Settlement, Stage
from bridge.model.content import Notice
from bridge.model.event import Event
from bridge.model.ids import CommunityId, Native, ObjectId, derive
from bridge.model.logentry import AUTOMATIC, Doing, LogEntry, Names
from bridge.model.richtext import RichText
from bridge.moderation import cases as life
from bridge.moderation.cards import short
from bridge.moderation.case_wording import UNSAID
from bridge.moderation.cases import Refused, Subject
from bridge.moderation.log import EFFECTS
from bridge.moderation.raising import Appealing, Why
from bridge.moderation.wording import notice
from bridge.norms.wording import line, moment, sentence
from bridge.ports import Clock, Node, Store
from bridge.relay.cards import Cards
from bridge.relay.notices import Notices

__all__ = ["Appeals"]

MOST_TOLD = 5
"""Decisions that one `why` tells of."""

REMEMBERED = timedelta(days=90)

_SILENT = frozenset({"report", "appeal", "release", f"case {Outcome.NOTHING}", f"case {Outcome.REFER}"})
"""Lines of the log that changed nothing for whoever they concern."""

_RULED: Mapping[Ruled, str] = {
    Ruled.STANDS: "appeal.stands",
    Ruled.CHANGED: "appeal.changed",
    Ruled.REVERSED: "appeal.reversed",
}

_OUTCOMES: Mapping[str, Outcome] = {
    "remove": Outcome.REMOVE,
    "limit": Outcome.RESTRICTION,
    "rest": Outcome.RESTRICTION,
    "ban": Outcome.RESTRICTION,
    "warn": Outcome.NOTE,
    "note": Outcome.NOTE,
    "label": Outcome.NOTE,
    **{f"case {outcome}": outcome for outcome in Outcome},
}


class Appeals:
    """`why` and `appeal` for whoever it concerns, `review` for whoever looks again."""

    def __init__(self, node: Node, store: Store, clock: Clock, *, notices: Notices, cards: Cards) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._notices = notices
        self._cards = cards

    async def why(self, order: Why, event: Event, answer_in: Native | None) -> list[Change]:
        """What was decided about one's own, newest first; nobody else's is ever told. Raises StorageError."""
        now = self._clock.now()
        entries = [one for one in await self._concerning(event.author.native) if now - one.at < REMEMBERED]
        if order.id:
            entries = [one for one in entries if one.id.startswith(order.id)]
        entries = [one for one in entries if event.community in ("", one.community)][:MOST_TOLD]
        if not entries:
            return await self._say(event, event.community, answer_in, "why.nothing")
        told = [_why(one, appealable=now - one.at <= life.APPEAL_WITHIN) for one in entries]
        return await self._notices.items(
            [Notice(event.author.native, text, answer_in=answer_in) for text in told], event, entries[0].community, now
        )

    async def appeal(self, order: Appealing, event: Event, about: ObjectId | None, answer_in: Native | None) -> list[Change]:
        """One word. Without an id it means what it answers, else the newest decision about one's own. Raises StorageError."""
        person, now = event.author.native, self._clock.now()
        entries = [one for one in await self._concerning(person) if event.community in ("", one.community)]
        if order.id:
            entries = [
                one for one in entries if one.id.startswith(order.id) or (one.names is not None and one.names.case.startswith(order.id))
            ]
        elif about is not None:
            entries = [one for one in entries if one.names is not None and one.names.object == about] or entries
        if not entries:
            return await self._say(event, event.community, answer_in, "appeal.nothing")
        entry = entries[0]
        case = await self._case_of(entry, person)
        appealed = life.appealed(case, person, now, line(order.words))
        if isinstance(appealed, Refused):
            return await self._say(event, entry.community, answer_in, appealed.code)
        taken = await self._say(event, entry.community, answer_in, "appeal.taken", until=moment(now + life.DECIDED_WITHIN))
        return [PutCase(appealed), *taken, *await self._cards.case(appealed)]

    async def review(self, case: Case, reviewer: Native, ruled: Ruled, reason: str, *, cause: Event, role: str) -> list[Change] | Refused:
        """Somebody's second look. What is put back is another act, by the same person. Raises StorageError."""
        now = self._clock.now()
        reviewed = life.reviewed(case, reviewer, ruled, now, reason)
        if isinstance(reviewed, Refused):
            return reviewed
        doing = Doing(
            effect="appeal",
            by=role,
            norm=case.settlement.norm if case.settlement is not None else "",
            item=case.kind or "person",
            standing=case.standing,
            platform=case.person.protocol if case.person is not None else "",
            result=str(ruled),
        )
        names = Names(whom=case.person, decided_by=reviewer, object=case.object, case=case.id, reason=reason)
        entry = LogEntry(derive(self._node.secret, "log", "appeal", case.id), case.community, now, doing, names)
        changes: list[Change] = [PutCase(reviewed), DropEvidence(case.id), AppendLog(entry), *await self._cards.case(reviewed)]
        if case.appeal is not None:
            told = notice(_RULED[ruled], [("reason", line(reason) or UNSAID)])
            changes += await self._notices.items([Notice(case.appeal.by, told)], cause, case.community, now)
        return changes

    async def _concerning(self, person: Native) -> list[LogEntry]:
        return [one for one in await self._store.log.concerning(person, 50) if one.doing.effect not in _SILENT]

    async def _case_of(self, entry: LogEntry, person: Native) -> Case:
        """The case in which it was decided, or a new one for what nobody had reported."""
        names = entry.names or Names()
        known = await self._store.cases.case(CaseId(names.case)) if names.case else None
        if known is None and names.object is not None:
            about = await self._store.cases.case_about(entry.community, names.object, person, "")
            known = about if about is not None and about.settlement is not None and about.settlement.undoes == names.act else None
        if known is not None:
            return known
        subject = Subject(entry.community, names.object, person, kind=entry.doing.item, standing=entry.doing.standing)
        case = life.opened(CaseId(derive(self._node.secret, "case", "entry", entry.id)), subject, entry.at)
        again = await self._store.cases.case(case.id)
        if again is not None:
            return again
        outcome = _OUTCOMES.get(entry.doing.effect, Outcome.STAYS)
        reason = names.reason or sentence(names.code)
        settled = Settlement(outcome, entry.at, names.decided_by, entry.doing.norm, reason, entry.id, names.act)
        return msgspec.structs.replace(case, stage=Stage.TOLD, settlement=settled)

    async def _say(self, event: Event, community: CommunityId, answer_in: Native | None, code: str, **args: str) -> list[Change]:
        told = Notice(event.author.native, notice(code, args.items()), answer_in=answer_in)
        return await self._notices.items([told], event, community, self._clock.now())


def _why(entry: LogEntry, *, appealable: bool) -> RichText:
    doing, names = entry.doing, entry.names or Names()
    reason = names.reason or (sentence(names.code) if names.code else "")
    by = "by itself" if doing.by == AUTOMATIC else f"by a {doing.by}"
    args = {
        "when": moment(entry.at),
        "effect": EFFECTS.get(doing.effect, doing.effect),
        "by": by,
        "norm": doing.norm or "none",
        "reason": line(reason) or UNSAID,
        "id": short(entry.id),
    }
    return notice("why.entry" if appealable and doing.effect != "appeal" else "why.settled", args.items())
