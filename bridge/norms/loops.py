"""Keeps a post from going round: what a bridge made is not bridged on, and no automated voice is relayed.

Norms.md 3.2 (loop guard), design section 6 (a marked object may land once in one more room where its origin bridge is absent; it is
final there), scenario S08. Refusals of the transport are the first exception to invariant I2: nobody is written to, they are counted.
"""

from __future__ import annotations

from bridge.model.content.message import Manner
from bridge.model.event import Event
from bridge.model.ids import Native
from bridge.model.place import Place, PlaceKind
from bridge.norms.context import Context
from bridge.norms.decision import Finding, Reason, Rung, Verdict
from bridge.norms.norm import Footing, Level, Norm, Params, footing, words_of

OURS = Reason("loops", "loop.ours", Rung.LOCAL)
GHOST = Reason("loops", "loop.ghost", Rung.LOCAL)
OTHER_BRIDGE = Reason("loops", "loop.other_bridge", Rung.LOCAL)
FINAL = Reason("loops", "loop.final", Rung.LOCAL)
CARRIED = Reason("loops", "loop.carried", Rung.LOCAL)
AUTOMATED = Reason("loops", "loop.automated", Rung.LOCAL)
NOTICE = Reason("loops", "loop.notice", Rung.LOCAL)
REPEATED = Reason("loops", "loop.repeated", Rung.LOCAL)
INWARD = Reason("loops", "loop.inward", Rung.ALLOW)


def judge(event: Event, context: Context, params: Params) -> tuple[Finding, ...]:  # noqa: ARG001  (a norm without parameters)
    """STAY for whatever would go round. Taking back is never stopped: a copy that should not be there must be removable."""
    kind = footing(event.content)
    if kind is Footing.TAKES_BACK:
        return ()
    if kind is Footing.INWARD:
        return (_stay(INWARD),)
    found = [_stay(reason) for reason in _everywhere(event, context, kind)]
    if carried := frozenset(place.native for place in context.destinations if _is_carried(context, place)):
        found.append(_stay(CARRIED, carried))
    if event.provenance.hops >= 1 or event.provenance.node:
        closed = frozenset(place.native for place in context.destinations if not _may_land(event, context, place))
        if closed:
            found.append(_stay(FINAL, closed))
    elif context.author.ghost_of_other:
        found.append(_stay(OTHER_BRIDGE))
    return tuple(found)


def _everywhere(event: Event, context: Context, kind: Footing) -> list[Reason]:
    author, words = context.author, words_of(event.content)
    found = []
    if event.provenance.node and event.provenance.node == context.node:
        found.append(OURS)
    if author.ghost_of_ours:
        found.append(GHOST)
    if author.automated:
        found.append(AUTOMATED)
    if words is not None and words.manner is Manner.NOTICE:
        found.append(NOTICE)
    if kind is Footing.SPEAKS and context.relayed_before:
        found.append(REPEATED)
    return found


def _may_land(event: Event, context: Context, place: Place) -> bool:
    if event.provenance.hops > 1 or place.kind is not PlaceKind.ROOM:
        return False
    return event.provenance.node not in _others(context, place.native)


def _is_carried(context: Context, place: Place) -> bool:
    """Does another node carry what is said here to that place already? Both are then its own, and a second copy would be ours."""
    return place.native != context.origin.native and not _others(context, context.origin.native).isdisjoint(_others(context, place.native))


def _others(context: Context, place: Native) -> frozenset[str]:
    return frozenset().union(*(nodes for native, nodes in context.others if native == place))


def _stay(reason: Reason, places: frozenset[Native] | None = None) -> Finding:
    return Finding(reason=reason, verdict=Verdict.STAY, places=places, explain=reason is REPEATED)


NORM = Norm(
    id="loops",
    title="No echoes",
    rule="Each thing said appears once in each place.",
    stage=0,
    level=Level.CONSTITUTIONAL,
    name="loops",
    judge=judge,
)
