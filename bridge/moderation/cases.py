"""The life of a case as plain functions: a hand is raised, somebody looks, decides, whoever is concerned may appeal, and names go in the end.

Norms.md N14, 4.5, 4.7. Every function gives the next form of the case, or `Refused` with a code of the wording; none ever hides or removes
anything by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from bridge.model.case import Appeal, Case, CaseId, Opening, Outcome, Raised, Ruled, Settlement, Stage
from bridge.model.ids import CommunityId, Native, ObjectId, derive
from bridge.norms.context import Rank

FIRST_LOOK = timedelta(hours=24)
"""Until somebody should have looked (N14)."""

DECIDED_WITHIN = timedelta(days=7)
"""Until somebody should have decided, also about an appeal (N14, 4.7)."""

UNDECIDED = timedelta(days=30)
"""After which a case that nobody decided ends, and says so: nothing waits for ever (I4)."""

APPEAL_WITHIN = timedelta(days=30)
"""In which whoever is concerned may appeal (4.7)."""

SEALED_FOR = timedelta(days=30)
"""How long a copy of what was reported is kept at most (N02)."""

NAMED_FOR = timedelta(days=90)
"""After closing, until names go (3.9)."""

NAMED_FOR_RESTRICTION = timedelta(days=365)
"""The same where somebody was restricted (3.9)."""

MOST_RAISED = 100
"""Hands listed in one case; those after it are counted."""

UNFOUNDED = 5
"""Reports of one person within `QUIETED` that came to nothing, after which theirs raise no priority; they are looked at all the same."""

QUIETED = timedelta(days=30)

_STRANGERS = frozenset({str(Rank.VISITOR), str(Rank.READER)})


class Refused(msgspec.Struct, frozen=True):
    """`code` names the sentence that says why."""

    code: str


class Subject(msgspec.Struct, frozen=True):
    """What a report is about, as the relay found it. `object` None: the person. `standing`, `host`, `kind`: for the card."""

    community: CommunityId
    object: ObjectId | None
    person: Native | None
    place: Native | None = None
    url: str = ""
    kind: str = ""
    standing: str = ""
    host: str = ""


def week_of(at: datetime) -> str:
    """`2026-W48`."""
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02}"


def case_id(secret: bytes, subject: Subject, at: datetime) -> CaseId:
    """The same report opens the same case, however often it is told; a later one about the same thing, once that is over, another."""
    person = str(subject.person) if subject.object is None else ""
    return CaseId(derive(secret, "case", "id", subject.community, subject.object or "", person, at.isoformat()))


def opened(case: CaseId, subject: Subject, at: datetime) -> Case:
    """A case with nobody's hand in it yet."""
    return Case(
        id=case,
        community=subject.community,
        opened_at=at,
        object=subject.object,
        person=subject.person,
        week="" if subject.object is not None else week_of(at),
        place=subject.place,
        url=subject.url,
        kind=subject.kind,
        standing=subject.standing,
        host=subject.host,
        due_at=at + FIRST_LOOK,
    )


def with_hand(case: Case, raised: Raised) -> Case:
    """One more hand. The same person's second changes nothing but what they said last; it opens nothing that was decided."""
    others = tuple(one for one in case.raised if one.by != raised.by)
    if len(others) == len(case.raised) and len(others) >= MOST_RAISED:
        return replace(case, version=case.version + 1, beyond=case.beyond + 1)
    if len(others) < len(case.raised):
        before = next(one for one in case.raised if one.by == raised.by)
        newer = replace(raised, at=before.at, named=raised.named or before.named, forward=raised.forward or before.forward)
        if newer == before:
            return case
        raised = newer
    return replace(case, version=case.version + 1, raised=(*others, raised))


def weight(case: Case) -> int:
    """How urgent: every member counts once, all strangers of one server together once; a reporter whose hand was often empty not at all."""
    counted = [one for one in case.raised if one.counts]
    members = sum(one.standing not in _STRANGERS for one in counted)
    return members + len({one.host for one in counted if one.standing in _STRANGERS})


def by_standing(case: Case) -> Mapping[str, int]:
    """How many hands of each standing; of strangers, how many servers."""
    found = Counter(one.standing for one in case.raised if one.standing not in _STRANGERS)
    servers = {one.host for one in case.raised if one.standing in _STRANGERS}
    return {**found, **({"server": len(servers)} if servers else {})}


def counts_for(earlier: tuple[Case, ...], by: Native, now: datetime) -> bool:
    """Does a hand of theirs raise the priority? Not after `UNFOUNDED` that came to nothing in `QUIETED`."""
    nothing = [
        case
        for case in earlier
        if case.settlement is not None
        and case.settlement.outcome is Outcome.NOTHING
        and now - case.settlement.at < QUIETED
        and any(one.by == by for one in case.raised)
    ]
    return len(nothing) < UNFOUNDED


# ---------------------------------------------------------------------------------------------------------------- moderators


def seen(case: Case, by: Native, at: datetime) -> Case:
    """The first who looks; later looks change nothing."""
    if case.stage is not Stage.RECEIVED:
        return case
    return replace(case, version=case.version + 1, stage=Stage.SEEN, seen_by=by, seen_at=at, due_at=case.opened_at + DECIDED_WITHIN)


def looked_into(case: Case, by: Native, at: datetime) -> Case | Refused:
    """Somebody reads the sealed copies: only on a case that is open and that they are no party of; every look is written down."""
    if not case.is_open:
        return Refused("case.over")
    if by in parties(case):
        return Refused("case.party")
    return replace(seen(case, by, at), version=case.version + 1, openings=(*case.openings, Opening(by, at)))


def parties(case: Case) -> frozenset[Native]:
    """Those whose own affair it is: whoever it is about, and whoever reported."""
    return frozenset(one for one in (case.person, *(raised.by for raised in case.raised)) if one is not None)


def decided(case: Case, settlement: Settlement) -> Case | Refused:
    """A person's word. Nobody decides about themselves or their own report, but the clock (`by` None) may end what nobody decided."""
    if case.stage not in (Stage.RECEIVED, Stage.SEEN):
        return Refused("case.decided" if case.is_open else "case.over")
    if settlement.by is not None and settlement.by in parties(case):
        return Refused("case.party")
    return replace(case, version=case.version + 1, stage=Stage.DECIDED, settlement=settlement, due_at=settlement.at)


def told(case: Case, at: datetime) -> Case:
    """Everybody has been answered, so the time for an appeal begins."""
    if case.stage is not Stage.DECIDED:
        return case
    return replace(case, version=case.version + 1, stage=Stage.TOLD, due_at=at + APPEAL_WITHIN)


def merged(case: Case, into: Case) -> tuple[Case, Case] | Refused:
    """`case` goes on in `into`, with its hands."""
    if case.id == into.id or case.community != into.community:
        return Refused("case.same")
    if case.stage not in (Stage.RECEIVED, Stage.SEEN) or into.stage not in (Stage.RECEIVED, Stage.SEEN):
        return Refused("case.decided")
    both = into
    for raised in case.raised:
        both = with_hand(both, raised)
    both = replace(both, version=into.version + 1, beyond=both.beyond + case.beyond)
    gone = replace(case, version=case.version + 1, stage=Stage.MERGED, into=into.id, due_at=None, closed_at=None)
    return gone, both


def split(case: Case, hands: frozenset[int], new: CaseId) -> tuple[Case, Case] | Refused:
    """The hands with these numbers (from 1 on) were about something else: they go on in a case about the person, in the same week."""
    chosen = tuple(one for number, one in enumerate(case.raised, 1) if number in hands)
    if not chosen or len(chosen) == len(case.raised) or len(chosen) != len(hands) or case.person is None:
        return Refused("case.split")
    if case.stage not in (Stage.RECEIVED, Stage.SEEN):
        return Refused("case.decided")
    rest = replace(case, version=case.version + 1, raised=tuple(one for one in case.raised if one not in chosen))
    other = replace(
        case, id=new, version=1, object=None, week=week_of(case.opened_at), kind="", url="", raised=chosen, beyond=0, sealed=False
    )
    return rest, replace(other, openings=())


# ---------------------------------------------------------------------------------------------------------------- appeals


def appealed(case: Case, by: Native, at: datetime, words: str = "") -> Case | Refused:
    """One word of whoever it concerns, within thirty days, once for each decision."""
    if case.settlement is None or case.stage in (Stage.RECEIVED, Stage.SEEN, Stage.MERGED):
        return Refused("appeal.nothing")
    if by != case.person:
        return Refused("appeal.not_yours")
    if case.appeal is not None:
        return Refused("appeal.again")
    if case.stage in (Stage.CLOSED, Stage.PSEUDONYMISED) or at > case.settlement.at + APPEAL_WITHIN:
        return Refused("appeal.late")
    return replace(
        case, version=case.version + 1, stage=Stage.APPEALED, appeal=Appeal(by, at, at + DECIDED_WITHIN, words), due_at=at + DECIDED_WITHIN
    )


def reviewed(case: Case, reviewer: Native, ruled: Ruled, at: datetime, reason: str = "") -> Case | Refused:
    """Somebody who did not decide and is no party looks once more; with that it is over."""
    if case.stage is not Stage.APPEALED or case.appeal is None or case.settlement is None:
        return Refused("appeal.none_open")
    if reviewer == case.settlement.by:
        return Refused("appeal.decider")
    if reviewer in parties(case):
        return Refused("case.party")
    appeal = replace(case.appeal, reviewer=reviewer, ruled=ruled, ruled_at=at, reason=reason)
    return _closed(replace(case, appeal=appeal), at)


def _closed(case: Case, at: datetime) -> Case:
    restricted = case.settlement is not None and case.settlement.outcome is Outcome.RESTRICTION
    names = NAMED_FOR_RESTRICTION if restricted else NAMED_FOR
    return replace(case, version=case.version + 1, stage=Stage.CLOSED, closed_at=at, due_at=at + names, sealed=False)


# ---------------------------------------------------------------------------------------------------------------- time


class Due(msgspec.Struct, frozen=True):
    """`reminder`: a code for the moderators, "" for none. `drops`: its sealed copies are destroyed."""

    case: Case
    reminder: str = ""
    drops: bool = False


def due(case: Case, now: datetime, alias: Native) -> Due:
    """What time does: it reminds, ends what nobody decided, closes what nobody appealed, and takes the names away. `alias` stands for all."""
    if case.due_at is None or now < case.due_at:
        return Due(case)
    newer = replace(case, version=case.version + 1)
    match case.stage:
        case Stage.RECEIVED | Stage.SEEN:
            if now >= case.opened_at + UNDECIDED:
                ended = Settlement(Outcome.NOTHING, now, reason="")
                return Due(replace(newer, stage=Stage.DECIDED, settlement=ended, due_at=now), "case.undecided")
            code = "case.unseen" if case.stage is Stage.RECEIVED else "case.waiting"
            again = case.opened_at + DECIDED_WITHIN if now < case.opened_at + DECIDED_WITHIN else now + DECIDED_WITHIN
            return Due(replace(newer, due_at=min(again, case.opened_at + UNDECIDED)), code)
        case Stage.DECIDED:
            return Due(told(case, now))
        case Stage.TOLD:
            return Due(_closed(case, now), drops=True)
        case Stage.APPEALED:
            if case.appeal is not None and now >= case.appeal.at + UNDECIDED:
                stands = replace(case.appeal, ruled=Ruled.STANDS, ruled_at=now)
                return Due(_closed(replace(case, appeal=stands), now), "appeal.unreviewed", drops=True)
            return Due(replace(newer, due_at=now + DECIDED_WITHIN), "appeal.waiting")
        case Stage.CLOSED:
            return Due(pseudonymised(case, alias), drops=True)
        case Stage.MERGED | Stage.PSEUDONYMISED:
            return Due(replace(newer, due_at=None))


def pseudonymised(case: Case, alias: Native) -> Case:
    """Nobody is named, nobody's words are left; what was decided, when, and how many raised a hand stays."""
    settlement, appeal = case.settlement, case.appeal
    return replace(
        case,
        version=case.version + 1,
        stage=Stage.PSEUDONYMISED,
        person=alias if case.person is not None else None,
        url="",
        due_at=None,
        raised=tuple(replace(one, by=alias, host="", words="", named=False) for one in case.raised),
        seen_by=alias if case.seen_by is not None else None,
        openings=tuple(replace(one, by=alias) for one in case.openings),
        settlement=replace(settlement, by=alias if settlement.by is not None else None, reason="") if settlement is not None else None,
        appeal=replace(appeal, by=alias, words="", reviewer=alias if appeal.reviewer is not None else None, reason="")
        if appeal is not None
        else None,
        sealed=False,
    )
