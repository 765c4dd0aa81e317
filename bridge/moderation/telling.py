"""Says who hears about a decision, and how: in words where we may write to them, else with a neutral sign; strangers at most once a day.

Norms.md 3.7, delivery and limits against back-scatter.
"""

from __future__ import annotations

from bridge.model.content.notice import Notice
from bridge.model.event import Event, object_of
from bridge.norms.context import Rank
from bridge.norms.decision import Decision
from bridge.norms.wording import explain


def tell(event: Event, decision: Decision, rank: Rank, *, may_write: bool, told_recently: bool) -> tuple[Notice, ...]:
    """The notices that a decision asks for.

    `may_write`: they wrote to us in private before, or live where the group answers by direct message. `told_recently`: this person had an
    explanation within the last 24 hours.
    """
    if decision.explanation is None:
        return ()
    stranger = rank in (Rank.VISITOR, Rank.READER)
    if stranger and told_recently:
        return ()
    if may_write:
        return (Notice(event.author.native, explain(decision.explanation)),)
    sign = next((tell.sign for tell in decision.tells if tell.sign and tell.to == event.author.native), "")
    return (Notice(event.author.native, about=object_of(event), sign=sign),) if sign else ()
