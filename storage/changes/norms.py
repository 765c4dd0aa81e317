"""Writes versions of norm files, one after the other, and counters, never more of them than their bound."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bridge.changes import DropCounters, PutCounters, PutNorms
from bridge.errors import Conflict
from bridge.norms.counters import MOST_KEYS
from storage.columns import micros
from storage.dialect import once
from storage.moderation_schema import counter_keys, counters, norm_files

__all__ = ["drop_counters", "forget_counters", "put_counters", "put_norms"]

_UPDATE = (
    update(counters)
    .where(counters.c.key == bindparam("which"))
    .values(body=bindparam("body"), used_at=bindparam("used_at"), until=bindparam("until"))
)
_INSERT = once(counters)
_START = once(counter_keys)
_GROW = update(counter_keys).values(live=counter_keys.c.live + bindparam("more")).returning(counter_keys.c.live)
_LEAST_USED = select(counters.c.key).order_by(counters.c.used_at, counters.c.key).limit(bindparam("many"))
_DROP = delete(counters).where(counters.c.key.in_(bindparam("keys", expanding=True)))
_EMPTY = delete(counters).where(counters.c.until <= bindparam("before"))
_ABOUT = delete(counters).where(counters.c.who.in_(bindparam("hashes", expanding=True)))
_LAST = (
    select(norm_files.c.version, norm_files.c.hash)
    .where(norm_files.c.name == bindparam("whose"))
    .order_by(norm_files.c.version.desc())
    .limit(1)
)
_APPEND = insert(norm_files)


def put_counters(connection: Connection, change: PutCounters, most: int = MOST_KEYS) -> None:
    """`most`: how many keys live at once."""
    used_at, new = micros(change.at), 0
    for count in change.counts:
        row = {"body": msgspec.msgpack.encode(count.counter), "used_at": used_at, "until": micros(count.until)}
        if not connection.execute(_UPDATE, {"which": count.key, **row}).rowcount:
            _INSERT(connection, {"key": count.key, "who": count.who, **row})
            new += 1
    if new and (beyond := _grow(connection, new) - most) > 0:
        keys = list(connection.execute(_LEAST_USED, {"many": beyond}).scalars())
        connection.execute(_DROP, {"keys": keys})
        _grow(connection, -len(keys))


def drop_counters(connection: Connection, now: int) -> int:
    """Those whose window has passed; how many they were."""
    gone: int = connection.execute(_EMPTY, {"before": now}).rowcount
    if gone:
        _grow(connection, -gone)
    return gone


def forget_counters(connection: Connection, change: DropCounters) -> None:
    gone: int = connection.execute(_ABOUT, {"hashes": [who for who in change.who if who]}).rowcount
    if gone:
        _grow(connection, -gone)


def _grow(connection: Connection, more: int) -> int:
    live: int | None = connection.execute(_GROW, {"more": more}).scalar()
    if live is None:
        _START(connection, {"one": 1, "live": 0})
        live = connection.execute(_GROW, {"more": more}).scalar_one()
    return live


def put_norms(connection: Connection, change: PutNorms) -> None:
    new = change.version
    last = connection.execute(_LAST, {"whose": new.name}).first()
    if last is not None and last.version == new.version and last.hash == new.hash:
        return
    if (last.version + 1, last.hash) != (new.version, new.parent) if last is not None else (new.version, new.parent) != (1, ""):
        raise Conflict(f"the norm file {new.name} has another version {new.version} already")
    row = {"name": new.name, "version": new.version, "hash": new.hash, "parent": new.parent}
    connection.execute(_APPEND, {**row, "at": micros(new.at), "words": new.words.encode()})
