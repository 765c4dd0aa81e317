"""Says what taking everything back means, step by step, as values; nothing here does anything (norms.md N02).

The person's own word starts it, a typed code stands before what is large, and a window in which they may cancel. Nothing else delays it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time

import msgspec
from msgspec.structs import replace

from bridge.changes import Change, PutConsent, PutWithdrawal
from bridge.model.actor import Actor
from bridge.model.content.notice import Notice
from bridge.model.content.release import BY_AUTHOR, Ending, Release
from bridge.model.ids import EventId, Native, ObjectId
from bridge.model.place import Community
from bridge.model.record import Hold, Said
from bridge.model.withdrawal import Answer, Phase, Scope, Terms, Withdrawal
from bridge.moderation.commands import Cancel, Confirm, ForgetMe, ForgetSince, ForgetThread
from bridge.moderation.wording import counted, notice
from bridge.norms.context import Consent, Crossing
from bridge.norms.wording import line

MOST_NAMED = 5
"""Servers that a receipt calls by name; more are counted."""

Forgetting = ForgetThread | ForgetSince | ForgetMe | Confirm | Cancel


class ForgetFacts(msgspec.Struct, frozen=True):
    """`event`: of this order. `alias`: what would stand for the person. `about`: root of the thread answered to. `count`: how much of theirs
    is out there, as far as the order reaches. `code`: the typed code of `standing`, their withdrawal under way. `holds`, `consents`: all
    of theirs, in every community."""

    now: datetime
    event: EventId
    author: Actor
    alias: Native
    community: Community
    terms: Terms
    answer_in: Native | None = None
    about: ObjectId | None = None
    count: int = 0
    standing: Withdrawal | None = None
    code: str = ""
    next_code: str = ""
    holds: tuple[Hold, ...] = ()
    consents: tuple[Consent, ...] = ()


class Forgot(msgspec.Struct, frozen=True):
    """Changes to commit as they are, waits that end, and what is said."""

    changes: tuple[Change, ...]
    notices: tuple[Notice, ...]
    releases: tuple[Release, ...] = ()


def narrowed(withdrawal: Withdrawal) -> Said:
    """Which objects of the person it is about."""
    match withdrawal.scope:
        case Scope.ME:
            return Said()
        case Scope.SINCE:
            return Said(withdrawal.community, since=withdrawal.since)
        case Scope.THREAD:
            return Said(withdrawal.community, thread=withdrawal.about)
        case Scope.THIS:
            return Said(withdrawal.community, object=withdrawal.about)


def wanted(order: ForgetThread | ForgetSince | ForgetMe, community: Community, about: ObjectId | None) -> Said | None:
    """The same, before there is a withdrawal; None when the order names nothing."""
    match order:
        case ForgetMe():
            return Said()
        case ForgetSince(day=day):
            return Said(community.id, since=datetime.combine(day, time(), UTC))
        case ForgetThread():
            return Said(community.id, thread=about) if about is not None else None


def forget(order: Forgetting, facts: ForgetFacts) -> Forgot:
    """What an order to take much back means."""
    under_way = facts.standing
    match order:
        case Confirm(code=code):
            return _confirmed(code, facts)
        case Cancel():
            return _cancelled(facts)
        case _:
            pass
    if under_way is not None and under_way.phase in (Phase.WAITING, Phase.RUNNING, Phase.ENDING):
        return Forgot((), (_say(facts, "forget.under_way"),))
    said = wanted(order, facts.community, facts.about)
    if said is None:
        return Forgot((), (_say(facts, "forget.which_thread"),))
    if facts.count == 0 and not isinstance(order, ForgetMe):
        return Forgot((), (_say(facts, "forget.none"),))
    withdrawal = _ordered(order, said, facts)
    before: tuple[Change, ...] = ()
    if under_way is not None and under_way.phase is Phase.ASKED:
        before = (PutWithdrawal(replace(under_way, phase=Phase.DONE)),)
    if withdrawal.phase is Phase.ASKED:
        code = "forget.confirm_me" if withdrawal.scope is Scope.ME else "forget.confirm"
        told = _say(
            facts,
            code,
            count=_messages(facts.count),
            code=facts.next_code,
            until=withdrawal.due_at.isoformat(),
            window=_window(facts.terms),
        )
        return Forgot((*before, PutWithdrawal(withdrawal)), (told,))
    told = _say(facts, "forget.going_many", count=_messages(facts.count))
    return Forgot((*before, PutWithdrawal(withdrawal)), (told,), _kept_back(withdrawal, facts.holds))


def _ordered(order: ForgetThread | ForgetSince | ForgetMe, said: Said, facts: ForgetFacts) -> Withdrawal:
    scope = Scope.ME if isinstance(order, ForgetMe) else Scope.SINCE if isinstance(order, ForgetSince) else Scope.THREAD
    asks = scope is Scope.ME or facts.count > facts.terms.confirm_over
    return Withdrawal(
        id=facts.event,
        community=facts.community.id,
        person=facts.author,
        scope=scope,
        phase=Phase.ASKED if asks else Phase.RUNNING,
        at=facts.now,
        due_at=facts.now + facts.terms.code_holds if asks else facts.now,
        alias=facts.alias if scope is Scope.ME else facts.author.native,
        since=said.since,
        about=said.thread,
        answer_in=facts.answer_in,
        clean=scope is not Scope.ME,
    )


def _confirmed(code: str, facts: ForgetFacts) -> Forgot:
    asked = facts.standing
    if asked is None or asked.phase is not Phase.ASKED:
        return Forgot((), (_say(facts, "forget.nothing_asked"),))
    if code != facts.code:
        return Forgot((), (_say(facts, "forget.wrong_code"),))
    begun = replace(asked, phase=Phase.WAITING, due_at=facts.now + facts.terms.cancel_window)
    changes: list[Change] = [PutWithdrawal(begun)]
    if asked.scope is Scope.ME:
        changes += [PutConsent(_silent(consent, facts.now)) for consent in facts.consents]
        if not any(consent.community == facts.community.id for consent in facts.consents):
            changes.append(PutConsent(_silent(Consent(facts.author.native, facts.community.id), facts.now)))
    told = _say(facts, "forget.window", window=_window(facts.terms), until=begun.due_at.isoformat())
    return Forgot(tuple(changes), (told,), _kept_back(asked, facts.holds))


def _cancelled(facts: ForgetFacts) -> Forgot:
    standing = facts.standing
    if standing is None or standing.phase not in (Phase.ASKED, Phase.WAITING):
        return Forgot((), (_say(facts, "forget.too_late" if standing is not None else "forget.nothing_to_cancel"),))
    code = "forget.cancelled" if standing.phase is Phase.WAITING and standing.scope is Scope.ME else "forget.cancelled_early"
    return Forgot((PutWithdrawal(replace(standing, phase=Phase.DONE)),), (_say(facts, code),))


def _silent(consent: Consent, now: datetime) -> Consent:
    return replace(consent, state=Crossing.OFF, rooms=(), since=now, opted_in_by_act=False)


def _kept_back(withdrawal: Withdrawal, holds: Iterable[Hold]) -> tuple[Release, ...]:
    """What has not left yet and would be taken back stays where it was written."""
    since, where = withdrawal.since, withdrawal.community
    match withdrawal.scope:
        case Scope.ME:
            within = list(holds)
        case Scope.SINCE if since is not None:
            within = [hold for hold in holds if hold.community == where and hold.since >= since]
        case _:
            within = []
    return tuple(Release(hold.event_id, Ending.LOCAL, BY_AUTHOR) for hold in within)


def expired(withdrawal: Withdrawal) -> Notice:
    """Nobody typed the code."""
    return Notice(withdrawal.person.native, notice("forget.expired"), answer_in=withdrawal.answer_in)


def left_room(person: Native, room: str, crossed: int) -> Notice:
    """What becomes of what they said is theirs to say."""
    called = f"“{line(room)}”" if room else "the room"
    return Notice(person, notice("leave.asked", (("room", called), ("crossed", _messages(crossed)))))


def receipt(withdrawal: Withdrawal, terms: Terms, *, final: bool) -> Notice:
    """What each server answered, in words; `final` when nobody is asked again."""
    answers: dict[Answer, list[str]] = {}
    for server, answer in withdrawal.servers:
        answers.setdefault(answer, []).append(server)
    accepted = len(answers.get(Answer.ACCEPTED, ()))
    rest = [sentence.replace("{servers}", _named(answers[answer])) for answer, sentence in _SENTENCES.items() if answer in answers]
    args: Mapping[str, str] = {
        "count": _messages(withdrawal.count),
        "accepted": f"{counted(accepted, 'server has', 'servers have')} accepted it" if accepted else "No server has accepted it so far",
        "rest": " ".join(rest),
        "days": str(terms.asked_again.days),
    }
    me = withdrawal.scope is Scope.ME
    if not withdrawal.servers:
        code = "forget.receipt_nobody_me" if me else "forget.receipt_nobody"
    elif final:
        code = "forget.receipt_final_me" if me else "forget.receipt_final"
    else:
        code = "forget.receipt"
    return Notice(withdrawal.person.native, notice(code, args.items()), answer_in=withdrawal.answer_in)


_SENTENCES: Mapping[Answer, str] = {
    Answer.SILENT: "No answer: {servers}.",
    Answer.REFUSED: "Refused: {servers}.",
    Answer.GONE: "No longer there: {servers}.",
}


def _named(servers: list[str]) -> str:
    shown = ", ".join(sorted(servers)[:MOST_NAMED])
    more = len(servers) - MOST_NAMED
    return f"{shown} and {counted(more, 'other', 'others')}" if more > 0 else shown


def _messages(number: int) -> str:
    return counted(number, "message", "messages")


def _window(terms: Terms) -> str:
    minutes = int(terms.cancel_window.total_seconds() // 60)
    return counted(minutes, "minute", "minutes") if minutes else f"{int(terms.cancel_window.total_seconds())} seconds"


def _say(facts: ForgetFacts, code: str, /, **args: str) -> Notice:
    return Notice(facts.author.native, notice(code, args.items()), answer_in=facts.answer_in)
