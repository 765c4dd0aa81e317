"""Promises to tell the life of one event in sentences: what came, what was decided and why, where it went, what did not arrive."""

from __future__ import annotations

from typing import assert_never

from bridge.commands.table import moment, safe
from bridge.model.item import Omission, Stage, Standing
from bridge.model.record import Record

__all__ = ["life"]


def life(record: Record) -> tuple[str, ...]:
    """One line each, in the order in which things happened; words of other people's software are made safe."""
    lines = [
        f"Event {record.event_id}",
        f"Received {moment(record.received_at)} UTC: {_article(record.kind)}, in {safe(str(record.place))}.",
        f"Judged: {safe(record.ended)}.",
        *(f"  Because: {safe(reason)}" for reason in record.reasons),
    ]
    if record.held_until is not None:
        lines.append(f"Held until {moment(record.held_until)} UTC, unless someone decides earlier (folkmoot holds list).")
    lines += [_omitted(omission) for omission in record.omissions]
    lines += _delivered(record.standings)
    return tuple(lines)


def _omitted(omission: Omission) -> str:
    return f"Not carried to {safe(str(omission.place))}: {safe(omission.text)} ({omission.code})"


def _delivered(standings: tuple[Standing, ...]) -> list[str]:
    if not standings:
        return ["Nothing of it was sent anywhere."]
    arrived = sum(standing.stage is Stage.DELIVERED for standing in standings)
    lines = [f"Delivered to {arrived} of {len(standings)} destinations."]
    return lines + [_standing(standing) for standing in standings if standing.stage is not Stage.DELIVERED]


def _standing(standing: Standing) -> str:
    where = f"{safe(standing.destination.address)} ({standing.form})"
    why = safe(standing.why)
    match standing.stage:
        case Stage.WAITING:
            tried = f", tried {standing.attempts} times, last answer: {why}" if standing.attempts else ""
            later = f", next try {moment(standing.next_at)} UTC" if standing.next_at else ""
            return f"  Waiting for {where}{tried}{later}."
        case Stage.DEAD:
            return f"  Will not reach {where}, after {standing.attempts} tries: {why}"
        case Stage.GIVEN_UP:
            return f"  Given up for {where}: {why}"
        case Stage.DELIVERED:
            return f"  Arrived at {where}."
        case _ as never:
            assert_never(never)


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"
