"""Judges one event against all norms: pure, total, the same for the same input, and blind to the order of norms.

Norms.md 3.1, combining: verdict, delay and rung by maximum, transforms by union, audience by meet. Adding a norm never makes an
outcome laxer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from bridge.model.audience import meet
from bridge.model.content.release import Ending
from bridge.model.event import Event
from bridge.model.ids import Native
from bridge.model.place import Place
from bridge.norms import DEFAULT
from bridge.norms.audience import NORM as AUDIENCE
from bridge.norms.audience import NOT_CARRIED, closed
from bridge.norms.context import Context
from bridge.norms.decision import Decision, Explanation, Finding, Ruling, Rung, Tell, Verdict
from bridge.norms.norm import Footing, Norm, concerns, footing
from bridge.norms.normset import NormSet
from bridge.norms.wording import appeal


class Found(msgspec.Struct, frozen=True):
    norm: Norm
    finding: Finding

    def concerns(self, place: Place) -> bool:
        return self.finding.places is None or place.native in self.finding.places


Rulings = tuple[tuple[Native, Ruling], ...]

LONGEST = timedelta(hours=24)
"""How long automation lets anything wait (norms.md 3.5)."""

_CLOSEDNESS = {Ending.RELEASE: 0, Ending.LOCAL: 1, Ending.RETURN: 2}
_SIGNS = {Verdict.HOLD: "⏳", Verdict.STAY: "🏠", Verdict.DECLINE: "🏠"}


def judge(event: Event, context: Context, normset: NormSet = DEFAULT) -> Decision:
    """One Decision with a ruling for every destination, in their order. Never raises."""
    if footing(event.content) is Footing.TAKES_BACK:
        # Invariant I6: nothing stands before a deletion, whatever a norm might find.
        free = tuple((place.native, Ruling(Verdict.PASS, event.audience)) for place in context.destinations)
        return Decision(event_id=event.id, norms=normset.version, rulings=free, rung=Rung.ALLOW)
    asked = [one for one in normset.active if one.enabled and concerns(one.norm, event) and one.scope.covers(event, context)]
    found = [Found(one.norm, finding) for one in asked for finding in one.norm.judge(event, context, one.params)]
    found += _not_carried(found, event, context)
    found = [one for one in found if any(one.concerns(place) for place in context.destinations)]
    found.sort(key=_first_named)
    rulings = tuple((place.native, _rule([one for one in found if one.concerns(place)], event, context)) for place in context.destinations)
    reasons = tuple(dict.fromkeys(one.finding.reason for one in found if _matters(one, rulings)))
    explanation = _explain(found, rulings, context, normset.version)
    return Decision(
        event_id=event.id,
        norms=normset.version,
        rulings=rulings,
        rung=max((one.finding.reason.rung for one in found), default=Rung.ALLOW),
        reasons=reasons,
        explanation=explanation,
        tells=_tells(found, explanation, rulings, event),
        counter_ops=tuple(dict.fromkeys(op for one in found for op in one.finding.counter_ops)),
        mode_ops=tuple(dict.fromkeys(op for one in found for op in one.finding.mode_ops)),
    )


def _first_named(one: Found) -> tuple[int, int, int, str, str]:
    """The heaviest first, then by stage; what is equal in all of it is ordered by name, so that the order of norms cannot show."""
    reason = one.finding.reason
    return (-one.finding.verdict, -reason.rung, one.norm.stage, one.norm.id, reason.code)


def _not_carried(found: list[Found], event: Event, context: Context) -> list[Found]:
    """An empty meet: the circle that is left is one that the destination cannot keep."""
    if footing(event.content) is Footing.INWARD:
        return []
    places = set()
    for place in context.destinations:
        if closed(place, meet((event.audience, *(one.finding.audience for one in found if one.concerns(place))))):
            places.add(place.native)
    return [Found(AUDIENCE, Finding(reason=NOT_CARRIED, verdict=Verdict.STAY, places=frozenset(places)))] if places else []


def _matters(one: Found, rulings: Rulings) -> bool:
    """A wait is no reason for what does not wait: whoever stays at home is not told of a moment's grace."""
    if one.finding.verdict not in (Verdict.DELAY, Verdict.HOLD):
        return True
    places = one.finding.places
    return any(places is None or native in places for native, ruling in rulings if ruling.until is not None)


def _rule(found: list[Found], event: Event, context: Context) -> Ruling:
    """All findings for one destination as one ruling; `found` is sorted, its first is the one to name."""
    findings = [one.finding for one in found]
    verdict = max((finding.verdict for finding in findings), default=Verdict.PASS)
    waits = [_until(finding, context) for finding in findings if finding.verdict in (Verdict.DELAY, Verdict.HOLD)]
    until = max(waits, default=None)
    if verdict is Verdict.DELAY and until is not None and until <= context.now:
        verdict = Verdict.PASS
    waiting = verdict in (Verdict.DELAY, Verdict.HOLD)
    endings = [finding.on_expiry for finding in findings if waiting and finding.verdict is verdict]
    return Ruling(
        verdict=verdict,
        audience=meet((event.audience, *(finding.audience for finding in findings))),
        until=until if waiting else None,
        on_expiry=max(endings, key=_CLOSEDNESS.__getitem__, default=Ending.RELEASE),
        transforms=frozenset[str]().union(*(finding.transforms for finding in findings)),
        reason=findings[0].reason.code if verdict is not Verdict.PASS else "",
    )


def _until(finding: Finding, context: Context) -> datetime:
    """Everything that waits has an end (I4): a finding without one waits as long as a review."""
    if finding.until is not None:
        return finding.until
    return context.now + (timedelta(seconds=finding.wait) if finding.wait is not None else LONGEST)


def _explain(found: list[Found], rulings: Rulings, context: Context, version: str) -> Explanation | None:
    """One for all destinations. A destination where the author chose this themselves, or the transport refused, asks for none."""
    for place, (_, ruling) in sorted(zip(context.destinations, rulings, strict=True), key=lambda one: (-one[1][1].verdict, one[0].native)):
        if ruling.verdict < Verdict.HOLD:
            continue
        deciding = [one for one in found if one.concerns(place) and one.finding.verdict == ruling.verdict]
        if all(one.finding.explain for one in deciding):
            return _explanation(deciding[0], ruling, version)
    return None


def _explanation(one: Found, ruling: Ruling, version: str) -> Explanation:
    code = one.finding.reason.code
    until = (("until", ruling.until.isoformat()),) if ruling.until is not None else ()
    args = (*one.finding.args, *until, ("norm", one.norm.title), ("version", version))
    return Explanation(code=code, args=args, appeal=appeal(code))


def _tells(found: list[Found], explanation: Explanation | None, rulings: Rulings, event: Event) -> tuple[Tell, ...]:
    """The neutral sign for whoever has no conversation with the bot yet, then what norms want to say."""
    asked = tuple(dict.fromkeys(tell for one in found for tell in one.finding.tells))
    if explanation is None:
        return asked
    sign = _SIGNS[max(ruling.verdict for _, ruling in rulings)]
    return (Tell(event.author.native, explanation.code, explanation.args, sign), *asked)
