"""Lets a person look first when somebody new writes: visitors and readers wait once, and pass from then on (N05, first contact).

Design section 6 says readers are mirrored; ADR 0010 says why a reader's first post waits all the same. Until someone is let in,
their signs are counted and not shown. What a group on another server announces was let in by that group.
"""

from __future__ import annotations

from typing import Annotated

from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.place import PlaceKind
from bridge.norms.context import Context, Rank
from bridge.norms.decision import Finding, Reason, Rung, Verdict
from bridge.norms.norm import DAY, HOUR, Footing, Norm, Params, footing, span

FIRST = Reason("N05", "N05.first_contact", Rung.HOLD)
RETURNED = Reason("N05", "N05.returned", Rung.LOCAL)
COUNTED = Reason("N05", "N05.counted", Rung.LOCAL)


class Welcome(Params, frozen=True):
    """`visitor_wait` in seconds: how long a person has to look."""

    visitor_wait: Annotated[int, span(HOUR, DAY)] = DAY


def judge(event: Event, context: Context, params: Welcome) -> tuple[Finding, ...]:
    """HOLD for a person to look, until they did; then the author is known here."""
    kind = footing(event.content)
    if kind in (Footing.TAKES_BACK, Footing.INWARD, Footing.SHOWS):
        return ()
    if context.released is Ending.RETURN:
        return (Finding(reason=RETURNED, verdict=Verdict.STAY, explain=False),)
    if not _new(context):
        return ()
    if kind is Footing.REACTS:
        return (Finding(reason=COUNTED, verdict=Verdict.STAY, explain=False),)
    looked = context.released is Ending.RELEASE and FIRST.code in context.waits
    if looked or kind is Footing.REVISES:
        return ()
    args = (("place", context.origin.name),) if context.origin.name else ()
    return (Finding(reason=FIRST, verdict=Verdict.HOLD, wait=params.visitor_wait, on_expiry=Ending.RETURN, args=args),)


def _new(context: Context) -> bool:
    author = context.author
    return author.rank in (Rank.VISITOR, Rank.READER) and author.released == 0 and context.origin.kind is not PlaceKind.FOREIGN_GROUP


NORM = Norm(
    id="N05",
    title="Welcome and first contact",
    rule="New faces meet a person first.",
    stage=4,
    name="welcome",
    judge=judge,
    params=Welcome,
)
