"""Private messages from the other side knock first (norms.md N17): nobody is written to who has not let that person in.

What waits is told to nobody but the member it is for, and whoever wrote it never learns more than that it was not delivered. That is the
norm's own exception from explaining: a fuller answer would tell a harasser which account to try next.
"""

from __future__ import annotations

from typing import Annotated

from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.portal import Callers, Stance
from bridge.norms.context import Context, Knock, Rank
from bridge.norms.decision import Finding, Reason, Rung, Verdict
from bridge.norms.norm import DAY, Footing, Norm, Params, Stricter, footing, number, span

KNOCK = Reason("N17", "N17.knock", Rung.HOLD)
NOT_DELIVERED = Reason("N17", "N17.not_delivered", Rung.DECLINE)
RETURNED = Reason("N17", "N17.returned", Rung.LOCAL)


class Knocks(Params, frozen=True):
    """`keep_s`: seconds that undelivered words wait. `per_recipient`, `per_sender`: knocks in a day; as many messages as one sender may knock
    wait behind one knock."""

    keep_s: Annotated[int, span(DAY, 7 * DAY, Stricter.LESS)] = 7 * DAY
    per_recipient: Annotated[int, number(1, 10, Stricter.LESS)] = 3
    per_sender: Annotated[int, number(1, 20, Stricter.LESS)] = 5


def judge(event: Event, context: Context, params: Knocks) -> tuple[Finding, ...]:
    """HOLD for a first message, DECLINE for one that may not knock; nothing about a conversation that is open."""
    knock = context.knock
    if knock is None or footing(event.content) in (Footing.TAKES_BACK, Footing.INWARD):
        return ()
    if context.released is Ending.RETURN:
        return (Finding(reason=RETURNED, verdict=Verdict.STAY),)
    if knock.stance is Stance.OPEN:
        return ()
    if footing(event.content) is not Footing.SPEAKS or not may_knock(knock, context.author.rank, params):
        return (Finding(reason=NOT_DELIVERED, verdict=Verdict.DECLINE),)
    return (Finding(reason=KNOCK, verdict=Verdict.HOLD, wait=params.keep_s, on_expiry=Ending.RETURN, explain=False),)


def may_knock(knock: Knock, rank: Rank, params: Knocks) -> bool:
    """Within what the member set, and within what one person can bear in a day."""
    if knock.stance is Stance.CLOSED or knock.callers is Callers.NOBODY:
        return False
    if knock.strangers_shut and is_stranger(knock, rank):
        return False
    if knock.stance is Stance.KNOCKS:
        return knock.waiting < params.per_sender
    received = knock.received if is_stranger(knock, rank) else knock.received_open
    return received < params.per_recipient and knock.sent < params.per_sender


def may_show(knock: Knock, rank: Rank) -> bool:
    """May the knock bring the beginning of its words? Never of somebody nobody here has met."""
    if knock.familiar:
        return True
    match knock.callers:
        case Callers.MEMBERS:
            return rank in (Rank.NEWCOMER, Rank.KNOWN)
        case Callers.EVERYONE:
            return rank is not Rank.VISITOR
        case _:
            return False


def is_stranger(knock: Knock, rank: Rank) -> bool:
    """Neither a member here, nor somebody this member talks with."""
    return not knock.familiar and rank in (Rank.VISITOR, Rank.READER)


NORM = Norm(
    id="N17",
    title="Messages from the other side",
    rule="Private messages knock first.",
    stage=3,
    name="dm",
    judge=judge,
    params=Knocks,
)
