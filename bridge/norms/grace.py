"""Gives a person a moment to change their mind before their words first leave, and lets nothing overtake what it answers.

Norms.md 3.1, grace period. The moment is counted from the decision, so after an outage an edit or a deletion that waits in line
behind its message is still free (S27).
"""

from __future__ import annotations

from typing import Annotated

from bridge.model.event import Event
from bridge.norms.context import Context
from bridge.norms.decision import Finding, Reason, Rung, Verdict
from bridge.norms.norm import HOUR, Footing, Level, Norm, Params, footing, span

GRACE = Reason("grace", "grace.own", Rung.ALLOW)
PARENT = Reason("grace", "grace.parent", Rung.ALLOW)
TARGET = Reason("grace", "grace.target", Rung.ALLOW)

LONGEST = 3600.0
"""Seconds; a stored value beyond it is an accident."""


class Grace(Params, frozen=True):
    """`grace_s` in seconds, for people who chose nothing themselves (N01)."""

    grace_s: Annotated[int, span(0, HOUR)] = 15


def judge(event: Event, context: Context, params: Grace) -> tuple[Finding, ...]:
    """DELAY for new words of people who were asked, and for whatever is about something that waits itself."""
    kind = footing(event.content)
    found = []
    if kind is Footing.SPEAKS and context.author.needs_consent and context.released is None:
        consent = context.author.consent
        seconds = min(float(consent.grace if consent is not None else params.grace_s), LONGEST)
        if seconds > 0:
            found.append(Finding(reason=GRACE, verdict=Verdict.DELAY, wait=seconds, explain=False))
    target = context.target
    if kind in (Footing.SPEAKS, Footing.REVISES, Footing.REACTS) and target is not None and not target.retracted:
        waits = target.held_until
        if waits is not None and waits > context.now:
            reason = PARENT if kind is Footing.SPEAKS else TARGET
            found.append(Finding(reason=reason, verdict=Verdict.DELAY, until=waits, explain=False))
    return tuple(found)


NORM = Norm(
    id="grace",
    title="A moment to change your mind",
    rule="New words wait a few seconds before they leave, and an answer waits with what it answers.",
    stage=1,
    level=Level.CONSTITUTIONAL,
    name="grace",
    judge=judge,
    params=Grace,
)
