"""The next items of many lanes at once, for a fan-out: what a thousand lanes hear next costs a few statements, not thousands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, case, select, union_all

from bridge.model.item import Item
from bridge.streams import LaneState, Queued, Window
from storage.changes.outgoing import decode_item
from storage.schema import destinations, heads, hearing, lanes, out, out_roster, out_to

__all__ = ["SPAN", "read_windows"]

SPAN = 32
"""Positions looked at from where a lane stands. A lane with nothing so near is read by itself: it hears little of what is written."""

_BATCH = 500
"""Values in one IN list."""

_STANDS = case((lanes.c.awake > lanes.c.cursor, lanes.c.awake - 1), else_=lanes.c.cursor)
# Materialized, so that it is looked at first: else SQLite reads the whole history of a roster before it knows where a lane stands.
_ASKED = (
    select(lanes.c.destination, destinations.c.address, lanes.c.urgent, lanes.c.cursor, _STANDS.label("stands"))
    .join(destinations, destinations.c.id == lanes.c.destination)
    .where(
        destinations.c.protocol == bindparam("protocol"),
        destinations.c.address.in_(bindparam("addresses", expanding=True)),
        lanes.c.awake.is_not(None),
    )
    .cte("asked")
    .prefix_with("MATERIALIZED")
)
_WHOSE = (_ASKED.c.address, _ASKED.c.urgent, _ASKED.c.cursor, _ASKED.c.stands)
_HEARD = (
    select(*_WHOSE, out_roster.c.seq.label("seq"))
    .join(hearing, hearing.c.destination == _ASKED.c.destination)
    .join(out_roster, (out_roster.c.roster == hearing.c.roster) & (out_roster.c.urgent == _ASKED.c.urgent))
    .where(
        out_roster.c.seq > _ASKED.c.stands,
        out_roster.c.seq <= _ASKED.c.stands + SPAN,
        out_roster.c.seq > hearing.c.from_seq,
        out_roster.c.seq <= hearing.c.until_seq,
    )
)
_NAMED = (
    select(*_WHOSE, out_to.c.seq)
    .join(out_to, (out_to.c.destination == _ASKED.c.destination) & (out_to.c.urgent == _ASKED.c.urgent))
    .where(out_to.c.seq > _ASKED.c.stands, out_to.c.seq <= _ASKED.c.stands + SPAN)
)
_NEAR = union_all(_HEARD, _NAMED)
_TOP = select(heads.c.seq).where(heads.c.name == "out")
_ITEMS = select(out.c.seq, out.c.body, out.c.taken_back).where(out.c.seq.in_(bindparam("seqs", expanding=True)))

_Near = tuple[int, int, set[int]]
"""A lane's cursor, where it stands, and the positions close to that which it hears."""

_NOTHING: _Near = (0, 0, set())

_Value = TypeVar("_Value", int, str)

Alone = Callable[[Connection, LaneState, int], list[Row[*tuple[Any, ...]]]]


def read_windows(connection: Connection, asked: Sequence[LaneState], limit: int, alone: Alone) -> tuple[Window, ...]:
    """`alone` reads one lane from its cursor, however far away its next item is."""
    near = _near(connection, asked)
    top: int = connection.execute(_TOP).scalar_one()
    chosen: list[tuple[list[int], bool]] = []
    rows: dict[int, tuple[bytes | None, bool]] = {}
    for lane in asked:
        cursor, stands, seqs = near.get((lane.destination.protocol, lane.destination.address, lane.urgent), _NOTHING)
        ahead = sorted(seq for seq in seqs if seq > lane.cursor)
        seen_all = stands + SPAN >= top
        if cursor <= lane.cursor and (ahead or (seqs and seen_all)):
            chosen.append((ahead[:limit], not seen_all or len(ahead) > limit))
            continue
        found = alone(connection, lane, limit)
        rows.update((row.seq, (row.body, row.taken_back)) for row in found)
        chosen.append(([row.seq for row in found], len(found) == limit))
    wanted = {seq for seqs, _ in chosen for seq in seqs} - rows.keys()
    for part in _parts(sorted(wanted)):
        rows.update((row.seq, (row.body, row.taken_back)) for row in connection.execute(_ITEMS, {"seqs": part}))
    queued = {seq: Queued(seq, _item(body), taken_back) for seq, (body, taken_back) in rows.items()}
    return tuple(Window(tuple(queued[seq] for seq in seqs), more) for seqs, more in chosen)


def _near(connection: Connection, asked: Sequence[LaneState]) -> dict[tuple[str, str, bool], _Near]:
    """Of each lane that has something so close."""
    addresses: defaultdict[str, set[str]] = defaultdict(set)
    for lane in asked:
        addresses[lane.destination.protocol].add(lane.destination.address)
    found: dict[tuple[str, str, bool], _Near] = {}
    for protocol, wanted in addresses.items():
        for part in _parts(sorted(wanted)):
            for address, urgent, cursor, stands, seq in connection.execute(_NEAR, {"protocol": protocol, "addresses": part}):
                found.setdefault((protocol, address, urgent), (cursor, stands, set()))[2].add(seq)
    return found


def _item(body: bytes | None) -> Item | None:
    return None if body is None else decode_item(body)


def _parts(values: Sequence[_Value]) -> Iterable[Sequence[_Value]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))
