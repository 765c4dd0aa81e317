"""Who somebody, or a server, is to a community, and the modes that it is in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, Row, and_, bindparam, case, func, literal, select

from bridge.model.ids import CommunityId, Native
from bridge.norms.decision import ModeOp
from bridge.norms.origins import Origin
from bridge.norms.standing import Tenure, Vouch
from bridge.ports import Clock
from storage.changes.standing import known_as
from storage.columns import micros, moment, parse_native
from storage.engine import Database
from storage.schema import let_ins
from storage.standing_schema import acquaintances, modes, origins, tenures, vouches

__all__ = ["ACQUAINTED", "SqlPeople"]

ACQUAINTED = timedelta(days=90)
"""How long two people stay no strangers to each other without a word (norms.md 3.3)."""

_MINE = and_(let_ins.c.actor == bindparam("actor"), let_ins.c.community == bindparam("community"))
_SINCE = select(tenures.c.since).where(tenures.c.actor == bindparam("actor"), tenures.c.community == bindparam("community"))
_TENURE = select(
    _SINCE.scalar_subquery().label("since"),
    select(func.count()).select_from(let_ins).where(_MINE).scalar_subquery().label("released"),
    select(func.coalesce(func.sum(case((let_ins.c.careful, 1), else_=0)), 0)).where(_MINE).scalar_subquery().label("careful"),
    select(vouches.c.by)
    .where(vouches.c.actor == bindparam("actor"), vouches.c.community == bindparam("community"), vouches.c.until > bindparam("now"))
    .exists()
    .label("vouched"),
).select_from(select(literal(1)).subquery())
_VOUCHES = select(vouches).where(vouches.c.until > bindparam("now"), vouches.c.community == bindparam("community")).order_by(vouches.c.by)
_VOUCHES_FOR = _VOUCHES.where(vouches.c.actor == bindparam("actor"))
_VOUCHES_BY = _VOUCHES.where(vouches.c.by == bindparam("actor"))
_ACQUAINTED = select(acquaintances.c.at).where(
    acquaintances.c.community == bindparam("community"),
    acquaintances.c.one == bindparam("one"),
    acquaintances.c.other == bindparam("other"),
    acquaintances.c.at > bindparam("after"),
)
_ORIGINS = select(origins).where(origins.c.community == bindparam("community")).order_by(origins.c.host)
_ORIGIN = _ORIGINS.where(origins.c.host == bindparam("host"))
_MODES = (
    select(modes)
    .where(modes.c.community == bindparam("community"), modes.c.until > bindparam("now"))
    .order_by(modes.c.mode, modes.c.target)
)


class SqlPeople:
    """The `People` port over any `Database`."""

    def __init__(self, database: Database, clock: Clock, secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret

    async def _all(self, statement: Executable, **values: object) -> list[Row[*tuple[Any, ...]]]:
        return await self._database.read(lambda connection: list(connection.execute(statement, values).all()))

    async def tenure(self, actor: Native, community: CommunityId) -> Tenure:
        ask = {"actor": str(actor), "community": community, "now": micros(self._clock.now())}
        row = (await self._all(_TENURE, **ask))[0]
        said = tuple(_vouch(one) for one in await self._all(_VOUCHES_FOR, **ask)) if row.vouched else ()
        return Tenure(moment(row.since), int(row.released), int(row.careful), said)

    async def vouches_by(self, actor: Native, community: CommunityId) -> tuple[Vouch, ...]:
        rows = await self._all(_VOUCHES_BY, actor=str(actor), community=community, now=micros(self._clock.now()))
        return tuple(_vouch(row) for row in rows)

    async def acquainted(self, one: Native, other: Native, community: CommunityId) -> bool:
        hashes = {name: known_as(self._secret, person, community) for name, person in (("one", one), ("other", other))}
        after = micros(self._clock.now() - ACQUAINTED)
        return bool(await self._all(_ACQUAINTED, community=community, after=after, **hashes))

    async def origin(self, host: str, community: CommunityId) -> Origin | None:
        return next((_origin(row) for row in await self._all(_ORIGIN, host=host, community=community)), None)

    async def origins(self, community: CommunityId) -> tuple[Origin, ...]:
        ask = {"community": community}
        rows = await self._database.scan(lambda connection: list(connection.execute(_ORIGINS, ask).all()))
        return tuple(_origin(row) for row in rows)

    async def modes(self, community: CommunityId) -> tuple[ModeOp, ...]:
        rows = await self._all(_MODES, community=community, now=micros(self._clock.now()))
        return tuple(ModeOp(row.mode, row.target, moment(row.until)) for row in rows)


def _vouch(row: Row[*tuple[Any, ...]]) -> Vouch:
    person, by = parse_native(row.actor), parse_native(row.by)
    return Vouch(CommunityId(row.community), person, by, moment(row.at), moment(row.until), host=row.host)


def _origin(row: Row[*tuple[Any, ...]]) -> Origin:
    moments = {name: moment(getattr(row, name)) for name in ("first_at", "waved_at", "member_at", "added_at")}
    return Origin(CommunityId(row.community), row.host, released=row.released, actors=row.actors, **moments)
