"""Keeps crossing from ever widening a circle: the author's own audience, the place it was written in and its target are ceilings (I1).

Norms.md 3.1, audience lattice. Ceilings combine by meet; `closed` is what judging asks of the result, for each destination.
"""

from __future__ import annotations

from bridge.model.audience import Audience
from bridge.model.event import Event
from bridge.model.place import Place, admits, ceiling
from bridge.norms.context import Context
from bridge.norms.decision import Finding, Reason, Rung, Verdict
from bridge.norms.norm import Footing, Level, Norm, Params, footing

AUTHOR = Reason("audience", "audience.author", Rung.ALLOW)
ROOM = Reason("audience", "audience.room", Rung.ALLOW)
TARGET = Reason("audience", "audience.target", Rung.ALLOW)
ENCRYPTED = Reason("audience", "audience.encrypted", Rung.LOCAL)
STAYED = Reason("audience", "audience.target_stayed", Rung.LOCAL)
TAKEN_BACK = Reason("audience", "audience.target_taken_back", Rung.LOCAL)
NOT_THE_AUTHOR = Reason("audience", "audience.not_the_author", Rung.LOCAL)
NOT_CARRIED = Reason("audience", "audience.not_carried", Rung.LOCAL)


def judge(event: Event, context: Context, params: Params) -> tuple[Finding, ...]:  # noqa: ARG001  (a norm without parameters)
    """Ceilings, and STAY for what is about something that is not out there."""
    kind = footing(event.content)
    if kind in (Footing.TAKES_BACK, Footing.INWARD):
        return ()
    found = []
    if event.audience is not Audience.PUBLIC:
        found.append(Finding(reason=AUTHOR, audience=event.audience))
    top = ceiling(context.origin)
    if top is Audience.LOCAL:
        found.append(Finding(reason=ENCRYPTED, verdict=Verdict.STAY, audience=top))
    elif top is not Audience.PUBLIC:
        found.append(Finding(reason=ROOM, audience=top))
    if kind in (Footing.REVISES, Footing.REACTS):
        found += _about(event, context, kind)
    return tuple(found)


def _about(event: Event, context: Context, kind: Footing) -> list[Finding]:
    """An edit or a sign goes where its target is, and no further."""
    target = context.target
    if target is None:
        return [Finding(reason=STAYED, verdict=Verdict.STAY, explain=False)]
    found = []
    if kind is Footing.REVISES and target.author != event.author.native:
        found.append(Finding(reason=NOT_THE_AUTHOR, verdict=Verdict.STAY, explain=False))
    if target.retracted:
        found.append(Finding(reason=TAKEN_BACK, verdict=Verdict.STAY, explain=False))
    elif not target.crossed and target.held_until is None:
        found.append(Finding(reason=STAYED, verdict=Verdict.STAY, explain=False))
    if target.audience is not Audience.PUBLIC:
        found.append(Finding(reason=TARGET, audience=target.audience))
    return found


def closed(place: Place, audience: Audience) -> bool:
    """Is this destination no place for this circle? Private words enter no room and no group but a portal; local ones go nowhere."""
    return audience is Audience.LOCAL or not admits(place, audience)


NORM = Norm(
    id="audience",
    title="Never to more people",
    rule="Crossing never shows words to more people than their author chose.",
    stage=1,
    level=Level.CONSTITUTIONAL,
    name="audience",
    judge=judge,
)
