"""Turns a decision that waits into a row, and a person's or the clock's word about it into what follows.

A hold for its author (`ask`) is never ended by anybody else: opting in is the person's own act (N01).
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from bridge.changes import LetIn
from bridge.model.content.notice import Notice
from bridge.model.content.release import Ending, Release
from bridge.model.event import Event, encode, object_of
from bridge.model.record import Hold
from bridge.moderation.acts import Acts
from bridge.moderation.wording import NOTICES, notice
from bridge.norms import consent, grace, knocks, welcome
from bridge.norms.decision import Decision, Verdict
from bridge.norms.wording import bounded

LONGEST_REASON = 300

_KINDS = {
    knocks.KNOCK.code: "knock",
    welcome.FIRST.code: "review",
    consent.ASK.code: "ask",
    consent.LATE.code: "ask",
    grace.PARENT.code: "parent",
    grace.TARGET.code: "parent",
    grace.GRACE.code: "grace",
}
"""Heaviest first: what waits for several things is named by the first."""


class Action(enum.StrEnum):
    RELEASE = "release"
    RETURN = "return"


class Refused(msgspec.Struct, frozen=True):
    """It is not theirs to decide; `text` says why, for whoever asked."""

    text: str


def hold_of(event: Event, decision: Decision, now: datetime, waited: tuple[str, ...] = ()) -> Hold | None:
    """The row of an event that waits somewhere; None when it waits nowhere. `waited`: what it waited for before (of the earlier hold)."""
    waiting = [ruling for _, ruling in decision.rulings if ruling.verdict in (Verdict.DELAY, Verdict.HOLD) and ruling.until is not None]
    if not waiting:
        return None
    ruling = max(waiting, key=lambda one: (one.verdict, one.until))
    codes = [code for code in _KINDS if any(reason.code == code for reason in decision.reasons)]
    code = next((code for code in codes if code == ruling.reason), codes[0] if codes else ruling.reason)
    return Hold(
        event_id=event.id,
        community=event.community,
        object=object_of(event),
        author=event.author.native,
        kind=_KINDS.get(code, "review" if ruling.verdict is Verdict.HOLD else "grace"),
        code=code,
        since=now,
        due_at=ruling.until or now,
        on_expiry=ruling.on_expiry,
        body=encode(event),
        handle=event.author.handle,
        waited=tuple(dict.fromkeys((*waited, *codes))),
    )


def decide(hold: Hold, action: Action, by: str, reason: str = "") -> Acts | Refused:
    """A person's word about a hold; `by` is a role or handle for the record. Told to the author, whatever they were told before."""
    if hold.kind == "ask":
        return Refused(NOTICES["decide.authors"])
    if hold.kind == "knock":
        return Refused(NOTICES["decide.knock"])
    if hold.kind != "review":
        return Refused(NOTICES["decide.time"])
    why = bounded(reason, LONGEST_REASON)
    match action:
        case Action.RELEASE:
            return Acts(
                changes=(LetIn(hold.author, hold.community, hold.event_id),),
                releases=(Release(hold.event_id, Ending.RELEASE, by, why),),
                notices=(Notice(hold.author, notice("hold.released")),),
            )
        case Action.RETURN:
            told = notice("hold.returned", (("reason", why or "nothing more; you can ask."),))
            return Acts(releases=(Release(hold.event_id, Ending.RETURN, by, why),), notices=(Notice(hold.author, told),))


def due(hold: Hold) -> Acts:
    """What time decides. An unanswered ask ends quietly, as its author was told; what nobody looked at comes back with a word."""
    release = Release(hold.event_id, hold.on_expiry)
    if hold.kind == "review" and hold.on_expiry is Ending.RETURN:
        return Acts(releases=(release,), notices=(Notice(hold.author, notice("hold.returned_unseen")),))
    return Acts(releases=(release,))
