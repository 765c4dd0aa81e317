"""Counts within windows, without names and bounded: a ring of buckets, a capped set, or a value that leaks. All pure.

Norms.md 3.9 and 3.11. What is forgotten early only makes the engine milder: a counter that starts again counts less.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import msgspec

from bridge.model.event import Event
from bridge.model.ids import Native, derive
from bridge.norms.context import Context
from bridge.norms.decision import CounterOp, Tally

BUCKETS = 60
"""Of one ring at most: a window is counted as finely as one part in sixty."""

LONGEST = 7 * 86_400
"""Seconds; the longest window of a counter."""

LATE = timedelta(minutes=10)
"""An event that was made longer before it arrived is catching up, and catching up is no raid (S27)."""

MOST_KEYS = 200_000
"""Live keys of one node; the least recently used goes."""


class Ring(msgspec.Struct, frozen=True, tag="count"):
    """`last` is the number of the newest bucket since 1970, `buckets` end with it; `total` is their sum."""

    last: int
    buckets: tuple[int, ...]
    total: int


class Crowd(msgspec.Struct, frozen=True, tag="distinct"):
    """Who was seen, as keyed hashes with the second they were last seen, the latest last."""

    members: tuple[tuple[str, int], ...]


class Leak(msgspec.Struct, frozen=True, tag="leaky"):
    """`value` as it was at `at` (seconds since 1970)."""

    value: float
    at: float


Counter = Ring | Crowd | Leak


class Count(msgspec.Struct, frozen=True):
    """One counter as it is kept. `until`: without one more, it is empty then and goes."""

    key: str
    counter: Counter
    until: datetime
    who: str = ""


def secret_of(secret: bytes, now: datetime, days: int) -> bytes:
    """What keys the hashes of one day, or of one week of seven days: the node's secret, renewed with it."""
    number = int(now.timestamp()) // 86_400 // days
    return derive(secret, "counters", str(days), str(number)).encode()


def key(secret_of_the_day: bytes, norm: str, window: int, *parts: str) -> str:
    """A keyed hash of what is counted. Windows longer than a day are keyed with the secret of the week."""
    return derive(secret_of_the_day, norm, str(window), *parts)


def member(secret_of_the_day: bytes, who: str) -> str:
    """A keyed hash of somebody to be told apart from others; short, because a thousand of them stand in one value."""
    return derive(secret_of_the_day, "member", who)[:13]


def about(secret_of_the_day: bytes, person: Native) -> str:
    """A keyed hash of the person a counter is about (`CounterOp.who`)."""
    return derive(secret_of_the_day, "about", str(person))


def all_about(secret: bytes, person: Native, now: datetime) -> tuple[str, ...]:
    """Every `about` of somebody that a live counter may bear: of the node's secret, today's and yesterday's, this week's and the last's."""
    return tuple(about(secret_of(secret, now - timedelta(days=back * days), days), person) for days in (1, 7) for back in (0, 1))


def secret_for(context: Context, window: int) -> bytes:
    """The secret that goes with a window of so many seconds."""
    return context.secret_of_the_day if window <= 86_400 else context.secret_of_the_week


def is_late(event: Event) -> bool:
    """Does it arrive so late that it counts for no volume (norms.md 3.11)?"""
    return event.received_at - event.at > LATE


def value(counter: Counter | None, op: CounterOp, now: datetime) -> int:
    """What the counter says at this moment, whole; 0 for none, or for one of another kind."""
    moment = now.timestamp()
    match counter, op.kind:
        case Ring() as ring, Tally.COUNT:
            return _turned(ring, op, moment).total
        case Crowd() as crowd, Tally.DISTINCT:
            return len(_present(crowd, op, moment))
        case Leak() as leak, Tally.LEAKY:
            return math.ceil(_left(leak, op, moment))
        case _:
            return 0


def add(counter: Counter | None, op: CounterOp, now: datetime) -> Counter:
    """The counter with one more. A counter of another kind, as an older version of a norm left it, begins again."""
    moment = now.timestamp()
    match op.kind:
        case Tally.COUNT:
            ring = _turned(counter if isinstance(counter, Ring) else Ring(_bucket(op, moment), (0,), 0), op, moment)
            return Ring(ring.last, (*ring.buckets[:-1], ring.buckets[-1] + 1), ring.total + 1)
        case Tally.DISTINCT:
            present = _present(counter, op, moment) if isinstance(counter, Crowd) else ()
            others = [one for one in present if one[0] != op.member]
            return Crowd((*others[max(len(others) - op.cap + 1, 0) :], (op.member, int(moment))))
        case Tally.LEAKY:
            left = _left(counter, op, moment) if isinstance(counter, Leak) else 0.0
            return Leak(min(left + 1, float(op.cap)), max(moment, counter.at) if isinstance(counter, Leak) else moment)


def count(ops: tuple[CounterOp, ...], kept: dict[str, Count], now: datetime) -> tuple[Count, ...]:
    """Every counter that `ops` name, with this event in it."""
    found = []
    for op in ops:
        old = kept.get(op.key)
        found.append(Count(op.key, add(old.counter if old is not None else None, op, now), now + timedelta(seconds=_length(op)), op.who))
    return tuple(found)


def _length(op: CounterOp) -> int:
    return min(max(op.window, 1), LONGEST)


def _width(op: CounterOp) -> float:
    return _length(op) / BUCKETS


def _bucket(op: CounterOp, moment: float) -> int:
    return int(moment // _width(op))


def _turned(ring: Ring, op: CounterOp, moment: float) -> Ring:
    """With the newest bucket at this moment. A clock that went back adds to the newest there is."""
    steps = _bucket(op, moment) - ring.last
    if steps <= 0:
        return ring
    buckets = ((*ring.buckets, *(0,) * steps) if steps < BUCKETS else (0,))[-BUCKETS:]
    return Ring(ring.last + steps, buckets, sum(buckets))


def _present(crowd: Crowd, op: CounterOp, moment: float) -> tuple[tuple[str, int], ...]:
    return tuple(one for one in crowd.members if one[1] > moment - _length(op))


def _left(leak: Leak, op: CounterOp, moment: float) -> float:
    drained = max(moment - leak.at, 0.0) * op.cap / _length(op)
    return max(min(leak.value, float(op.cap)) - drained, 0.0)
