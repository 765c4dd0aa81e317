"""Keeps words where they were written until the person who wrote them says otherwise (N01).

Norms.md N01, precedence: (1) markers on the account, (2) markers on the message, (3) the room, (4) the community, (5) off. On the fediverse
the yes is addressing the community; `off` said aloud, and the markers, hold there too for everything outside that network.

What was said long ago, because the node or the server was down meanwhile, asks first: the talk has moved on (3.11, S27).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from bridge.model.actor import Mark
from bridge.model.audience import Audience
from bridge.model.content.membership import Membership
from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.ids import Native
from bridge.norms.context import Consent, Context, Crossing, Keep
from bridge.norms.decision import Finding, Reason, Rung, Verdict
from bridge.norms.norm import DAY, HOUR, Footing, Level, Norm, Params, footing, span, words_of

OFF = Reason("N01", "N01.off", Rung.LOCAL)
ACCOUNT = Reason("N01", "N01.account_marker", Rung.LOCAL)
KEPT = Reason("N01", "N01.kept", Rung.LOCAL)
KEPT_EDIT = Reason("N01", "N01.kept_edit", Rung.LOCAL)
ASK = Reason("N01", "N01.ask", Rung.HOLD)
LATE = Reason("N01", "N01.late", Rung.HOLD)
ASK_SIGN = Reason("N01", "N01.ask_sign", Rung.LOCAL)
UNANSWERED = Reason("N01", "N01.unanswered", Rung.LOCAL)
QUIET = Reason("N01", "N01.quiet", Rung.ALLOW)
NAMED = Reason("N01", "N01.named", Rung.ALLOW)

UNLINK = "unlink"
"""Transform: people in `context.unlinked` become plain text without a link."""

_HASHTAG = re.compile(r"(?<![\w&/#])#(?:nobridge|local)(?![\w-])", re.IGNORECASE)
_BANG = re.compile(r"\s*!local(?!\w)", re.IGNORECASE)


class Consented(Params, frozen=True):
    """In seconds. `ask_ttl`: an unanswered question keeps the words at home after it. `late_after`: older words ask before they cross."""

    ask_ttl: Annotated[int, span(HOUR, 7 * DAY)] = 24 * HOUR
    late_after: Annotated[int, span(HOUR, 30 * DAY)] = 48 * HOUR


def judge(event: Event, context: Context, params: Consented) -> tuple[Finding, ...]:
    """PASS, HOLD(ask) or STAY, for destinations away from home; and the ceiling the person chose."""
    kind = footing(event.content)
    if kind in (Footing.TAKES_BACK, Footing.INWARD):
        return ()
    away = _away(event, context)
    if away is not None and not away:
        return ()
    found = _said(event, context, params, kind, away)
    if context.unlinked and kind in (Footing.SPEAKS, Footing.REVISES):
        found.append(Finding(reason=NAMED, places=away, transforms=frozenset({UNLINK})))
    return tuple(found)


def kept_local(event: Event) -> bool:
    """Do the words themselves say that they stay: `#nobridge` or `#local` anywhere, `!local` in front?"""
    words = words_of(event.content)
    if words is None:
        return False
    texts = (words.text.plain, words.title or "", words.note.text if words.note else "")
    return any(_HASHTAG.search(text) for text in texts) or _BANG.match(words.text.plain) is not None


def _away(event: Event, context: Context) -> frozenset[Native] | None:
    """The destinations a yes is needed for; None for all. Who addressed a group is at home in all of its network."""
    if context.author.needs_consent:
        return None
    return frozenset(place.native for place in context.destinations if place.native.protocol != event.place.protocol)


def _said(event: Event, context: Context, params: Consented, kind: Footing, away: frozenset[Native] | None) -> list[Finding]:
    consent, marks = context.author.consent, context.author.marks
    state = _state(consent, event.place, needed=context.author.needs_consent)
    wants = context.keep is Keep.CROSS or state is not Crossing.OFF
    if Mark.NOBRIDGE in marks or (Mark.NOBOT in marks and not (consent is not None and consent.opted_in_by_act)):
        spoke_up = wants and context.author.needs_consent and kind is Footing.SPEAKS
        return [_stay(ACCOUNT, away, explain=spoke_up)]
    if kept_local(event):
        if kind is Footing.REVISES:
            return [_stay(KEPT_EDIT, away, explain=wants)]
        return [_stay(KEPT, away, explain=context.keep is Keep.CROSS)]
    if context.keep is Keep.LOCAL:
        return [_stay(KEPT, away)]
    if context.released is Ending.LOCAL:
        return [_stay(UNANSWERED, away)]
    if context.keep is Keep.CROSS:
        return _ceiling(state, away)
    match kind:
        case Footing.REVISES:
            return _revision(context, consent, state, away)
        case Footing.REACTS | Footing.SHOWS:
            return _wordless(event, state, away)
        case _:
            return _words(event, context, params, state, away)


def _state(consent: Consent | None, place: Native, *, needed: bool) -> Crossing:
    """Unknown is off for words that would leave home (norms.md 3.13); where addressing is the yes, only a spoken word changes it."""
    if consent is None:
        return Crossing.OFF if needed else Crossing.ON
    state = consent.in_room(place)
    spoken = consent.since is not None
    return Crossing.ON if state is Crossing.OFF and not needed and not spoken else state


def _words(event: Event, context: Context, params: Consented, state: Crossing, away: frozenset[Native] | None) -> list[Finding]:
    if state is Crossing.OFF:
        return [_stay(OFF, away)]
    # Only the author's own tap ends an ask with a yes: a second judgement without one keeps the words at home.
    if LATE.code in context.waits or (state is Crossing.ASK and ASK.code in context.waits):
        return [_stay(UNANSWERED, away)]
    asks = ASK if state is Crossing.ASK else LATE if _is_late(event, context, params) else None
    if asks is not None:
        return [Finding(reason=asks, verdict=Verdict.HOLD, places=away, wait=params.ask_ttl, on_expiry=Ending.LOCAL)]
    return _ceiling(state, away)


def _is_late(event: Event, context: Context, params: Consented) -> bool:
    """Did it come to us late? What we let wait ourselves did not, and who addressed a group is read there already."""
    if not context.author.needs_consent or context.waits:
        return False
    return context.now - event.at > timedelta(seconds=params.late_after)


def _revision(context: Context, consent: Consent | None, state: Crossing, away: frozenset[Native] | None) -> list[Finding]:
    """An edit follows its object, unless its author has said `off` since it crossed."""
    if state is not Crossing.OFF:
        return _ceiling(state, away)
    since = consent.since if consent is not None else None
    crossed_at = context.target.crossed_at if context.target is not None else None
    if crossed_at is not None and (since is None or crossed_at > since):
        return []
    return [_stay(OFF, away)]


def _wordless(event: Event, state: Crossing, away: frozenset[Native] | None) -> list[Finding]:
    """Signs and faces are not asked about one by one: under `ask` a sign stays, and a new name follows the words that crossed."""
    if state is Crossing.OFF:
        return [_stay(OFF, away)]
    if state is Crossing.ASK and (footing(event.content) is Footing.REACTS or isinstance(event.content, Membership)):
        return [_stay(ASK_SIGN, away)]
    return _ceiling(state, away)


def _ceiling(state: Crossing, away: frozenset[Native] | None) -> list[Finding]:
    return [Finding(reason=QUIET, places=away, audience=Audience.UNLISTED)] if state is Crossing.QUIET else []


def _stay(reason: Reason, away: frozenset[Native] | None, *, explain: bool = False) -> Finding:
    return Finding(reason=reason, verdict=Verdict.STAY, places=away, explain=explain)


NORM = Norm(
    id="N01",
    title="Consent to cross",
    rule="Your words stay where you wrote them until you say otherwise.",
    stage=1,
    level=Level.CONSTITUTIONAL,
    name="consent",
    judge=judge,
    params=Consented,
)
