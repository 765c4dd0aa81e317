"""Writes who somebody, or a server, is to a community; nothing here outlives what norms.md 3.9 allows it."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select

from bridge.changes import LetIn, NoteAcquainted, PutMode, PutOrigin, PutTenure, PutVouch
from bridge.model.ids import CommunityId, Native, derive
from storage.columns import micros
from storage.dialect import once, upsert
from storage.schema import communities, let_ins
from storage.standing_schema import acquaintances, modes, origins, tenures, vouches

__all__ = ["forget_standing", "known_as", "let_in", "note_acquainted", "put_mode", "put_origin", "put_tenure", "put_vouch"]

MOST_ACQUAINTANCES = 256
"""Of one person in one community (norms.md 3.3)."""

_LET_IN = once(let_ins)
_TENURE = once(tenures)
_VOUCH = upsert(vouches)
_ACQUAINTED = upsert(acquaintances)
_ORIGIN = upsert(origins)
_MODE = upsert(modes)
_BEYOND = (
    select(acquaintances.c.other)
    .where(acquaintances.c.community == bindparam("where"), acquaintances.c.one == bindparam("whose"))
    .order_by(acquaintances.c.at.desc(), acquaintances.c.other)
    .offset(MOST_ACQUAINTANCES)
)
_FORGET_BEYOND = delete(acquaintances).where(
    acquaintances.c.community == bindparam("where"),
    acquaintances.c.one == bindparam("whose"),
    acquaintances.c.other.in_(bindparam("others", expanding=True)),
)
_COMMUNITIES = select(communities.c.id)
_STRANGE = delete(acquaintances).where(
    acquaintances.c.one.in_(bindparam("hashes", expanding=True)) | acquaintances.c.other.in_(bindparam("hashes", expanding=True))
)
_NO_TENURE = delete(tenures).where(tenures.c.actor == bindparam("whose"))
_NO_VOUCH = delete(vouches).where((vouches.c.actor == bindparam("whose")) | (vouches.c.by == bindparam("whose")))


def known_as(secret: bytes, person: Native, community: CommunityId) -> str:
    """The keyed hash under which somebody stands among the acquaintances of one community."""
    return derive(secret, "acquainted", community, str(person))


def let_in(connection: Connection, change: LetIn) -> None:
    row = {"actor": str(change.actor), "community": change.community, "event": change.event_id, "careful": change.careful}
    _LET_IN(connection, row)


def put_tenure(connection: Connection, change: PutTenure) -> None:
    _TENURE(connection, {"actor": str(change.actor), "community": change.community, "since": micros(change.since)})


def put_vouch(connection: Connection, change: PutVouch) -> None:
    one = change.vouch
    row = {"actor": str(one.person), "community": one.community, "by": str(one.by), "host": one.host}
    _VOUCH(connection, {**row, "at": micros(one.at), "until": micros(one.until)})


def note_acquainted(connection: Connection, change: NoteAcquainted, secret: bytes) -> None:
    one, other = (known_as(secret, person, change.community) for person in (change.one, change.other))
    _ACQUAINTED(connection, {"community": change.community, "one": one, "other": other, "at": micros(change.at)})
    beyond = list(connection.execute(_BEYOND, {"where": change.community, "whose": one}).scalars())
    if beyond:
        connection.execute(_FORGET_BEYOND, {"where": change.community, "whose": one, "others": beyond})


def put_origin(connection: Connection, change: PutOrigin) -> None:
    one = change.origin
    moments = {name: micros(getattr(one, name)) for name in ("first_at", "waved_at", "member_at", "added_at")}
    _ORIGIN(connection, {"community": one.community, "host": one.host, "released": one.released, "actors": one.actors, **moments})


def put_mode(connection: Connection, change: PutMode) -> None:
    mode = change.mode
    _MODE(connection, {"community": change.community, "mode": mode.mode, "target": mode.target, "until": micros(mode.until)})


def forget_standing(connection: Connection, person: Native, secret: bytes) -> None:
    """All that was kept of somebody's standing, in every community."""
    for statement in (_NO_TENURE, _NO_VOUCH):
        connection.execute(statement, {"whose": str(person)})
    hashes = [known_as(secret, person, CommunityId(name)) for name in connection.execute(_COMMUNITIES).scalars()]
    if hashes:
        connection.execute(_STRANGE, {"hashes": hashes})
