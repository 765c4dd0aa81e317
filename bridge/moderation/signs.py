"""The signs moderators put on a card, each one word of the vocabulary (norms.md 4.2); what a sign means depends on what the card is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from bridge.model.act import Act, Deed, Via
from bridge.model.case import Case, Outcome
from bridge.model.event import Event
from bridge.model.record import Hold

SIGNS: Mapping[str, Deed] = {
    "✅": Deed.RELEASE,
    "↩": Deed.RETURN,
    "⏳": Deed.HOLD,
    "🏷": Deed.NOTE,
    "🧊": Deed.SLOW,
    "🛡": Deed.GUARD,
    "🔒": Deed.LOCK,
    "🙅": Deed.REMOVE,
    "🔇": Deed.LIMIT,
    "⛔": Deed.BAN,
    "🔁": Deed.UNDO,
}

LONGER = timedelta(hours=12)
"""By what ⏳ lets something wait on."""

LIMITED = timedelta(hours=24)
"""How long 🔇 lasts."""

OUTCOMES: Mapping[Deed, Outcome] = {
    Deed.NOTE: Outcome.NOTE,
    Deed.WARN: Outcome.NOTE,
    Deed.REMOVE: Outcome.REMOVE,
    Deed.LIMIT: Outcome.RESTRICTION,
    Deed.REST: Outcome.RESTRICTION,
    Deed.BAN: Outcome.RESTRICTION,
    Deed.RESTORE: Outcome.RESTORE,
}
"""What a case comes to when an act about its subject is carried out."""

_VARIATIONS = dict.fromkeys((0xFE0E, 0xFE0F))
_SPANS = {Deed.HOLD: LONGER, Deed.LIMIT: LIMITED}


def deed_of(key: str) -> Deed | None:
    """With or without a variation selector; None for every other sign."""
    return SIGNS.get(key.translate(_VARIATIONS))


def on_case(deed: Deed, case: Case, event: Event) -> Act:
    """Of a case's card: about what the case is about. `seen` is the form of the case that the card shows."""
    return Act(
        id=event.id,
        deed=deed,
        by=event.author.native,
        at=event.at,
        via=Via.CARD,
        object=case.object,
        person=case.person,
        span=_SPANS.get(deed),
        about=case.id,
        seen=case.version,
    )


def on_hold(deed: Deed, hold: Hold, event: Event) -> Act:
    """Of the card of what waits, when one alone waits there."""
    return Act(
        id=event.id,
        deed=deed,
        by=event.author.native,
        at=event.at,
        via=Via.CARD,
        object=hold.object,
        person=hold.author,
        span=_SPANS.get(deed),
        about=hold.event_id,
    )
